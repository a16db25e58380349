//! The breaker's workloads: who does what at once, and what must hold afterwards.

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::health_monitor::MonitorEvent;
use circuit_breaker_core::names::TargetName;
use circuit_breaker_core::rows::{TargetRow, target_key};
use jiff::SignedDuration;
use tenfold_pattern::http::EntityTag;
use tenfold_ports::table::Item;
use tenfold_world::downstream::Health;
use tenfold_world::{Order, RunOutcome, World};

use super::bodies::{parked, redriven};
use super::draining::{asked, cancelled, long_drain, order, order_twice};
use super::refusals::{passing, refused};
use super::secrets::credentials;
use super::{
    Answered, Called, Post, Stack, answers, breaker, config, minutes, one_at_once, promises_are_kept,
    put_breaker, rows, seconds, target,
};

/// Every order of the invocations; and one interruption, also of an invocation by a call of its own.
const WHOLE: &[Order] = &[Order::Invocations, Order::Interrupted(1)];
/// The same with two interruptions.
const MORE: &[Order] = &[Order::Invocations, Order::Interrupted(2)];
/// For invocations of many calls at once, whose orders are beyond counting.
const FEW: &[Order] = &[Order::Interrupted(1)];

tenfold_world::workloads! {
    at_most_as_many_probes_as_permits: "half-open", 2, MORE, |world| half_open(world, 1, &["a", "b"]);
    at_most_two_probes_with_two_permits: "half-open, two permits", 1, WHOLE, |world| half_open(world, 2, &["a", "b", "c"]);
    at_most_as_many_probes_while_the_target_is_sick: "half-open, still sick", 1, WHOLE, still_sick;
    a_permit_outlives_its_call_by_any_clock: "half-open, clocks that differ", 1, WHOLE, clocks_that_differ;
    a_dead_prober_gives_its_permit_back: "dead prober", 2, MORE, dead_prober;
    a_late_success_closes_nothing: "late success", 2, MORE, late_success;
    promises_are_kept_when_the_gateway_keeps_the_key:
        "promises, key kept by the gateway", 1, WHOLE, |world| promises(world, "gateway");
    promises_are_kept_when_the_target_keeps_the_key:
        "promises, key kept by the target", 1, WHOLE, |world| promises(world, "target");
    two_processors_settle_once:
        "two processors", 1, &[Order::Interrupted(2)], |world| two_processors(world, &["a"]);
    two_processors_settle_two_messages:
        "two processors, two messages", 1, FEW, |world| two_processors(world, &["a", "b"]);
    an_ordering_key_keeps_its_order: "order", 1, FEW, order;
    an_order_group_has_one_call_at_a_time: "order, a message twice", 1, FEW, order_twice;
    a_long_drain_keeps_its_lease: "order, a long drain", 1, FEW, long_drain;
    who_drains_looks_again_when_asked: "asked to look again", 1, FEW, asked;
    what_dies_leaves_a_letter_and_comes_back: "death and redrive", 1, FEW, death;
    what_a_target_refuses_is_dead: "refused while it waits", 1, FEW, refused;
    a_passing_failure_is_no_keys_answer: "a passing failure", 1, WHOLE, passing;
    what_is_cancelled_is_not_delivered_and_holds_up_nothing: "a cancel beside a drain", 1, FEW, cancelled;
    a_large_body_is_delivered_as_it_came: "a large body", 1, FEW, parked;
    a_large_body_comes_back_by_a_redrive: "a large body, redriven", 1, FEW, redriven;
    the_same_key_calls_once: "same key", 1, MORE, same_key;
    thin_traffic_trips: "thin traffic", 1, WHOLE, thin_traffic;
    tenants_are_isolated: "tenants", 1, WHOLE, tenants;
    administration_disturbs_nobody: "administration", 1, WHOLE, administration;
    a_configuration_is_changed_by_one_of_those_who_have_seen_it: "configuration", 1, WHOLE, configuration;
    the_monitor_closes_and_opens: "health", 1, WHOLE, health;
    nobody_is_called_without_a_parameter:
        "credentials, a parameter", 1, FEW, |world| credentials(world, "ssm:/tenfold/pay");
    nobody_is_called_without_a_secret:
        "credentials, a secret", 1, FEW, |world| credentials(world, "secretsmanager:tenfold/pay");
}

