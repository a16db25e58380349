//! What one unit of work costs in AWS calls: counted, not timed. `make bench` prints the same counts.

use crate::world::costs::{Calls, closed, counted, delivered, failed, idle, kept_by, open, posts, waiting};
use crate::world::{Post, config, put_breaker};
use circuit_breaker_core::decide::breaker::BreakerState;
use jiff::SignedDuration;

fn all(pairs: &[(&'static str, usize)]) -> Calls {
    pairs.iter().copied().collect()
}

#[test]
fn closed_and_the_target_keeps_the_key_costs_one_read_a_ttl() {
    assert_eq!(closed(&kept_by("target")), all(&[("downstream.call", 10), ("table.get_many", 1)]));
}

#[test]
fn closed_and_the_gateway_keeps_the_key_costs_two_writes_a_request_more() {
    let expected = [("downstream.call", 10), ("table.get_many", 1), ("table.write", 20)];
    assert_eq!(closed(&config("")), all(&expected));
}

#[test]
fn a_tenant_costs_no_read_more() {
    let counts = counted(&kept_by("target"), |world, stack| {
        let post = Post { tenant: Some("red"), ..Post::new("a") };
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, vec![post]);
        world.run().unwrap();
    });
    assert_eq!(counts, all(&[("downstream.call", 1), ("table.get_many", 1)]));
}

#[test]
fn a_failure_is_reported_once_and_parked_with_one_put_and_one_send() {
    let expected = [("downstream.call", 1), ("queue.send", 1), ("table.get_many", 1), ("table.write", 2)];
    assert_eq!(failed(&kept_by("target")), all(&expected));
}

#[test]
fn a_failure_costs_one_write_more_where_the_gateway_keeps_the_key() {
    let expected = [("downstream.call", 1), ("queue.send", 1), ("table.get_many", 1), ("table.write", 3)];
    assert_eq!(failed(&kept_by("gateway")), all(&expected));
}

#[test]
fn an_open_breaker_costs_one_put_a_request_and_one_send_a_target_and_no_call() {
    for keeper in ["gateway", "target"] {
        let expected = [("queue.send", 1), ("table.get_many", 1), ("table.write", 10)];
        assert_eq!(open(&kept_by(keeper)), all(&expected));
    }
}

#[test]
fn ten_parked_requests_cost_a_lease_one_read_and_ten_updates() {
    let expected = [
        ("downstream.call", 10),
        ("queue.delete", 1),
        // The batch, and the empty one that says that nothing is left.
        ("queue.receive", 2),
        // The sweep's message.
        ("queue.send", 1),
        // The sweep: the breakers, and once the rows whose turn is next. The drain: the breaker, and the ten rows.
        ("table.get_many", 4),
        // The sweep: the targets, and what is due. The drain: what is due.
        ("table.query", 3),
        // The drain's lease is taken and given back.
        ("table.write", 12),
    ];
    assert_eq!(delivered(&config("")), all(&expected));
}

#[test]
fn an_idle_schedule_costs_two_queries_a_run() {
    assert_eq!(idle(), all(&[("queue.receive", 1), ("table.query", 2)]));
}

#[test]
fn requests_behind_an_open_breaker_cost_a_run_two_reads_more() {
    let mut expected = idle();
    // The breaker, and the row whose turn is next.
    *expected.entry("table.get_many").or_default() += 2;
    assert_eq!(waiting(&config("")), expected);
}

#[test]
fn a_half_open_epoch_of_three_probes_costs_two_writes_a_probe() {
    let config = config(r#","idempotency":"target","halfOpenProbes":3,"failureRateThreshold":10"#);
    let counts = counted(&config, |world, stack| {
        put_breaker(world, &config, BreakerState::Open { until: world.now() });
        posts(world, stack, &["a", "b", "c"]);
    });
    // When it closes, what waits is asked to be looked at.
    let expected = [("downstream.call", 3), ("queue.send", 1), ("table.get_many", 1), ("table.write", 6)];
    assert_eq!(counts, all(&expected));
}
