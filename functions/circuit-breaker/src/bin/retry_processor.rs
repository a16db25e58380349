//! `circuit-breaker-retry-processor`: delivers parked requests, by messages and on a schedule.

use std::process::ExitCode;

use circuit_breaker::{Config, ProcessorAnswer, ProcessorCall, Queues, RunFailure, SLUG};
use circuit_breaker_core::retry_processor::{Behind, RetryProcessor};
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
            credentials: config.credentials(&aws),
            runtime,
            answer_retention: config.answer_retention,
            dead_retention: config.dead_retention,
            age_alarm: config.age_alarm,
            shards: config.shards,
            behind: Behind::default(),
        };
        let handle = async move |call: &ProcessorCall, context: &_| match call {
            ProcessorCall::Schedule => Ok(processor.handle_schedule(context).await?.into()),
            ProcessorCall::Messages(messages) => {
                let (_, again) = processor.handle_messages(messages.clone(), context).await;
                Ok::<ProcessorAnswer, RunFailure>(again.into())
            }
        };
        start.serve_event(handle).await
    })
}
