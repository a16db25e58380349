//! The breaker's invariants, under crashes and faults at every call.

mod world;

use std::time::Duration;

use circuit_breaker_core::breaker::State;
use jiff::SignedDuration;
use tenfold_world::downstream::Health;
use tenfold_world::{Bounds, Report, World, exhaust, sample};
use world::{Post, Stack, always, breaker, config, put_breaker, rows};

/// Ends the test with the counterexample, or says how far it went.
#[track_caller]
fn holds(name: &str, report: &Report) {
    if let Some(violation) = &report.violation {
        panic!("{name}, after {} runs: {violation}", report.runs);
    }
    println!("{name}: {} runs{}", report.runs, if report.whole { ", exhaustive" } else { "" });
}

fn explore(name: &str, bounds: Bounds, run: impl Fn(&World) -> Result<(), String>) {
    let report = exhaust(Bounds { runs: 60_000, ..bounds }, &run);
    holds(name, &report);
    let deep = Bounds { faults: 3, switches: None, stale_reads: true, runs: 3_000, time: Duration::MAX };
    holds(&format!("{name}, sampled"), &sample(deep, 1, &run));
}

fn half_open(world: &World, probes: u32) -> (Stack, circuit_breaker_core::config::TargetConfig) {
    let config = config(&format!(
        r#","idempotency":"target","halfOpenProbes":{probes},"timeoutMs":2000,"openDurationMs":1000"#
    ));
    let stack = Stack::new(world, &config);
    put_breaker(world, &config, State::Open { until: world.now() });
    world.service(|s| s.latency = SignedDuration::from_secs(1));
    (stack, config)
}

#[test]
fn at_most_as_many_probes_as_permits_are_on_their_way() {
    for probes in [1, 2] {
        explore(&format!("{probes} permits"), Bounds::default(), |world| {
            let (stack, _) = half_open(world, probes);
            for key in ["a", "b", "c"] {
                stack.spawn_request(world, key);
            }
            world.run();
            let most = world.service(|s| s.most_in_flight);
            // Once the epoch has closed, everybody may call: only what ran before counts.
            let closed = breaker(world).is_some_and(|b| b.state == State::Closed);
            if most > probes && !closed {
                return Err(format!("{most} probes at once"));
            }
            stack.settle(world)?;
            always(world, &stack)
        });
    }
}

#[test]
fn a_dead_prober_gives_its_permit_back_by_the_clock() {
    explore("dead prober", Bounds { faults: 2, switches: Some(1), ..Bounds::default() }, |world| {
        let (stack, _) = half_open(world, 1);
        stack.spawn_request(world, "a");
        world.run();
        world.calm();
        world.pass(SignedDuration::from_secs(10));
        stack.spawn_request(world, "b");
        world.run();
        let answered = stack.answers.borrow().iter().any(|(key, status)| key == "b" && *status == 200);
        if !answered {
            return Err("after the lease has ended somebody else may probe".to_owned());
        }
        stack.settle(world)?;
        always(world, &stack)
    });
}

#[test]
fn whatever_fails_a_promise_is_kept() {
    for idempotency in ["gateway", "target"] {
        explore(&format!("promises, {idempotency}"), Bounds::default(), |world| {
            let config = config(&format!(
                r#","idempotency":"{idempotency}","minimumCalls":2,"window":{{"size":4}},"retry":{{"baseDelayMs":100}}"#
            ));
            let stack = Stack::new(world, &config);
            world.service(|s| s.health = Health::Answers(500));
            stack.spawn_request(world, "a");
            stack.spawn_request(world, "b");
            world.run();
            world.service(|s| s.health = Health::Well);
            stack.spawn_processor(world, world.now() + SignedDuration::from_mins(1));
            world.run();
            stack.settle(world)?;
            always(world, &stack)
        });
    }
}

#[test]
fn two_processors_deliver_once_or_more_but_settle_once() {
    explore("two processors", Bounds::default(), |world| {
        let config = config(r#","retry":{"baseDelayMs":100}"#);
        let stack = Stack::new(world, &config);
        put_breaker(world, &config, State::Open { until: world.now() + SignedDuration::from_secs(5) });
        world.calm_while(|world| {
            stack.spawn_request(world, "a");
            stack.spawn_request(world, "b");
            world.run();
        });
        let start = world.now() + SignedDuration::from_mins(1);
        stack.spawn_processor(world, start);
        stack.spawn_processor(world, start);
        world.run();
        stack.settle(world)?;
        always(world, &stack)
    });
}

#[test]
fn an_ordering_key_keeps_its_order_through_failures() {
    explore("order", Bounds { switches: Some(1), ..Bounds::default() }, |world| {
        let config = config(r#","idempotency":"target","minimumCalls":100,"retry":{"baseDelayMs":100}"#);
        let stack = Stack::new(world, &config);
        world.service(|s| s.health = Health::Answers(500));
        let posts = vec![Post::ordered("a", "k"), Post::ordered("b", "k"), Post::ordered("c", "k")];
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts);
        world.run();
        world.service(|s| s.health = Health::Well);
        let start = world.now() + SignedDuration::from_mins(1);
        stack.spawn_processor(world, start);
        stack.spawn_processor(world, start);
        world.run();
        stack.settle(world)?;
        let promised: Vec<String> =
            stack.answers.borrow().iter().filter(|(_, s)| *s == 202).map(|(key, _)| key.clone()).collect();
        let effects: Vec<String> = world
            .service(|s| s.effects.iter().map(ToString::to_string).collect::<Vec<_>>())
            .into_iter()
            .filter(|key| promised.contains(key))
            .collect();
        if effects != promised {
            return Err(format!("promised in the order {promised:?}, delivered in the order {effects:?}"));
        }
        always(world, &stack)
    });
}

#[test]
fn what_cannot_be_delivered_dies_with_a_dead_letter() {
    explore("death", Bounds { switches: Some(1), ..Bounds::default() }, |world| {
        let config = config(
            r#","idempotency":"target","minimumCalls":100,"retry":{"maxAttempts":2,"baseDelayMs":10}"#,
        );
        let stack = Stack::new(world, &config);
        world.service(|s| s.health = Health::Down);
        stack.spawn_requests(
            world,
            world.now(),
            SignedDuration::ZERO,
            vec![Post::new("a"), Post::ordered("b", "k")],
        );
        world.run();
        stack.spawn_processor(world, world.now() + SignedDuration::from_mins(1));
        world.run();
        stack.settle(world)?;
        always(world, &stack)
    });
}

#[test]
fn the_same_key_again_never_calls_an_idempotent_target_for_another_answer() {
    explore("same key", Bounds::default(), |world| {
        let config = config("");
        let stack = Stack::new(world, &config);
        stack.spawn_request(world, "a");
        stack.spawn_request(world, "a");
        world.run();
        stack.settle(world)?;
        always(world, &stack)?;
        // Without a crash nobody calls twice: the second waits (409) or is answered from the row.
        let calls = world.service(|s| s.calls.len());
        let answers = stack.answers.borrow().clone();
        if answers.iter().all(|(_, status)| *status == 200)
            && answers.len() == 2
            && calls > 1
            && rows(world).len() == 1
        {
            return Err(format!("{calls} calls for two answers"));
        }
        Ok(())
    });
}
