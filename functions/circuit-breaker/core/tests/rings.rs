//! What alarms go by: a run is recorded at its end and only there, and a refusal counts also where the run goes on and
//! holds up nothing else.

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::health_monitor::MonitorEvent;
use circuit_breaker_core::metrics::{DELIVERED, MONITOR_RUNS, RETRY_RUNS, UNSETTLED};
use circuit_breaker_core::names::{BreakerName, RequestId};
use circuit_breaker_core::park::RetryMessage;
use circuit_breaker_core::registry::{Admission, Registry};
use circuit_breaker_core::retry_processor::RunSummary;
use circuit_breaker_core::rows::{QUEUE, WAKE, active, request_key};
use jiff::SignedDuration;
use tenfold_ports::table::Item;
use tenfold_ports::{Clock, Context};

use crate::lab::{Lab, lab};
use crate::refusing::{RETRIES, minutes, monitored, monitored_for, other, park, refused, sum};
use crate::world::{TTL, breaker, config, put_breaker, target};

#[test]
fn a_run_of_the_retry_processor_is_recorded_at_its_end() {
    lab(RETRIES, |lab| {
        assert_eq!(lab.process(), RunSummary::default());
        park(lab, "a");
        assert_eq!(lab.process().delivered, 1);
        assert_eq!(lab.measured(RETRY_RUNS), [(None, 1.0), (None, 1.0)]);
        assert_eq!(lab.measured(UNSETTLED), []);
    });
}

#[test]
fn a_run_that_a_fault_ends_is_not_recorded() {
    for calls in ["query targets", "query pay#active", "breakers", "ages", "rows", "receive"] {
        lab(RETRIES, |lab| {
            park(lab, "a");
            assert_eq!(refused(lab, &[calls]), None, "{calls}");
            assert_eq!(lab.measured(RETRY_RUNS), [], "{calls}");
        });
    }
}

#[test]
fn messages_that_a_run_could_not_settle_count_though_it_goes_on() {
    for (calls, unsettled) in [
        // The row is not written, so the message stays.
        (&["write"][..], 1.0),
        // Its message comes a second time.
        (&["delete"], 1.0),
    ] {
        lab(RETRIES, |lab| {
            park(lab, "a");
            assert!(refused(lab, calls).is_some(), "{calls:?}");
            let counted = (sum(&lab.measured(UNSETTLED)), sum(&lab.measured(RETRY_RUNS)));
            assert_eq!(counted, (unsettled, 1.0), "{calls:?}");
        });
    }
}

#[test]
fn a_batch_whose_rows_are_not_read_counts_whole() {
    lab(RETRIES, |lab| {
        park(lab, "a");
        lab.world.pass(minutes(1));
        lab.send(lab.stack.queue, "nonsense".to_owned());
        assert_eq!(refused(lab, &["rows"]), None);
        assert_eq!(lab.measured(UNSETTLED), [(None, 2.0)]);
    });
}

#[test]
fn messages_that_are_not_sent_count() {
    lab(RETRIES, |lab| {
        park(lab, "a");
        // Put off, its new message is not sent; what is no message of ours is not moved.
        put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedOpen);
        lab.send(lab.stack.queue, "nonsense".to_owned());
        assert_eq!(refused(lab, &["send"]).unwrap().deferred, 1);
        assert_eq!(lab.measured(UNSETTLED), [(None, 1.0), (None, 1.0)]);
    });
    lab(r#","retry":{"maxAttempts":1,"baseDelayMs":10}"#, |lab| {
        park(lab, "a");
        // Neither its dead letter nor its message is sent.
        assert_eq!(refused(lab, &["send"]).unwrap().deferred, 1);
        assert_eq!(lab.measured(UNSETTLED), [(None, 1.0), (None, 1.0)]);
    });
}

#[test]
fn what_cannot_be_read_is_not_counted_twice() {
    lab(RETRIES, |lab| {
        let strange = RequestId::new(&target(), None, "strange");
        let row = Item::new(request_key(strange)).with("version", 1).with(QUEUE, active(&target()));
        lab.put(row.with(WAKE, lab.world.now().as_millisecond()));
        let message = serde_json::to_string(&RetryMessage::next_in_group(strange, target())).unwrap();
        lab.send(lab.stack.queue, message);
        assert_eq!(lab.process().unreadable, 1);
        assert_eq!((lab.measured(UNSETTLED).len(), lab.unreadable()), (0, 1));
    });
}

#[test]
fn what_of_the_sweep_is_refused_holds_up_no_delivery_and_the_run_has_failed() {
    for calls in ["query targets", "query other#active", "query pay#active", "breakers", "ages"] {
        lab(RETRIES, |lab| {
            other(lab, "other");
            park(lab, "a");
            lab.world.pass(minutes(1));
            assert_eq!(refused(lab, &[calls]), None, "{calls}");
            assert_eq!(lab.measured(DELIVERED).len(), 1, "{calls}");
            assert_eq!(lab.measured(RETRY_RUNS), [], "{calls}");
        });
    }
}

#[test]
fn a_target_that_is_not_swept_keeps_no_other_from_being_woken() {
    lab(RETRIES, |lab| {
        // It comes first.
        other(lab, "aaa");
        park(lab, "a");
        lab.world.queue(lab.stack.queue, |messages| assert_eq!(messages.bodies().count(), 1));
        let mut item = lab.items().into_iter().find(|item| item.key.pk.starts_with("request#")).unwrap();
        // Its message is lost: the row is of a generation for which none was sent.
        item.set(WAKE.into(), 1.into());
        lab.put(item);
        lab.world.pass(minutes(10));
        assert_eq!(refused(lab, &["query aaa#active"]), None);
        assert_eq!(lab.measured(DELIVERED).len(), 1);
    });
}

#[test]
fn a_message_that_is_put_off_since_its_breaker_is_refused_counts() {
    let open = |lab: &Lab<'_>| {
        put_breaker(lab.world, &config(RETRIES), BreakerState::Open { until: lab.world.now() });
    };
    for (calls, may_probe) in [
        // Nothing is known of the target and its breaker.
        ("target and breaker", false),
        // No permit is taken.
        ("write", true),
    ] {
        lab(RETRIES, |lab| {
            park(lab, "a");
            if may_probe {
                open(lab);
            }
            assert!(refused(lab, &[calls]).unwrap().deferred >= 1, "{calls}");
            assert!(sum(&lab.measured(UNSETTLED)) >= 1.0, "{calls}");
        });
    }
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
        let summary = lab.ask(move |env, own| async move {
            let processor = stack.processor(&env, &own);
            // Read while the permit was free, and taken by another environment since.
            processor.registry.load(&target(), &[&BreakerName::of(target())]).await.unwrap();
            let other = Registry::new(env.clone(), own, TTL);
            assert!(matches!(other.admit(&target(), None).await, Ok(Admission::Call(_))));
            processor.handle(&Context::until(env.now() + SignedDuration::from_secs(90))).await.unwrap()
        });
        assert_eq!((summary.deferred, summary.delivered), (1, 1), "when it has ended by the clock");
        assert_eq!(lab.measured(UNSETTLED), []);
    });
}

#[test]
fn the_result_of_a_probe_that_is_not_stored_counts() {
    lab(RETRIES, |lab| {
        park(lab, "a");
        put_breaker(lab.world, &config(RETRIES), BreakerState::Open { until: lab.world.now() });
        // The first takes the permit.
        assert_eq!(refused(lab, &["write 2"]).unwrap().delivered, 1);
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
