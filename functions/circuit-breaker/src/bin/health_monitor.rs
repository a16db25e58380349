//! `circuit-breaker-health-monitor`: probes targets, on a schedule and when an alarm goes off.

use std::process::ExitCode;

use circuit_breaker::{Config, MonitorCall, Queues, RunFailure, SLUG};
use circuit_breaker_core::health_monitor::HealthMonitor;
use tenfold_aws::queue::SqsQueue;
use tenfold_lambda::{Boot, run};

fn main() -> ExitCode {
    run(SLUG, "health-monitor", async |Boot { env, aws, runtime, start }| {
        let read = (Config::read(&env), Queues::retries(&env));
        let (config, retries) = env.finish(read)?;
        let table = config.table(&aws);
        let monitor = HealthMonitor {
            registry: config.registry(&table, &runtime),
            table,
            queue: SqsQueue::new(aws.sqs(), &retries),
            downstream: config.downstream(),
            credentials: config.credentials(&aws),
            runtime,
        };
        start
            .serve_event(async move |MonitorCall(event): &MonitorCall, context| {
                monitor.handle(event, context).await.map_err(RunFailure)
            })
            .await
    })
}
