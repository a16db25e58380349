//! Every field of a configuration is changed in every state of a breaker, up and down: nothing stands still for good.

use std::time::Duration;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::decide::breaker::{Breaker, BreakerState, Decision, DecisionContext};
use circuit_breaker_core::decide::window::CallOutcome;
use circuit_breaker_core::rows::{RequestRow, RequestStatus};
use jiff::{SignedDuration, Timestamp};

use crate::lab::{lab, request};
use crate::world::{breaker, config, put_breaker, rows};

const GOOD: CallOutcome = CallOutcome { failed: false, slow: false };
const BAD: CallOutcome = CallOutcome { failed: true, slow: false };

/// Each field at its least, and at its most or another kind.
const CONFIGS: [&str; 14] = [
    "",
    r#","halfOpenProbes":1"#,
    r#","halfOpenProbes":20"#,
    r#","minimumCalls":1"#,
    r#","minimumCalls":1000,"window":{"type":"time","size":3600}"#,
    r#","window":{"type":"time","size":1}"#,
    r#","window":{"type":"count","size":1},"minimumCalls":1"#,
    r#","failureRateThreshold":0.01"#,
    r#","failureRateThreshold":100"#,
    r#","slowCallRateThreshold":0.01,"slowCallDurationMs":1"#,
    r#","openDurationMs":100,"maxOpenDurationMs":100"#,
    r#","openDurationMs":3600000,"maxOpenDurationMs":86400000"#,
    r#","timeoutMs":100"#,
    r#","timeoutMs":25000,"halfOpenProbes":5"#,
];

