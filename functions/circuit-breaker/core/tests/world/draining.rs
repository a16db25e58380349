//! Workloads of the drain: its order, its lease, and who asks it to look again.

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::names::RequestId;
use circuit_breaker_core::rows::{RequestStatus, order_group_key};
use jiff::SignedDuration;
use tenfold_world::{RunOutcome, World};

use super::{Called, Post, Stack, answers, config, minutes, one_at_once, put_breaker, rows, seconds, target};

/// Requests with one ordering key take effect in the order in which they were answered.
pub fn order(world: &World) -> RunOutcome {
    let config = config(r#","idempotency":"target","minimumCalls":100,"retry":{"baseDelayMs":100}"#);
    let stack = Stack::new(world, &config);
    // The second would be answered at once, were it not for the first.
    world.service(|s| s.ill = vec!["a".into()]);
    let posts = vec![Post::ordered("a", "k"), Post::ordered("b", "k")];
    stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts);
    world.run()?;
    world.service(|s| s.ill.clear());
    let start = world.now() + minutes(1);
    stack.spawn_processor(world, start);
    stack.spawn_processor(world, start);
    world.run()?;
    stack.finish(world, |world| {
        let answers = answers(world);
        let answered = |status: u16| status == 202 || status == 200;
        let answered: Vec<&String> = answers.iter().filter(|a| answered(a.1)).map(|a| &a.0).collect();
        let effects: Vec<String> = world.service(|s| s.effects.iter().map(ToString::to_string).collect());
        let effects: Vec<&String> = effects.iter().filter(|key| answered.contains(key)).collect();
        if effects != answered {
            return Err(
                format!("answered in the order {answered:?}, delivered in the order {effects:?}").into()
            );
        }
        Ok(())
    })
}

/// A message of an order group that comes to two runs of the retry processor, to the second just before a lease ended
/// that were as long as a call and the margin of clocks.
pub fn order_twice(world: &World) -> RunOutcome {
    let config = config(r#","idempotency":"target","minimumCalls":100"#);
    let stack = Stack::new(world, &config);
    put_breaker(world, &config, BreakerState::Open { until: world.now() + seconds(5) });
    world.quiesce_while(|world| {
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, vec![Post::ordered("a", "k")]);
        world.run()
    })?;
    world.repeat(stack.queue, seconds(65));
    put_breaker(world, &config, BreakerState::Closed);
    let start = world.now() + minutes(1);
    stack.spawn_processor(world, start);
    stack.spawn_processor(world, start + SignedDuration::from_millis(6_999));
    world.run()?;
    one_at_once(world, stack)
}

/// A drain whose calls take longer than its first lease, and another run of the retry processor just after that has ended.
pub fn long_drain(world: &World) -> RunOutcome {
    let config = config(r#","idempotency":"target","minimumCalls":100,"timeoutMs":25000"#);
    let stack = Stack::new(world, &config);
    put_breaker(world, &config, BreakerState::ForcedOpen);
    world.quiesce_while(|world| {
        let posts = vec![Post::ordered("a", "k"), Post::ordered("b", "k")];
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts);
        world.run()
    })?;
    put_breaker(world, &config, BreakerState::Closed);
    world.service(|s| s.latency = seconds(24));
    let start = world.now() + minutes(1);
    stack.spawn_processor(world, start);
    stack.spawn_processor(world, start + seconds(43));
    world.run()?;
    // Elsewhere a call may take longer than it may, and a lease is over before it.
    if world.goes_by_time() { one_at_once(world, stack) } else { stack.finish(world, |_| Ok(())) }
}

/// A request is parked while others are delivered, and whoever is told so finds the target in other hands.
pub fn asked(world: &World) -> RunOutcome {
    let config = config(r#","idempotency":"target","minimumCalls":100,"retry":{"baseDelayMs":100}"#);
    let stack = Stack::new(world, &config);
    world.service(|s| s.ill = vec!["a".into(), "b".into()]);
    world.quiesce_while(|world| {
        stack.spawn_request(world, "a");
        world.run()
    })?;
    world.service(|s| {
        s.ill = vec!["b".into()];
        s.latency = seconds(4);
    });
    let start = world.now();
    stack.spawn_request(world, "b");
    stack.spawn_delivery(world, start + seconds(2));
    stack.spawn_delivery(world, start + SignedDuration::from_millis(5_500));
    world.run()?;
    let tries = rows(world).iter().find(|row| row.data.key == "b").map_or(0, |row| row.data.tries);
    let told = world.queue(stack.queue, |messages| messages.bodies().next().is_none());
    if world.faults() == 0 && told && tries < 2 {
        return Err("whoever drained was asked to look again, and did not".into());
    }
    world.service(|s| s.ill.clear());
    stack.finish(world, |_| Ok(()))
}

/// The first of an order group is cancelled while a drain delivers it: one of them is too late, and the next goes on.
pub fn cancelled(world: &World) -> RunOutcome {
    let path = |key: &str| format!("/targets/pay/requests/{}", RequestId::new(&target(), None, key));
    let config = config(r#","idempotency":"target","minimumCalls":100,"retry":{"baseDelayMs":100}"#);
    let stack = Stack::new(world, &config);
    put_breaker(world, &config, BreakerState::ForcedOpen);
    world.quiesce_while(|world| {
        let posts = vec![Post::ordered("a", "k"), Post::ordered("b", "k"), Post::ordered("alone", "m")];
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts);
        world.run()?;
        stack.spawn_call(world, "DELETE", &path("alone"), "");
        world.run()
    })?;
    put_breaker(world, &config, BreakerState::Closed);
    stack.spawn_processor(world, world.now());
    stack.spawn_call(world, "DELETE", &path("a"), "");
    world.run()?;
    stack.finish(world, |world| {
        let rows = rows(world);
        let of =
            |key: &str| rows.iter().find(|row| row.data.key == key).ok_or_else(|| format!("{key} is lost"));
        let (a, b) = (of("a")?, of("b")?);
        let is_cancelled = a.data.dismissed.is_some();
        for Called(_, status) in world.reports().iter().filter(|Called(called, _)| *called == path("a")) {
            if (*status == 200) != is_cancelled && *status != 503 {
                return Err(format!("the cancel was answered {status}, and a is {:?}", a.status).into());
            }
        }
        if b.status != RequestStatus::Delivered {
            return Err(format!("b is {:?}, though only a was cancelled", b.status).into());
        }
        let group = world.table(|table| table.get(&order_group_key(&target(), "k")).is_some());
        if group { Err("an order group is left of which nobody waits".into()) } else { Ok(()) }
    })
}
