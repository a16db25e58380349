//! `circuit-breaker-gateway`: the API.

use std::process::ExitCode;

use circuit_breaker::{Config, Queues, host};
use circuit_breaker_core::gateway::Gateway;
use tenfold_aws::Aws;
use tenfold_aws::downstream::HttpDownstream;
use tenfold_lambda::{Env, run};

const NAME: &str = "circuit-breaker-gateway";

fn main() -> ExitCode {
    run(NAME, async |start| {
        let config = Config::read(Env::from_process(), Queues::Needed)?;
        let aws = Aws::from_env()?;
        let table = config.table(&aws);
        let gateway = Gateway {
            queue: config.queue(&aws),
            dead_letters: config.dead_letters(&aws),
            downstream: HttpDownstream::default(),
            host: host(NAME),
            registry: config.registry(table.clone(), host(NAME)),
            table,
            retention: config.retention,
        };
        let start = start.counting(move || aws.calls().take());
        start
            .serve_api(async move |mut request, invocation| {
                request.set_header("traceparent", invocation.trace.to_header());
                request.set_header("x-correlation-id", invocation.correlation_id);
                gateway.handle(&request, invocation.deadline).await
            })
            .await
    })
}
