//! What alarms go by: a run is recorded at its end and only there, and a refusal counts also where the run goes on and
//! holds up nothing else.

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::health_monitor::MonitorEvent;
use circuit_breaker_core::metrics::{
    DELIVERED, FAILING_TARGETS, MONITOR_RUNS, OPENED, RETRY_RUNS, STATE, UNSETTLED,
};
use circuit_breaker_core::names::{BreakerName, RequestId};
use circuit_breaker_core::registry::{Admission, Registry};
use circuit_breaker_core::retry_processor::RunSummary;
use circuit_breaker_core::rows::{QUEUE, WAKE, active, request_key};
use jiff::SignedDuration;
use tenfold_ports::table::Item;
use tenfold_ports::{Clock, Context};

use crate::lab::{Lab, lab, request};
use crate::refusing::{RETRIES, minutes, monitored, monitored_for, other, park, refused, sum};
use crate::world::{TTL, breaker, config, deliver, put_breaker, target};

#[test]
fn a_run_of_the_retry_processor_is_recorded_at_its_end() {
    lab(RETRIES, |lab| {
        assert_eq!(lab.process(), RunSummary { targets: 1, ..RunSummary::default() });
        park(lab, "a");
        assert_eq!(lab.process().delivered, 1);
        assert_eq!(lab.measured(RETRY_RUNS), [(None, 1.0), (None, 1.0)]);
        assert_eq!(lab.measured(UNSETTLED), []);
    });
}

#[test]
fn a_sweep_that_a_fault_ends_is_not_recorded_and_holds_up_no_delivery() {
    for calls in ["query targets", "query other#active", "breakers", "ages"] {
        lab(RETRIES, |lab| {
            other(lab, "other");
            park(lab, "a");
            lab.world.pass(minutes(1));
            let (swept, drained) = refused(lab, &[calls]);
            assert_eq!((swept, drained.delivered), (false, 1), "{calls}");
            assert_eq!(lab.measured(RETRY_RUNS), [], "{calls}");
        });
    }
}

#[test]
fn a_drain_that_a_refusal_ends_counts_and_its_message_comes_again() {
    for calls in ["rows", "query pay#active", "target and breaker", "write", "write 2"] {
        lab(RETRIES, |lab| {
            park(lab, "a");
            lab.world.pass(minutes(1));
            let (_, drained) = refused(lab, &[calls]);
            assert_eq!(drained.delivered, 0, "{calls}");
            assert!(sum(&lab.measured(UNSETTLED)) >= 1.0, "{calls}");
            assert!(!lab.messages(lab.stack.queue).is_empty(), "{calls}");
            lab.world.pass(minutes(10));
            assert_eq!(lab.process().delivered, 1, "{calls}");
            assert!(lab.messages(lab.stack.queue).is_empty(), "{calls}");
        });
    }
}

#[test]
fn messages_that_are_not_sent_count() {
    lab(r#","retry":{"maxAttempts":1,"baseDelayMs":10}"#, |lab| {
        park(lab, "a");
        lab.world.pass(minutes(1));
        lab.send(lab.stack.queue, "nonsense".to_owned());
        // Its dead letter, and what is no message of ours; the messages of the sweep and the drain.
        let (_, drained) = refused(lab, &["send"]);
        assert_eq!((drained.dead, drained.dropped), (0, 0), "{drained:?}");
        assert!(sum(&lab.measured(UNSETTLED)) >= 3.0);
        lab.world.pass(minutes(10));
        let summary = lab.process();
        assert_eq!((summary.dead, summary.dropped), (1, 1), "{summary:?}");
    });
}

#[test]
fn what_cannot_be_read_counts_as_that_and_is_not_called_unsettled() {
    lab(RETRIES, |lab| {
        let strange = RequestId::new(&target(), None, "strange");
        let row = Item::new(request_key(strange)).with("version", 1).with(QUEUE, active(&target(), 0));
        lab.put(row.with(WAKE, lab.world.now().as_millisecond()));
        lab.process();
        assert_eq!((lab.measured(UNSETTLED).len(), lab.unreadable()), (0, 1));
    });
}

#[test]
fn a_target_that_is_not_swept_keeps_no_other_from_being_woken() {
    lab(RETRIES, |lab| {
        // It comes first.
        other(lab, "aaa");
        park(lab, "a");
        // Its message is lost.
        lab.lose_messages();
        lab.world.pass(minutes(10));
        assert_eq!(refused(lab, &["query aaa#active"]).1.delivered, 1);
        assert_eq!(lab.measured(DELIVERED).len(), 1);
    });
}

#[test]
fn a_permit_that_is_refused_counts() {
    lab(RETRIES, |lab| {
        park(lab, "a");
        put_breaker(lab.world, &config(RETRIES), BreakerState::Open { until: lab.world.now() });
        lab.world.pass(minutes(1));
        // The first takes the lease of the drain.
        assert_eq!(refused(lab, &["write 2"]).1.delivered, 0);
        assert_eq!(lab.measured(UNSETTLED), [(None, 1.0)]);
    });
}

