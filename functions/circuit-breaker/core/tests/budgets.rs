//! What one unit of work costs in AWS calls: counted, not timed. `make bench` prints the same counts.

use crate::world::bodies::LARGE;
use crate::world::costs::{
    Calls, SMALL, TEN, closed, counted, failed, idle, kept_by, open, operated, operated_on_dead,
    operated_on_failed, posts, tried, waiting,
};
use crate::world::{Post, config, put_breaker, target};
use circuit_breaker_core::configure::configure;
use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::names::RequestId;
use jiff::SignedDuration;
use tenfold_world::downstream::Health;

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
        assert_eq!(open(&kept_by(keeper), SMALL), all(&expected));
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
    assert_eq!(tried(&config(""), SMALL, Health::Well), all(&expected));
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

/// Ten requests, or ten in one order group.
fn ten(ordering: Option<&'static str>) -> Vec<Post> {
    TEN.iter().map(|key| Post { ordering, ..Post::new(key) }).collect()
}

fn path(key: &str, command: &str) -> String {
    format!("/targets/pay/requests/{}{command}", RequestId::new(&target(), None, key))
}

#[test]
fn a_page_of_a_list_costs_a_query_a_shard_and_one_read() {
    let list = "/targets/pay/requests?state=queued";
    assert_eq!(operated(&ten(None), "GET", list, ""), all(&[("table.get_many", 1), ("table.query", 1)]));
    // An empty one is asked whether there is such a target.
    assert_eq!(operated(&[], "GET", list, ""), all(&[("table.get", 1), ("table.query", 1)]));
    assert_eq!(
        operated(&[], "GET", "/targets/pay/history", ""),
        all(&[("table.get", 1), ("table.query", 1)])
    );
}

#[test]
fn a_page_of_tenants_costs_a_query_a_partition_and_two_reads() {
    let tenants = |state| {
        let list = format!("/targets/pay/tenants{state}");
        let ten: Vec<Post> = TEN.iter().map(|key| Post { tenant: Some(key), ..Post::new(key) }).collect();
        operated_on_failed(&ten, "GET", &list)
    };
    let expected = |queries| all(&[("table.get", 1), ("table.get_many", 1), ("table.query", queries)]);
    assert_eq!(tenants(""), expected(9));
    assert_eq!(tenants("?state=closed"), expected(4));
    assert_eq!(tenants("?state=forcedOpen"), all(&[("table.get", 1), ("table.query", 1)]));
}

#[test]
fn one_request_is_cancelled_for_a_read_and_a_write() {
    let cancelled = |ordering| operated(&ten(ordering), "DELETE", &path("a", ""), "");
    assert_eq!(cancelled(None), all(&[("table.get", 1), ("table.write", 1)]));
    // Its group is read too, and the next one's turn has come.
    assert_eq!(cancelled(Some("k")), all(&[("queue.send", 1), ("table.get", 2), ("table.transact", 1)]));
}

#[test]
fn one_request_is_redriven_for_a_read_a_write_and_a_message() {
    let expected = [("queue.send", 1), ("table.get", 1), ("table.get_many", 1), ("table.write", 1)];
    assert_eq!(operated_on_dead(SMALL, false, "POST", &path("a", "/redrive")), all(&expected));
    assert_eq!(operated_on_dead(SMALL, true, "POST", &path("a", "/redrive")), all(&[("table.get", 1)]));
}

#[test]
fn ten_requests_are_redriven_cancelled_or_discarded_for_a_write_each() {
    // The target, and the ten rows.
    let redriven = [("queue.send", 1), ("table.get_many", 2), ("table.query", 1), ("table.write", 10)];
    assert_eq!(operated_on_dead(SMALL, false, "POST", "/targets/pay/redrive"), all(&redriven));
    let dismissed = all(&[("table.get_many", 1), ("table.query", 1), ("table.write", 10)]);
    assert_eq!(operated_on_dead(SMALL, false, "POST", "/targets/pay/discard"), dismissed);
    assert_eq!(operated(&ten(None), "POST", "/targets/pay/cancel", ""), dismissed);
}

