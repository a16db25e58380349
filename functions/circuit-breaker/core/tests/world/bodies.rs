//! Workloads of requests whose bodies are too large for their rows.

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::rows::{INLINE_MOST, RequestStatus};
use jiff::SignedDuration;
use tenfold_ports::Bytes;
use tenfold_world::downstream::Health;
use tenfold_world::{RunOutcome, World};

use super::{Answered, Post, Stack, answers, config, minutes, put_breaker, rows};

/// A body that has an item of its own.
pub const LARGE: &str = match str::from_utf8(&[b'x'; INLINE_MOST + 1]) {
    Ok(body) => body,
    Err(_) => "",
};

/// A request with such a body, as its target has to get it.
fn large(world: &World, ordering: Option<&'static str>) -> Vec<Post> {
    world.service(|s| s.wants_body = Some(Bytes::from_static(LARGE.as_bytes())));
    vec![Post { body: LARGE, ordering, ..Post::new("a") }]
}

/// Ends a run: whatever was called with another body than was sent was answered 400.
fn finish(world: &World, stack: Stack) -> RunOutcome {
    stack.finish(world, |world| {
        let refused = rows(world).iter().any(|row| row.data.answer.as_ref().is_some_and(|a| a.status == 400));
        if refused || answers(world).iter().any(|Answered(_, status)| *status == 400) {
            return Err("the target got another body than was sent".into());
        }
        Ok(())
    })
}

/// A large body waits while its target fails, and is delivered as it came.
pub fn parked(world: &World) -> RunOutcome {
    let config = config(r#","idempotency":"target","minimumCalls":100,"retry":{"baseDelayMs":100}"#);
    let stack = Stack::new(world, &config);
    world.service(|s| s.health = Health::Answers(500));
    stack.spawn_requests(world, world.now(), SignedDuration::ZERO, large(world, None));
    world.run()?;
    stack.spawn_processor(world, world.now() + minutes(1));
    world.run()?;
    world.service(|s| s.health = Health::Well);
    // Also sent again, by one who was not told.
    stack.spawn_requests(world, world.now(), SignedDuration::ZERO, large(world, None));
    stack.spawn_processor(world, world.now() + minutes(1));
    world.run()?;
    finish(world, stack)
}

/// A request with a large body waits for so long that its dead row outlives what its body was kept for at first; a redrive
/// brings both back.
pub fn redriven(world: &World) -> RunOutcome {
    let config = config(r#","idempotency":"target""#);
    let stack = Stack::new(world, &config);
    put_breaker(world, &config, BreakerState::ForcedOpen);
    world.quiesce_while(|world| {
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, large(world, Some("k")));
        world.run()
    })?;
    world.pass(SignedDuration::from_hours(29 * 24 + 12));
    stack.spawn_processor(world, world.now());
    world.run()?;
    world.quiesce_while(|world| stack.run_schedule(world))?;
    put_breaker(world, &config, BreakerState::Closed);
    stack.spawn_call(world, "POST", "/targets/pay/redrive", "");
    world.run()?;
    // What a redrive cut short left dead, the next one takes.
    world.quiesce();
    stack.spawn_call(world, "POST", "/targets/pay/redrive", "");
    world.run()?;
    finish(world, stack)?;
    if rows(world).iter().any(|row| row.status == RequestStatus::Dead) {
        return Err("a request with a large body was not redriven".into());
    }
    Ok(())
}
