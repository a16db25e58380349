//! A target that wants a secret.

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::health_monitor::MonitorEvent;
use tenfold_world::{RunOutcome, World};

use super::{Answered, Stack, answers, config, put_breaker, rows};

/// Secrets cannot always be had: nobody is called without, nothing counts then, and what waits for them is delivered.
pub fn credentials(world: &World, secret: &str) -> RunOutcome {
    let config = config(&format!(
        r#","healthUrl":"https://pay.example/health","idempotency":"target","halfOpenProbes":1,"openDurationMs":1000,
           "credentials":{{"type":"header","name":"x-api-key","secret":"{secret}"}}"#
    ));
    let stack = Stack::new(world, &config);
    put_breaker(world, &config, BreakerState::Open { until: world.now() });
    world.put_secret(&secret.parse().map_err(|_| "no reference")?, "key");
    world.service(|s| s.wants = Some(("x-api-key".into(), "key".into())));
    stack.spawn_request(world, "a");
    stack.spawn_monitor(world, world.now(), MonitorEvent::Schedule);
    world.run()?;
    stack.finish(world, |world| {
        let refused =
            rows(world).into_iter().filter_map(|row| row.data.answer).any(|answer| answer.status == 401);
        if refused || answers(world).iter().any(|Answered(_, status)| *status == 401) {
            return Err("the target was called without credentials".into());
        }
        Ok(())
    })
}
