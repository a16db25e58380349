//! `circuit-breaker-gateway`: the API.

use std::process::ExitCode;
use std::rc::Rc;

use circuit_breaker::{Config, Queues, SLUG};
use circuit_breaker_core::gateway::Gateway;
use circuit_breaker_core::park::Wakes;
use tenfold_lambda::{Boot, run};

fn main() -> ExitCode {
    run(SLUG, "gateway", async |Boot { env, aws, runtime, start }| {
        let read = (Config::read(&env), Queues::read(&env));
        let (config, queues) = env.finish(read)?;
        let table = config.table(&aws);
        let (queue, dead_letters) = queues.of(&aws);
        let gateway = Gateway {
            registry: config.registry(&table, &runtime),
            table,
            queue,
            dead_letters,
            downstream: config.downstream(),
            credentials: config.credentials(&aws),
            runtime,
            answer_retention: config.answer_retention,
            dead_retention: config.dead_retention,
            shards: config.shards,
            wakes: Wakes::default(),
        };
        let gateway = Rc::new(gateway);
        let behind = Rc::clone(&gateway);
        let answer = async move |request: &_, context: &_| gateway.handle(request, context).await;
        start.serve_api_then(answer, async move || behind.tend().await).await
    })
}
