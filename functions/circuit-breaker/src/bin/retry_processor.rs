//! `circuit-breaker-retry-processor`: delivers parked requests, on a schedule.

use std::process::ExitCode;

use circuit_breaker::{Config, Queues, RunFailure, SLUG};
use circuit_breaker_core::retry_processor::RetryProcessor;
use tenfold_lambda::schedule::ScheduleEvent;
use tenfold_lambda::{Boot, run};

fn main() -> ExitCode {
    run(SLUG, "retry-processor", async |Boot { env, aws, runtime, start }| {
        let read = (Config::read(&env), Queues::read(&env));
        let (config, queues) = env.finish(read)?;
        let table = config.table(&aws);
        let (queue, dead_letters) = queues.of(&aws);
        let processor = RetryProcessor {
            registry: config.registry(&table, &runtime),
            table,
            queue,
            dead_letters,
            downstream: config.downstream(),
            runtime,
            retention: config.retention,
            orphan_after: config.orphan_after,
            age_alarm: config.age_alarm,
        };
        start
            .serve_event(async move |_: &ScheduleEvent, context| {
                processor.handle(context).await.map_err(RunFailure)
            })
            .await
    })
}