/// A breaker whose break is over, and a target that takes a second to answer.
fn after_a_break(world: &World, probes: u32) -> Stack {
    let config = config(&format!(
        r#","idempotency":"target","halfOpenProbes":{probes},"timeoutMs":2000,"openDurationMs":1000"#
    ));
    let stack = Stack::new(world, &config);
    put_breaker(world, &config, BreakerState::Open { until: world.now() });
    world.service(|s| s.latency = seconds(1));
    stack
}

fn half_open(world: &World, probes: u32, keys: &[&'static str]) -> RunOutcome {
    let stack = after_a_break(world, probes);
    for key in keys {
        stack.spawn_request(world, key);
    }
    world.run()?;
    // Once an epoch has closed, everybody may call; only before that is every call a probe.
    let most = world.service(|s| s.most_in_flight);
    let closed = breaker(world).is_some_and(|b| b.state == BreakerState::Closed);
    if most > probes && !closed {
        return Err(format!("{most} probes at once with {probes} permits").into());
    }
    stack.finish(world, |_| Ok(()))
}

/// A prober that dies gives its permit back by the clock.
fn dead_prober(world: &World) -> RunOutcome {
    let stack = after_a_break(world, 1);
    stack.spawn_request(world, "a");
    world.run()?;
    world.quiesce_while(|world| {
        world.pass(seconds(10));
        stack.spawn_request(world, "b");
        world.run()
    })?;
    if !answers(world).iter().any(|Answered(key, status)| key == "b" && *status == 200) {
        return Err("after the lease has ended somebody else may probe".into());
    }
    stack.finish(world, |_| Ok(()))
}

/// The target is sick, so that no probe closes the breaker: never more probes at once than permits.
fn still_sick(world: &World) -> RunOutcome {
    let stack = after_a_break(world, 1);
    world.service(|s| s.health = Health::Answers(500));
    stack.spawn_request(world, "a");
    stack.spawn_request(world, "b");
    world.run()?;
    one_at_once(world, stack)
}

/// The second prober comes while the first one's call runs, and its clock is almost 2 s ahead.
fn clocks_that_differ(world: &World) -> RunOutcome {
    let stack = after_a_break(world, 1);
    world.service(|s| {
        s.health = Health::Answers(500);
        s.latency = SignedDuration::from_millis(1900);
    });
    stack.spawn_request(world, "a");
    let ahead = SignedDuration::from_millis(1900);
    stack.spawn_requests(world, world.now() + seconds(1), ahead, vec![Post::new("b")]);
    world.run()?;
    one_at_once(world, stack)
}

/// A probe that succeeds after its lease must not close what others have opened again by then.
fn late_success(world: &World) -> RunOutcome {
    let stack = after_a_break(world, 1);
    world.service(|s| {
        s.ill = vec!["b".into()];
        s.latency = seconds(1);
    });
    stack.spawn_request(world, "a");
    // When the first lease is over, somebody else probes, in vain.
    stack.spawn_requests(world, world.now() + seconds(5), SignedDuration::ZERO, vec![Post::new("b")]);
    world.run()?;
    world.service(|s| s.ill.clear());
    stack.finish(world, |_| Ok(()))
}

/// Every 202 ends delivered or dead, whatever fails on the way.
fn promises(world: &World, idempotency: &str) -> RunOutcome {
    let config = config(&format!(
        r#","idempotency":"{idempotency}","minimumCalls":2,"window":{{"size":4}},"retry":{{"baseDelayMs":100}}"#
    ));
    let stack = Stack::new(world, &config);
    world.service(|s| s.health = Health::Answers(500));
    stack.spawn_request(world, "a");
    stack.spawn_request(world, "b");
    world.run()?;
    world.service(|s| s.health = Health::Well);
    stack.spawn_processor(world, world.now() + minutes(1));
    world.run()?;
    stack.finish(world, |_| Ok(()))
}

/// Two runs of the retry processor at once, which EventBridge may cause, and a message that both are given.
fn two_processors(world: &World, keys: &[&'static str]) -> RunOutcome {
    let config = config(r#","retry":{"baseDelayMs":100}"#);
    let stack = Stack::duplicating(world, &config, 1);
    put_breaker(world, &config, BreakerState::Open { until: world.now() + seconds(5) });
    world.quiesce_while(|world| {
        keys.iter().for_each(|key| stack.spawn_request(world, key));
        world.run()
    })?;
    let start = world.now() + minutes(1);
    stack.spawn_processor(world, start);
    stack.spawn_processor(world, start);
    world.run()?;
    stack.finish(world, |_| Ok(()))
}

/// What cannot be delivered dies with a dead letter; a redrive brings it back.
fn death(world: &World) -> RunOutcome {
    let config =
        config(r#","idempotency":"target","minimumCalls":100,"retry":{"maxAttempts":3,"baseDelayMs":10}"#);
    let stack = Stack::new(world, &config);
    world.service(|s| s.health = Health::Down);
    let posts = vec![Post::new("a"), Post::ordered("b", "k")];
    world.quiesce_while(|world| {
        stack.spawn_requests(world, world.now(), SignedDuration::ZERO, posts);
        world.run()
    })?;
    stack.spawn_processor(world, world.now() + minutes(1));
    world.run()?;
    world.quiesce_while(|world| stack.run_schedule(world))?;
    // Those letters stay: both are dead.
    world.quiesce_while(|world| {
        stack.spawn_call(world, "POST", "/dead-letters/clear", "");
        world.run()
    })?;
    promises_are_kept(world, &stack)?;
    world.service(|s| s.health = Health::Well);
    stack.spawn_call(world, "POST", "/targets/pay/redrive", "");
    world.run()?;
    // What a redrive cut short left dead, the next one takes.
    world.quiesce();
    stack.spawn_call(world, "POST", "/targets/pay/redrive", "");
    world.run()?;
    // With what was redriven already: those letters go.
    stack.spawn_call(world, "POST", "/dead-letters/clear", "");
    world.run()?;
    stack.finish(world, |world| match rows(world).iter().filter(|row| row.data.answer.is_none()).count() {
        0 => Ok(()),
        n => Err(format!("{n} requests were not delivered after their redrive").into()),
    })
}

/// The same key twice at once: one of them calls, the other waits or is given the answer.
fn same_key(world: &World) -> RunOutcome {
    let stack = Stack::new(world, &config(""));
    stack.spawn_request(world, "a");
    stack.spawn_request(world, "a");
    world.run()?;
    stack.finish(world, |world| {
        let calls = world.service(|s| s.calls.len());
        let answers = answers(world);
        if answers.len() == 2 && answers.iter().all(|Answered(_, status)| *status == 200) && calls > 1 {
            return Err(format!("{calls} calls for two answers").into());
        }
        Ok(())
    })
}

/// One failure in each of three environments trips the breaker of all.
fn thin_traffic(world: &World) -> RunOutcome {
    let stack =
        Stack::new(world, &config(r#","idempotency":"target","minimumCalls":3,"window":{"size":10}"#));
    world.service(|s| s.health = Health::Answers(503));
    for key in ["a", "b", "c"] {
        stack.spawn_request(world, key);
    }
    world.run()?;
    let reported = answers(world).len() == 3 && world.faults() == 0;
    if reported && breaker(world).is_none_or(|b| b.state == BreakerState::Closed) {
        return Err("three failures of three environments, and the breaker is closed".into());
    }
    world.service(|s| s.health = Health::Well);
    stack.finish(world, |_| Ok(()))
}

/// One tenant's failures leave the others alone.
fn tenants(world: &World) -> RunOutcome {
    let stack =
        Stack::new(world, &config(r#","idempotency":"target","minimumCalls":1,"openDurationMs":60000"#));
    world.service(|s| s.health = Health::Answers(500));
    let of = |key, tenant| Post { tenant: Some(tenant), ..Post::new(key) };
    stack.spawn_requests(world, world.now(), SignedDuration::ZERO, vec![of("a", "red"), of("b", "red")]);
    world.run()?;
    world.service(|s| s.health = Health::Well);
    stack.spawn_requests(world, world.now(), SignedDuration::ZERO, vec![of("c", "blue"), Post::new("d")]);
    world.run()?;
    for Answered(key, status) in &answers(world) {
        if (key == "c" || key == "d") && *status != 200 && world.faults() == 0 {
            return Err(format!("{key} was answered {status} for another tenant's failures").into());
        }
    }
    stack.finish(world, |_| Ok(()))
}

/// Everything that a person can do, while requests come.
fn administration(world: &World) -> RunOutcome {
    let config = config(r#","idempotency":"target""#);
    let stack = Stack::new(world, &config);
    stack.spawn_call(world, "PUT", "/targets/other", r#"{"url":"http://other.example/"}"#);
    world.run()?;
    stack.spawn_call(world, "POST", "/targets/pay/state", r#"{"force":"open","reason":"maintenance"}"#);
    stack.spawn_request(world, "a");
    world.run()?;
    stack.spawn_call(world, "GET", "/targets", "");
    world.run()?;
    stack.spawn_call(world, "GET", "/targets/pay", "");
    world.run()?;
    stack.spawn_call(world, "DELETE", "/targets/other", "");
    world.run()?;
    for row in rows(world) {
        stack.spawn_call(world, "GET", &format!("/requests/{}", row.id), "");
    }
    world.run()?;
    world.quiesce();
    stack.spawn_call(world, "POST", "/targets/pay/state", r#"{"force":"auto"}"#);
    stack.spawn_call(world, "DELETE", "/targets/other", "");
    stack.spawn_call(world, "PUT", "/targets/other", r#"{"url":"http://other.example/"}"#);
    world.run()?;
    let well = world.faults() == 0;
    stack.finish(world, |world| {
        let failed = world.reports().into_iter().find(|Called(_, status)| *status >= 500 && well);
        if let Some(Called(path, status)) = failed {
            return Err(format!("{path} was answered {status}").into());
        }
        let other = TargetName::parse("other").map_err(|e| e.detail)?;
        if world.table(|table| table.get(&target_key(&other)).is_none()) {
            return Err("a target that was put is missing".into());
        }
        Ok(())
    })
}

/// Of two people who have seen the same configuration and change it at once, one is refused.
fn configuration(world: &World) -> RunOutcome {
    let stack = Stack::new(world, &config(""));
    let seen = EntityTag::of(&*config("")).to_string();
    for body in [
        r#"{"url":"http://pay.example/","minimumCalls":5}"#,
        r#"{"url":"http://pay.example/","minimumCalls":6}"#,
    ] {
        stack.spawn_change(world, &seen, body);
    }
    world.run()?;
    let answers: Vec<Called> = world.reports();
    let well = world.faults() == 0;
    let changed: Vec<&Called> = answers.iter().filter(|Called(_, status)| *status == 200).collect();
    if changed.len() > 1 || (well && changed.is_empty()) {
        return Err(format!("both have seen the same, and were answered {answers:?}").into());
    }
    let stored = world.table(|table| table.get(&target_key(&target())).map(Item::doc::<TargetRow>));
    if let ([Called(body, _)], Some(Ok(stored))) = (&changed[..], stored)
        && !body.contains(&format!(r#""minimumCalls":{}"#, stored.config.minimum_calls))
    {
        return Err(format!("{body} was taken, and is not what is stored").into());
    }
    stack.finish(world, |_| Ok(()))
}

/// The health monitor closes what is well again and, told by an alarm, opens what is not.
fn health(world: &World) -> RunOutcome {
    let config = config(
        r#","healthUrl":"http://pay.example/health","idempotency":"target","halfOpenProbes":2,"openDurationMs":1000"#,
    );
    let stack = Stack::new(world, &config);
    put_breaker(world, &config, BreakerState::Open { until: world.now() });
    stack.spawn_monitor(world, world.now(), MonitorEvent::Schedule);
    stack.spawn_request(world, "a");
    world.run()?;
    if world.faults() == 0 && breaker(world).is_none_or(|b| b.state != BreakerState::Closed) {
        return Err("well again, and still not closed".into());
    }
    world.pass(minutes(1));
    world.service(|s| s.health = Health::Down);
    let alarm = MonitorEvent::Alarm { name: "failing".into(), is_raised: true };
    stack.spawn_monitor(world, world.now(), alarm);
    world.run()?;
    if world.faults() == 0 && breaker(world).is_none_or(|b| b.state == BreakerState::Closed) {
        return Err("an alarm and a failed health check, and the breaker is closed".into());
    }
    world.service(|s| s.health = Health::Well);
    stack.finish(world, |_| Ok(()))
}
