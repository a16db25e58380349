//! Units of work whose AWS calls are counted, in a world where nothing goes wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::decide::breaker::BreakerState;
use jiff::SignedDuration;
use tenfold_world::downstream::Health;
use tenfold_world::{World, quiet};

use super::{Post, Stack, config, put_breaker};

/// How often each call was made, by port and method.
pub type Calls = BTreeMap<&'static str, usize>;

/// A body that is in the row of its request.
pub const SMALL: &str = "{}";

pub const TEN: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

/// The calls that `act` makes.
pub fn counted(config: &Arc<TargetConfig>, act: impl Fn(&World, &Stack)) -> Calls {
    let counts = quiet(|world| {
        let stack = Stack::new(world, config);
        act(world, &stack);
        let mut counts = Calls::new();
        for (site, _) in world.calls() {
            *counts.entry(site.call).or_insert(0) += 1;
        }
        Ok(counts)
    });
    counts.unwrap()
}

/// One environment posts these, one after the other.
pub fn posts(world: &World, stack: &Stack, keys: &[&'static str]) {
    posts_of(world, stack, keys, SMALL);
}

/// The same, with this body each.
fn posts_of(world: &World, stack: &Stack, keys: &[&'static str], body: &'static str) {
    let posts = keys.iter().map(|key| Post { body, ..Post::new(key) }).collect();
    stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts);
    world.run().unwrap();
}

/// Who keeps the answers of keys that were seen before.
pub fn kept_by(keeper: &str) -> Arc<TargetConfig> {
    config(&format!(r#","idempotency":"{keeper}""#))
}

/// Ten requests within a TTL, through a closed breaker.
pub fn closed(config: &Arc<TargetConfig>) -> Calls {
    counted(config, |world, stack| posts(world, stack, &TEN))
}

/// Ten requests with this body within a TTL, parked by an open breaker.
pub fn open(config: &Arc<TargetConfig>, body: &'static str) -> Calls {
    counted(config, |world, stack| {
        put_breaker(world, config, BreakerState::Open { until: world.now() + SignedDuration::from_mins(1) });
        posts_of(world, stack, &TEN, body);
    })
}

/// One request, parked because its target failed.
pub fn failed(config: &Arc<TargetConfig>) -> Calls {
    counted(config, |world, stack| {
        world.service(|s| s.health = Health::Answers(500));
        posts(world, stack, &["a"]);
    })
}

/// Ten parked requests with this body, tried by one run of the retry processor at a target of this health: what parking them
/// cost is not in it.
pub fn tried(config: &Arc<TargetConfig>, body: &'static str, health: Health) -> Calls {
    processed(config, |world, stack| {
        put_breaker(world, config, BreakerState::Open { until: world.now() + SignedDuration::from_secs(1) });
        posts_of(world, stack, &TEN, body);
        put_breaker(world, config, BreakerState::Closed);
        world.service(|s| s.health = health);
        world.pass(SignedDuration::from_mins(1));
    })
}

/// A run of the retry processor while the breaker is open and no message comes.
pub fn waiting(config: &Arc<TargetConfig>) -> Calls {
    processed(config, |world, stack| {
        put_breaker(world, config, BreakerState::Open { until: world.now() + SignedDuration::from_mins(10) });
        posts(world, stack, &TEN);
    })
}

/// The calls of a run of the retry processor after `before`.
fn processed(config: &Arc<TargetConfig>, before: impl Fn(&World, &Stack)) -> Calls {
    then(config, before, |world, stack| stack.spawn_processor(world, world.now()))
}

/// A call of the API while these requests wait behind a breaker that was forced open.
pub fn operated(posts: &[Post], method: &'static str, path: &str, body: &'static str) -> Calls {
    let park = |world: &World, stack: &Stack| {
        put_breaker(world, &config(""), BreakerState::ForcedOpen);
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts.to_vec());
        world.run().unwrap();
    };
    then(&config(""), park, |world, stack| stack.spawn_call(world, method, path, body))
}

/// A call of the API after these requests have failed.
pub fn operated_on_failed(posts: &[Post], method: &'static str, path: &str) -> Calls {
    let fail = |world: &World, stack: &Stack| {
        world.service(|s| s.health = Health::Answers(500));
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts.to_vec());
        world.run().unwrap();
    };
    then(&config(""), fail, |world, stack| stack.spawn_call(world, method, path, ""))
}

/// A call of the API while ten requests with this body are dead, and their letters there; with `redriven` they wait again.
pub fn operated_on_dead(body: &'static str, redriven: bool, method: &'static str, path: &str) -> Calls {
    let fields =
        config(r#","idempotency":"target","minimumCalls":100,"retry":{"maxAttempts":1,"baseDelayMs":10}"#);
    let die = |world: &World, stack: &Stack| {
        world.service(|s| s.health = Health::Answers(500));
        posts_of(world, stack, &TEN, body);
        world.pass(SignedDuration::from_mins(1));
        stack.spawn_processor(world, world.now());
        world.run().unwrap();
        if redriven {
            stack.spawn_call(world, "POST", "/targets/pay/redrive", "");
            world.run().unwrap();
        }
    };
    then(&fields, die, |world, stack| stack.spawn_call(world, method, path, ""))
}

/// The calls of `act` after `before`.
fn then(config: &Arc<TargetConfig>, before: impl Fn(&World, &Stack), act: impl Fn(&World, &Stack)) -> Calls {
    let counts = counted(config, &before);
    let mut calls = counted(config, |world, stack| {
        before(world, stack);
        act(world, stack);
        world.run().unwrap();
    });
    calls.retain(|call, n| {
        *n -= counts.get(call).unwrap_or(&0);
        *n > 0
    });
    calls
}

/// A run of the retry processor that finds nothing to do.
pub fn idle() -> Calls {
    counted(&config(""), |world, stack| {
        stack.spawn_processor(world, world.now());
        world.run().unwrap();
    })
}
