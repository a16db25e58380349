//! Workloads in which the target answers, and not well: what it refuses, and what only passes.

use circuit_breaker_core::rows::RequestRow;
use jiff::SignedDuration;
use tenfold_world::downstream::Health;
use tenfold_world::{RunOutcome, World};

use super::{Answered, Post, Stack, answers, config, minutes, promises_are_kept, rows};

/// What the target refuses while it waits is dead with its answer: nobody would ever see that it was not done. A redrive
/// brings it back.
pub fn refused(world: &World) -> RunOutcome {
    let config =
        config(r#","idempotency":"target","minimumCalls":100,"retry":{"maxAttempts":3,"baseDelayMs":10}"#);
    let stack = Stack::new(world, &config);
    world.service(|s| s.health = Health::Down);
    let posts = vec![Post::new("a"), Post::ordered("b", "k")];
    world.quiesce_while(|world| {
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts);
        world.run()
    })?;
    world.service(|s| s.health = Health::Answers(422));
    stack.spawn_processor(world, world.now() + minutes(1));
    world.run()?;
    world.quiesce_while(|world| stack.run_schedule(world))?;
    promises_are_kept(world, &stack)?;
    let is_refused = |row: &RequestRow| row.data.died.as_deref() == Some("the target answered 422");
    let refused: Vec<_> = rows(world).into_iter().filter(is_refused).collect();
    if !refused.iter().all(|row| row.data.answer.as_ref().is_some_and(|a| a.status == 422)) {
        return Err("a request that was refused does not show the target's answer".into());
    }
    world.service(|s| s.health = Health::Well);
    world.quiesce();
    stack.spawn_call(world, "POST", "/targets/pay/redrive", "");
    world.run()?;
    stack.finish(world, |_| Ok(()))
}

/// An ignored failure is passed on, and says nothing of the key: the same one again is worked on anew.
pub fn passing(world: &World) -> RunOutcome {
    let stack = Stack::new(world, &config(r#","ignoredStatuses":[503]"#));
    world.service(|s| s.health = Health::Answers(503));
    stack.spawn_request(world, "a");
    world.run()?;
    world.service(|s| s.health = Health::Well);
    stack.spawn_request(world, "a");
    world.run()?;
    stack.finish(world, |world| {
        let served = answers(world).last().is_some_and(|Answered(_, status)| *status == 200);
        if world.faults() == 0 && !served {
            return Err(format!(
                "the target is well again, and its caller was answered {:?}",
                answers(world)
            )
            .into());
        }
        Ok(())
    })
}
