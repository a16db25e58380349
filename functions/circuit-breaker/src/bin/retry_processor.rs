//! `circuit-breaker-retry-processor`: delivers parked requests, on a schedule.

use std::process::ExitCode;

use circuit_breaker::{Config, Queues, RunFailure, host};
use circuit_breaker_core::retry_processor::RetryProcessor;
use serde_json::Value;
use tenfold_aws::Aws;
use tenfold_aws::downstream::HttpDownstream;
use tenfold_lambda::{Env, Invocation, run};

const NAME: &str = "circuit-breaker-retry-processor";

fn main() -> ExitCode {
    run(NAME, async |start| {
        let config = Config::read(Env::from_process(), Queues::Needed)?;
        let aws = Aws::from_env()?;
        let table = config.table(&aws);
        let processor = RetryProcessor {
            queue: config.queue(&aws),
            dead_letters: config.dead_letters(&aws),
            downstream: HttpDownstream::default(),
            host: host(NAME),
            registry: config.registry(table.clone(), host(NAME)),
            table,
            retention: config.retention,
            orphan_after: config.orphan_after,
        };
        let start = start.counting(move || aws.calls().take());
        // Whoever calls: what the schedule says does not matter.
        start
            .serve_event(async move |_: Value, invocation: Invocation| {
                processor.run(invocation.deadline).await.map_err(RunFailure)
            })
            .await
    })
}