#[test]
fn a_permit_that_others_have_is_no_refusal() {
    let fields = r#","retry":{"baseDelayMs":10},"halfOpenProbes":1"#;
    lab(fields, |lab| {
        park(lab, "a");
        lab.world.pass(minutes(1));
        let open = BreakerState::Open { until: lab.world.now() };
        put_breaker(lab.world, &config(fields), open);
        let stack = lab.stack;
        lab.ask(move |env, own| async move {
            let processor = stack.processor(&env, &own);
            // Read while the permit was free, and taken by another environment since.
            processor.registry.load(&target(), &[&BreakerName::of(target())]).await.unwrap();
            let other = Registry::new(env.clone(), own, TTL);
            assert!(matches!(other.admit(&target(), None).await, Ok(Admission::Call(_))));
            let context = Context::until(env.now() + SignedDuration::from_secs(90));
            assert_eq!(deliver(&processor, &context).await.delivered, 0);
        });
        assert_eq!(lab.measured(UNSETTLED), []);
        lab.world.pass(minutes(1));
        assert_eq!(lab.process().delivered, 1, "when it has ended by the clock");
    });
}

#[test]
fn the_result_of_a_probe_that_is_not_stored_counts() {
    lab(RETRIES, |lab| {
        park(lab, "a");
        put_breaker(lab.world, &config(RETRIES), BreakerState::Open { until: lab.world.now() });
        lab.world.pass(minutes(1));
        // The first takes the lease of the drain, the second the permit.
        assert_eq!(refused(lab, &["write 3"]).1.delivered, 1);
        assert_eq!(lab.measured(UNSETTLED), [(None, 1.0)]);
    });
}

fn alarm() -> MonitorEvent {
    MonitorEvent::Alarm { name: "failing".into(), is_raised: true }
}

#[test]
fn the_monitors_runs_are_recorded_by_its_schedule_only() {
    lab("", |lab| {
        assert!(monitored(lab, alarm(), &[]));
        assert_eq!(lab.measured(MONITOR_RUNS), []);
        assert!(monitored(lab, MonitorEvent::Schedule, &[]));
        assert_eq!(lab.measured(MONITOR_RUNS), [(None, 1.0)]);
    });
}

#[test]
fn a_run_of_the_monitor_that_a_fault_ends_is_not_recorded() {
    for call in ["query targets", "breakers"] {
        lab("", |lab| {
            assert!(!monitored(lab, MonitorEvent::Schedule, &[call]), "{call}");
            assert_eq!(lab.measured(MONITOR_RUNS), [], "{call}");
        });
    }
}

#[test]
fn a_call_of_the_monitor_fails_where_a_target_is_not_checked_or_not_opened() {
    let fields = r#","healthUrl":"http://pay.example/health""#;
    let closed = BreakerState::Closed;
    let ended = |lab: &Lab<'_>| BreakerState::Open { until: lab.world.now() };
    lab(fields, |lab| {
        lab.seen.status.set(503);
        // The report of the failed check, and the opening.
        assert!(!monitored(lab, alarm(), &["write"]));
        assert!(!monitored(lab, alarm(), &["target and breaker"]));
        assert!(monitored(lab, alarm(), &[]), "as when it is called again");
        assert_ne!(breaker(lab.world).unwrap().state, closed);
    });
    for event in [alarm(), MonitorEvent::Schedule] {
        lab(fields, |lab| {
            put_breaker(lab.world, &config(fields), ended(lab));
            assert!(!monitored(lab, event.clone(), &["write"]), "no permit is taken");
            let time = SignedDuration::from_secs(1);
            assert!(!monitored_for(lab, event.clone(), &[], time), "there is no time");
            put_breaker(lab.world, &config(fields), ended(lab));
            assert!(!monitored(lab, event.clone(), &["write 2"]), "the result of the probe is not stored");
            assert_eq!(lab.measured(UNSETTLED), [(None, 1.0)]);
            assert_eq!(lab.measured(MONITOR_RUNS), []);
        });
    }
}

/// While one target fails for long, the alarm over all of them says nothing of the next.
#[test]
fn each_target_is_judged_by_its_own_calls() {
    let fields = r#","healthUrl":"http://pay.example/health","minimumCalls":10,"window":{"size":10},"openDurationMs":60000"#;
    lab(fields, |lab| {
        let run = |failing: f64| {
            assert!(monitored(lab, MonitorEvent::Schedule, &[]));
            assert_eq!(lab.measured(FAILING_TARGETS), [(None, failing)]);
        };
        run(0.0);
        lab.seen.status.set(500);
        for n in 0..5 {
            lab.post(&format!("k{n}"));
        }
        assert_eq!(breaker(lab.world).unwrap().state, BreakerState::Closed, "too few to open it");
        assert_eq!(lab.measured(OPENED), []);
        run(1.0);
        let now = breaker(lab.world).unwrap();
        assert_eq!(now.reason, "its calls fail, and the health check failed");
        assert_eq!(lab.measured(OPENED), [(Some("pay".into()), 1.0)]);
        run(1.0);
    });
}

/// The dimension is the target: tenants have no end.
#[test]
fn the_opening_of_a_tenants_breaker_counts_for_its_target() {
    lab(r#","minimumCalls":1,"openDurationMs":60000"#, |lab| {
        lab.seen.status.set(500);
        let headers = [("idempotency-key", "k"), ("tenant", "blue")];
        lab.call(request("POST", "/requests/pay", &headers, "{}"));
        assert_eq!(lab.measured(OPENED), [(Some("pay".into()), 1.0)]);
        assert_eq!(lab.measured(STATE), []);
    });
}
