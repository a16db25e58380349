//! What alarms go by: a run is recorded at its end and only there, a refusal counts also where the run goes on, and
//! ages are those of rows.

use std::collections::BTreeSet;
use std::time::Duration;

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::health_monitor::{HealthMonitor, MonitorEvent};
use circuit_breaker_core::metrics::{MONITOR_RUNS, QUEUE_AGE, RETRY_RUNS, UNSETTLED};
use circuit_breaker_core::names::{RequestId, TargetName};
use circuit_breaker_core::park::RetryMessage;
use circuit_breaker_core::registry::Registry;
use circuit_breaker_core::retry_processor::{RetryProcessor, RunSummary};
use circuit_breaker_core::rows::{QUEUE, TargetRow, WAKE, active, request_key, target_item};
use jiff::SignedDuration;
use tenfold_ports::queue::{Delivery, Depth, Outgoing, Rejected};
use tenfold_ports::table::{Cursor, Item, Key, Page, Query, Read, TransactError, Write, WriteError};
use tenfold_ports::{CallError, Clock, Context, Queue, SmolStr, Table};
use tenfold_world::{Env, QueueOf};

use crate::lab::{Lab, Watched, lab};
use crate::world::{TTL, config, put_breaker, target};

const RETRIES: &str = r#","retry":{"baseDelayMs":10}"#;

/// A table or a queue that refuses some calls.
#[derive(Clone)]
struct Refusing<P> {
    port: P,
    calls: BTreeSet<&'static str>,
}

impl<P> Refusing<P> {
    fn call(&self, call: &str) -> Result<(), CallError> {
        if self.calls.contains(call) { Err(CallError::Throttled) } else { Ok(()) }
    }
}

impl Table for Refusing<Env> {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        self.call("get")?;
        self.port.get(key, read).await
    }

    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        let requests = keys.iter().all(|key| key.pk.starts_with("request#"));
        self.call(if requests { "rows" } else { "get_many" })?;
        self.port.get_many(keys, read).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        self.call("write")?;
        self.port.write(write).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        self.call("transact")?;
        self.port.transact(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        self.call("query")?;
        self.port.query(query).await
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        self.port.count(query).await
    }
}

impl Queue for Refusing<QueueOf> {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Rejected, CallError> {
        self.call("send")?;
        self.port.send(messages).await
    }

    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, CallError> {
        self.call("receive")?;
        self.port.receive(most, wait).await
    }

    async fn delete(&self, receipts: Vec<SmolStr>) -> Result<Rejected, CallError> {
        self.call("delete")?;
        self.port.delete(receipts).await
    }

    async fn hide(&self, receipts: Vec<SmolStr>, visibility: Duration) -> Result<Rejected, CallError> {
        self.port.hide(receipts, visibility).await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        self.port.depth().await
    }
}

/// A run of the retry processor for which these calls are refused.
fn refused(lab: &Lab<'_>, calls: &[&'static str]) -> Option<RunSummary> {
    let (stack, calls) = (lab.stack, calls.iter().copied().collect::<BTreeSet<_>>());
    lab.ask(move |env, own| async move {
        let usual = stack.processor(&env, &own);
        let table = Refusing { port: env.clone(), calls: calls.clone() };
        let processor = RetryProcessor {
            registry: Registry::new(table.clone(), own, TTL),
            table,
            queue: Refusing { port: usual.queue, calls: calls.clone() },
            dead_letters: Refusing { port: usual.dead_letters, calls },
            downstream: usual.downstream,
            runtime: usual.runtime,
            retention: usual.retention,
            orphan_after: usual.orphan_after,
        };
        let context = Context::until(env.now() + SignedDuration::from_secs(90));
        processor.handle(&context).await.ok()
    })
}