fn parsed(fields: &str) -> TargetConfig {
    TargetConfig::parse(format!(r#"{{"url":"http://a"{fields}}}"#).as_bytes()).unwrap()
}

fn at(config: &TargetConfig, now: Timestamp) -> DecisionContext<'_> {
    DecisionContext { now, config, jitter: 0.5 }
}

fn until(open: &Breaker) -> Timestamp {
    if let BreakerState::Open { until } = open.state { until } else { open.since }
}

/// The states that a breaker comes to under a configuration, by itself.
fn states(config: &TargetConfig, begin: Timestamp) -> Vec<Breaker> {
    let closed = Breaker::new(config, begin);
    let mut all = vec![closed.clone()];
    let mut calls = config.window.empty();
    (0..9).for_each(|n| calls.push(config.window, begin, if n % 2 == 0 { GOOD } else { BAD }));
    all.extend(closed.absorb(at(config, begin), closed.epoch_id(), &calls, None));
    let mut now = begin;
    let mut open = closed.trip(at(config, now), "tripped").unwrap();
    for _ in 0..4 {
        all.push(open.clone());
        now = until(&open);
        // As many probes as there are, without a result; then with good ones, as long as that decides nothing.
        let mut probing = open.acquire(at(config, now), 1).unwrap();
        all.push(probing.clone());
        for holder in 1..20 {
            let grant = probing.grant_of(holder);
            let settled = grant.and_then(|grant| probing.settle(at(config, now), &grant, Some(GOOD), None));
            let Some(settled) = settled else { break };
            all.push(settled.clone());
            let Some(next) = settled.acquire(at(config, now), holder + 1) else { break };
            all.push(next.clone());
            probing = next;
        }
        // A failure of each, until it is open again.
        let mut failing = open.acquire(at(config, now), 1).unwrap();
        for holder in 1..=20 {
            let Some(grant) = failing.grant_of(holder) else { break };
            failing = failing.settle(at(config, now), &grant, Some(BAD), None).unwrap();
            if matches!(failing.state, BreakerState::Open { .. }) {
                break;
            }
            failing = failing.acquire(at(config, now), holder + 1).unwrap();
        }
        open = failing;
    }
    all
}

/// Brings a breaker whose target is well to where calls pass: how long that takes, in time and in steps.
fn heals(mut breaker: Breaker, config: &TargetConfig, begin: Timestamp) -> Result<(Duration, usize), String> {
    let mut now = begin;
    for step in 0..1_000 {
        match breaker.decide(at(config, now)) {
            Decision::Allow => {
                return Ok((Duration::try_from(now.duration_since(begin)).unwrap_or_default(), step));
            }
            Decision::AllowUncounted | Decision::Wait(None) => return Err("forced".to_owned()),
            Decision::Wait(Some(until)) => now = until.max(now + SignedDuration::from_millis(1)),
            Decision::Probe => {
                let holder = 1_000 + step as u64;
                let Some(next) = breaker.acquire(at(config, now), holder) else {
                    return Err(format!("a probe is asked for, and no permit given: {breaker:?}"));
                };
                breaker = next;
                if let Some(grant) = breaker.grant_of(holder) {
                    let settled = breaker.settle(at(config, now), &grant, Some(GOOD), None);
                    breaker = settled.ok_or("a result that does not count")?;
                }
            }
        }
    }
    Err(format!("no call passes after 1,000 steps: {breaker:?}"))
}

#[test]
fn whatever_is_changed_in_whatever_state_a_target_that_is_well_is_called_again() {
    let begin = Timestamp::from_second(1_700_000_000).unwrap();
    for before in CONFIGS {
        for (n, breaker) in states(&parsed(before), begin).into_iter().enumerate() {
            // It was changed when the last thing happened to it.
            let changed = breaker.since;
            for after in CONFIGS {
                let config = parsed(after);
                let what = format!("state {n} of {before:?}, {after:?}");
                let (time, _) =
                    heals(breaker.clone(), &config, changed).unwrap_or_else(|why| panic!("{what}: {why}"));
                let longest = Duration::from_millis(config.max_open_duration_ms.into())
                    + parsed(before).timeout()
                    + config.timeout()
                    + Duration::from_secs(10);
                assert!(time <= longest, "{what}: {time:?}");
            }
        }
    }
}

#[test]
fn probes_under_way_keep_their_permits_when_fewer_are_asked_for() {
    let (many, few) = (parsed(r#","halfOpenProbes":3"#), parsed(r#","halfOpenProbes":1"#));
    let begin = Timestamp::from_second(1_700_000_000).unwrap();
    let open = Breaker::new(&many, begin).trip(at(&many, begin), "tripped").unwrap();
    let second = SignedDuration::from_secs(1);
    let first = until(&open);
    let mut probing = open.acquire(at(&many, first), 1).unwrap();
    for holder in 2..=3 {
        probing = probing.acquire(at(&many, first + second), holder).unwrap();
    }
    // The first has ended by the clock, and the two others are under way.
    let later = probing.grant_of(1).unwrap().until;
    assert_eq!(probing.acquire(at(&few, later), 4), None);
    let done = probing.settle(at(&few, later), &probing.grant_of(3).unwrap(), Some(GOOD), None).unwrap();
    assert_eq!(done.state, BreakerState::Closed);
}

#[test]
fn fewer_probes_than_there_are_results_decide_at_once() {
    let fields = r#","idempotency":"target","halfOpenProbes":3,"failureRateThreshold":30"#;
    lab(fields, |lab| {
        put_breaker(lab.world, &config(fields), BreakerState::Open { until: lab.world.now() });
        assert_eq!((lab.post("a").status, lab.post("b").status), (200, 200));
        let fewer = r#"{"url":"http://pay.example/","idempotency":"target","halfOpenProbes":1}"#;
        assert_eq!(lab.call(request("PUT", "/targets/pay", &[], fewer)).status, 200);
        assert_eq!(lab.post("c").status, 200, "it is not parked for ever");
        assert_eq!(breaker(lab.world).unwrap().state, BreakerState::Closed);
    });
}

#[test]
fn a_target_that_is_deleted_and_put_again_begins_anew_and_its_tenants_too() {
    lab(r#","idempotency":"target""#, |lab| {
        let post = |key| {
            let headers = [("idempotency-key", key), ("tenant", "red")];
            lab.call(request("POST", "/requests/pay", &headers, "{}")).status
        };
        let open = request("POST", "/targets/pay/state?tenant=red", &[], r#"{"force":"open"}"#);
        assert_eq!(lab.call(open).status, 200);
        assert_eq!(post("a"), 202);
        for row in rows(lab.world) {
            let gone = RequestRow { status: RequestStatus::Delivered, ..row };
            assert!(lab.world.write(&[gone.replace()]));
        }
        lab.world.pass(SignedDuration::from_secs(1));
        assert_eq!(lab.call(request("DELETE", "/targets/pay", &[], "")).status, 204);
        let put = r#"{"url":"http://pay.example/","idempotency":"target"}"#;
        assert_eq!(lab.call(request("PUT", "/targets/pay", &[], put)).status, 201);
        assert_eq!(post("b"), 200);
    });
}
