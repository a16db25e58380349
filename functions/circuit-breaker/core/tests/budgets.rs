//! What one unit of work costs in AWS calls: counted, not timed.

mod world;

use std::collections::BTreeMap;

use circuit_breaker_core::breaker::State;
use circuit_breaker_core::config::TargetConfig;
use jiff::SignedDuration;
use tenfold_world::downstream::Health;
use tenfold_world::{Bounds, World, exhaust};
use world::{Post, Stack, config, put_breaker};

/// The calls that `act` makes, by port and method, in a world where nothing goes wrong.
fn counted(config: &TargetConfig, act: impl Fn(&World, &Stack)) -> BTreeMap<&'static str, usize> {
    let counts = std::cell::RefCell::new(BTreeMap::new());
    let calm = Bounds { faults: 0, runs: 1, ..Bounds::default() };
    let report = exhaust(calm, |world| {
        world.calm();
        let stack = Stack::new(world, config);
        act(world, &stack);
        let mut counts = counts.borrow_mut();
        for (site, _) in world.calls() {
            *counts.entry(site.call).or_insert(0) += 1;
        }
        Ok(())
    });
    assert!(report.violation.is_none());
    counts.into_inner()
}

/// One environment posts these, one after the other.
fn posts(world: &World, stack: &Stack, keys: &[&'static str]) {
    let posts = keys.iter().copied().map(Post::new).collect();
    stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts);
    world.run();
}

fn all(pairs: &[(&'static str, usize)]) -> BTreeMap<&'static str, usize> {
    pairs.iter().copied().collect()
}

const TEN: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

#[test]
fn closed_and_the_target_keeps_the_key_costs_one_read_a_ttl() {
    let config = config(r#","idempotency":"target""#);
    let counts = counted(&config, |world, stack| posts(world, stack, &TEN));
    assert_eq!(counts, all(&[("downstream.call", 10), ("table.get_many", 1)]));
}

#[test]
fn closed_and_the_gateway_keeps_the_key_costs_two_writes_a_request_more() {
    let counts = counted(&config(""), |world, stack| posts(world, stack, &TEN));
    assert_eq!(counts, all(&[("downstream.call", 10), ("table.get_many", 1), ("table.write", 20)]));
}

#[test]
fn a_tenant_costs_no_read_more() {
    let config = config(r#","idempotency":"target""#);
    let counts = counted(&config, |world, stack| {
        let post = Post { tenant: Some("red"), ..Post::new("a") };
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, vec![post]);
        world.run();
    });
    assert_eq!(counts, all(&[("downstream.call", 1), ("table.get_many", 1)]));
}

#[test]
fn a_failure_is_reported_once_and_parked_with_one_put_and_one_send() {
    let config = config(r#","idempotency":"target""#);
    let counts = counted(&config, |world, stack| {
        world.service(|s| s.health = Health::Answers(500));
        posts(world, stack, &["a"]);
    });
    let expected = [("downstream.call", 1), ("queue.send", 1), ("table.get_many", 1), ("table.write", 2)];
    assert_eq!(counts, all(&expected));
}

#[test]
fn an_open_breaker_costs_one_put_and_one_send_a_request_and_no_call() {
    for text in ["", r#","idempotency":"target""#] {
        let config = config(text);
        let counts = counted(&config, |world, stack| {
            put_breaker(world, &config, State::Open { until: world.now() + SignedDuration::from_mins(1) });
            posts(world, stack, &TEN);
        });
        assert_eq!(counts, all(&[("queue.send", 10), ("table.get_many", 1), ("table.write", 10)]));
    }
}

#[test]
fn ten_parked_requests_cost_one_receive_one_read_ten_updates_and_one_delete() {
    let config = config("");
    let parked = |world: &World, stack: &Stack| {
        put_breaker(world, &config, State::Open { until: world.now() + SignedDuration::from_secs(1) });
        posts(world, stack, &TEN);
        put_breaker(world, &config, State::Closed);
        world.pass(SignedDuration::from_mins(1));
    };
    let before = counted(&config, parked);
    let after = counted(&config, |world, stack| {
        parked(world, stack);
        stack.spawn_processor(world, world.now());
        world.run();
    });
    let cost: BTreeMap<_, _> = after
        .iter()
        .map(|(call, n)| (*call, n - before.get(call).unwrap_or(&0)))
        .filter(|(_, n)| *n > 0)
        .collect();
    let expected = [
        ("downstream.call", 10),
        ("queue.delete", 1),
        // The batch, and the empty one that says that nothing is left.
        ("queue.receive", 2),
        // The run itself: the breakers of the sweep and of the delivery. The batch: its ten rows, once.
        ("table.get_many", 3),
        // The run itself: the targets, what is overdue, and whether anything else is due.
        ("table.query", 2),
        ("table.write", 10),
    ];
    assert_eq!(cost, all(&expected));
}

#[test]
fn an_idle_schedule_costs_four_calls_a_run() {
    let counts = counted(&config(""), |world, stack| {
        stack.spawn_processor(world, world.now());
        world.run();
    });
    assert_eq!(counts, all(&[("queue.receive", 1), ("table.get_many", 1), ("table.query", 2)]));
}

#[test]
fn a_half_open_epoch_of_three_probes_costs_two_writes_a_probe() {
    let config = config(r#","idempotency":"target","halfOpenProbes":3,"failureRateThreshold":10"#);
    let counts = counted(&config, |world, stack| {
        put_breaker(world, &config, State::Open { until: world.now() });
        posts(world, stack, &["a", "b", "c"]);
    });
    assert_eq!(counts, all(&[("downstream.call", 3), ("table.get_many", 1), ("table.write", 6)]));
}
