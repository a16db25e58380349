//! `circuit-breaker-health-monitor`: probes targets, on a schedule and when an alarm goes off.

use std::process::ExitCode;

use circuit_breaker::{Config, Queues, RunFailure, host};
use circuit_breaker_core::health_monitor::{HealthMonitor, MonitorEvent};
use tenfold_aws::Aws;
use tenfold_aws::downstream::HttpDownstream;
use tenfold_lambda::{Env, Invocation, run};

const NAME: &str = "circuit-breaker-health-monitor";

fn main() -> ExitCode {
    run(NAME, async |start| {
        let config = Config::read(Env::from_process(), Queues::NotNeeded)?;
        let aws = Aws::from_env()?;
        let table = config.table(&aws);
        let monitor = HealthMonitor {
            downstream: HttpDownstream::default(),
            host: host(NAME),
            registry: config.registry(table.clone(), host(NAME)),
            table,
        };
        let start = start.counting(move || aws.calls().take());
        start
            .serve_event(async move |event: MonitorEvent, invocation: Invocation| {
                monitor.run(&event, invocation.deadline).await.map_err(RunFailure)
            })
            .await
    })
}