#[test]
fn ten_dead_letters_are_cleared_by_one_receive_one_read_and_one_deletion() {
    // After a full batch two are asked for at once; they find nothing.
    let cleared = [("queue.delete", 1), ("queue.receive", 3), ("table.get_many", 1)];
    assert_eq!(operated_on_dead(SMALL, true, "POST", "/dead-letters/clear"), all(&cleared));
    let kept = [("queue.hide", 1), ("queue.receive", 3), ("table.get_many", 1)];
    assert_eq!(operated_on_dead(SMALL, false, "POST", "/dead-letters/clear"), all(&kept));
}

#[test]
fn configuring_by_a_library_costs_a_read_and_a_transaction_and_only_a_read_where_it_is_so_already() {
    let configured = |config: &'static [u8]| {
        counted(&self::config(""), |world, _| {
            world
                .ask(move |env| async move { configure(&env, &env, &target(), config).await.unwrap() })
                .unwrap();
        })
    };
    let plain = br#"{"url":"http://pay.example/"}"#;
    let slower = br#"{"url":"http://pay.example/","timeoutMs":9000}"#;
    assert_eq!(configured(plain), all(&[("table.get_many", 1)]));
    assert_eq!(configured(slower), all(&[("table.get_many", 1), ("table.transact", 1)]));
}

#[test]
fn a_change_of_a_target_costs_one_transaction_with_its_history() {
    let config = r#"{"url":"http://pay.example/"}"#;
    // What waits and what is dead is counted for the answer.
    let put = [("queue.send", 1), ("table.count", 2), ("table.get_many", 1), ("table.transact", 1)];
    assert_eq!(operated(&[], "PUT", "/targets/pay", config), all(&put));
    let forced = [("queue.send", 1), ("table.get_many", 1), ("table.transact", 1)];
    assert_eq!(operated(&[], "POST", "/targets/pay/state", r#"{"force":"closed"}"#), all(&forced));
    // Whether there are tenants whose breakers were forced.
    let deleted = [("queue.send", 1), ("table.get_many", 1), ("table.query", 1), ("table.transact", 1)];
    assert_eq!(operated(&ten(None), "DELETE", "/targets/pay?waiting=cancel", ""), all(&deleted));
}

/// What the second costs beside the first.
fn more(of: Calls, than: &Calls) -> Calls {
    let beside = of.into_iter().map(|(call, n)| (call, n - than.get(call).copied().unwrap_or_default()));
    beside.filter(|(_, n)| *n > 0).collect()
}

#[test]
fn a_large_body_is_written_once_read_with_each_attempt_and_deleted() {
    let parked = |body| open(&kept_by("target"), body);
    assert_eq!(more(parked(LARGE), &parked(SMALL)), all(&[("table.get", 10), ("table.write", 10)]));
    let delivered = |body| tried(&config(""), body, Health::Well);
    assert_eq!(more(delivered(LARGE), &delivered(SMALL)), all(&[("table.get", 10), ("table.write", 10)]));
    let fields = config(r#","minimumCalls":100,"retry":{"baseDelayMs":600000}"#);
    let failed = |body| tried(&fields, body, Health::Answers(500));
    assert_eq!(more(failed(LARGE), &failed(SMALL)), all(&[("table.get", 10)]));
    let dies = config(r#","minimumCalls":100,"retry":{"maxAttempts":1}"#);
    let dead = |body| tried(&dies, body, Health::Answers(500));
    assert_eq!(more(dead(LARGE), &dead(SMALL)), all(&[("table.get", 10)]));
}

#[test]
fn a_large_body_costs_who_lists_or_discards_nothing_and_who_redrives_a_write() {
    let list = "/targets/pay/requests?state=dead";
    for (method, path) in [("GET", list), ("POST", "/targets/pay/discard"), ("POST", "/dead-letters/clear")] {
        let called = |body| operated_on_dead(body, false, method, path);
        assert_eq!(called(LARGE), called(SMALL), "{path}");
    }
    let redriven = |body| operated_on_dead(body, false, "POST", "/targets/pay/redrive");
    assert_eq!(more(redriven(LARGE), &redriven(SMALL)), all(&[("table.write", 10)]));
}