/// A run of the health monitor for which these calls are refused; whether it went well.
fn monitored(lab: &Lab<'_>, event: MonitorEvent, calls: &[&'static str]) -> bool {
    let calls = calls.iter().copied().collect();
    lab.ask(move |env, own: Watched| async move {
        let table = Refusing { port: env.clone(), calls };
        let usual = Registry::new(table.clone(), own.clone(), TTL);
        let monitor = HealthMonitor { table, downstream: own.clone(), runtime: own, registry: usual };
        let context = Context::until(env.now() + SignedDuration::from_secs(60));
        monitor.handle(&event, &context).await.is_ok()
    })
}

/// Parks a request at a target that fails once; it is due soon.
fn park(lab: &Lab<'_>, key: &str) {
    lab.seen.status.set(500);
    assert_eq!(lab.post(key).status, 202);
    lab.seen.status.set(200);
}

fn sum(values: &[(Option<SmolStr>, f64)]) -> f64 {
    values.iter().map(|(_, value)| value).sum()
}

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

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
    for calls in ["query", "get_many", "rows", "receive"] {
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
fn nothing_waits_and_the_age_is_none() {
    lab("", |lab| {
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(None, 0.0)]);
    });
}

#[test]
fn the_age_is_that_of_the_row_also_where_no_message_is_in_hand() {
    let of_pay = |age| vec![(Some(SmolStr::from("pay")), age)];
    lab(RETRIES, |lab| {
        park(lab, "a");
        put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedOpen);
        lab.world.pass(minutes(20));
        park(lab, "b");
        lab.process();
        assert_eq!(
            lab.measured(QUEUE_AGE),
            of_pay(1200.0),
            "the breaker says wait, so the sweep wakes nothing"
        );
        put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedClosed);
        assert_eq!(lab.process().delivered, 2);
        assert!(sum(&lab.measured(QUEUE_AGE)) >= 1200.0, "until it is delivered");
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(None, 0.0)], "nothing waits");
    });
}

#[test]
fn an_age_counts_from_a_redrive() {
    lab(r#","retry":{"maxAttempts":1,"baseDelayMs":10}"#, |lab| {
        park(lab, "a");
        assert_eq!(lab.process().dead, 1);
        lab.world.pass(minutes(60));
        let redrive = crate::lab::request("POST", "/targets/pay/redrive", &[], "");
        assert_eq!(lab.call(redrive).status, 200);
        lab.measured(QUEUE_AGE);
        lab.world.pass(minutes(1));
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(Some("pay".into()), 60.0)]);
    });
}

#[test]
fn a_row_that_cannot_be_read_waits_since_its_message_was_expected() {
    lab(RETRIES, |lab| {
        park(lab, "a");
        let strange = Item::new(request_key(RequestId::new(&target(), None, "strange"))).with("version", 1);
        let wake = lab.world.now() - minutes(30);
        lab.put(strange.with(QUEUE, active(&target())).with(WAKE, wake.as_millisecond()));
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(Some("pay".into()), 1800.0)]);
    });
}

#[test]
fn the_age_of_one_target_does_not_hide_that_of_another() {
    lab(RETRIES, |lab| {
        let other = TargetName::parse("other").unwrap();
        lab.put(target_item(
            &other,
            TargetRow { config: config(""), created: lab.world.now(), deleted: None },
        ));
        park(lab, "a");
        put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedOpen);
        lab.world.pass(minutes(2));
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(Some("pay".into()), 120.0)]);
    });
}

#[test]
fn where_a_queue_is_not_read_nobody_says_that_nothing_waits() {
    lab(RETRIES, |lab| {
        park(lab, "a");
        assert_eq!(refused(lab, &["query"]), None);
        assert_eq!(refused(lab, &["get_many"]), None);
        assert_eq!(lab.measured(QUEUE_AGE), []);
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
    for call in ["query", "get_many"] {
        lab("", |lab| {
            assert!(!monitored(lab, MonitorEvent::Schedule, &[call]), "{call}");
            assert_eq!(lab.measured(MONITOR_RUNS), [], "{call}");
        });
    }
}
