//! Writes that somebody else gets in between: an answer is lost, or a group changes, and then another writes.

use std::cell::Cell;
use std::rc::Rc;

use circuit_breaker_core::credentials::Credentials;
use circuit_breaker_core::decide::breaker::{Breaker, BreakerState};
use circuit_breaker_core::decide::window::CallOutcome;
use circuit_breaker_core::health_monitor::{HealthMonitor, MonitorEvent};
use circuit_breaker_core::names::{BreakerName, RequestId};
use circuit_breaker_core::registry::{Admission, Permit, Registry};
use circuit_breaker_core::retry_processor::RetryProcessor;
use circuit_breaker_core::rows::{BreakerRow, OrderGroupRow, breaker_key, order_group_key};
use jiff::SignedDuration;
use tenfold_ports::table::{Cursor, Item, Key, Page, Query, Read, TransactError, Write, WriteError};
use tenfold_ports::{CallError, Clock, Context, Table};
use tenfold_world::Env;

use crate::lab::{Lab, Watched, lab, request};
use crate::world::{TTL, breaker, config, deliver, put_breaker, target};

const FAILED: CallOutcome = CallOutcome { failed: true, slow: false };
const DOUBLE: u64 = 99;

/// What happens at a write of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meddling {
    /// It is applied, another environment writes the breaker, and the answer is lost.
    Applied,
    /// Another environment writes the breaker, and it is not applied; nobody hears of it.
    Lost,
}

/// The world's table, in which somebody meddles once, with the write after so many.
#[derive(Clone)]
struct Meddled {
    env: Env,
    with: Rc<Cell<Option<(usize, Meddling)>>>,
    /// Whether another request joins the order group before the next transaction.
    joins: Rc<Cell<bool>>,
}

impl Meddled {
    fn new(env: &Env, after: usize, meddling: Meddling) -> Self {
        let with = Rc::new(Cell::new(Some((after, meddling))));
        Self { env: env.clone(), with, joins: Rc::default() }
    }

    fn joined(env: &Env) -> Self {
        Self { env: env.clone(), with: Rc::default(), joins: Rc::new(Cell::new(true)) }
    }

    fn now(&self) -> Option<Meddling> {
        match self.with.take()? {
            (0, meddling) => Some(meddling),
            (n, meddling) => {
                self.with.set(Some((n - 1, meddling)));
                None
            }
        }
    }

    fn is_over(&self) -> bool {
        self.with.get().is_none() && !self.joins.get()
    }

    /// Another environment writes the breaker as it is, as one does that reports good calls.
    async fn rewrite(&self) -> Result<(), WriteError> {
        let name = BreakerName::of(target());
        let item = self.env.get(&breaker_key(&name), Read::Consistent).await?;
        let row = match &item {
            Some(item) => BreakerRow::read(item).unwrap(),
            None => BreakerRow::unwritten(Breaker::new(&config(""), self.env.now())),
        };
        let next = row.next(&name, row.breaker.clone(), DOUBLE, self.env.now());
        self.env.write(row.replace(&name, &next)).await
    }

    async fn join(&self) -> Result<(), WriteError> {
        let item = self.env.get(&order_group_key(&target(), "k"), Read::Consistent).await?;
        let group = OrderGroupRow::read(&target(), &"k".into(), item.as_ref()).unwrap();
        let joined = group.group.with(RequestId::new(&target(), None, "joined")).unwrap();
        self.env.write(group.replace(joined, 7)).await
    }
}

impl Table for Meddled {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        self.env.get(key, read).await
    }

    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        self.env.get_many(keys, read).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        match self.now() {
            None => self.env.write(write).await,
            Some(meddling) => {
                if meddling == Meddling::Applied {
                    self.env.write(write).await?;
                }
                self.rewrite().await?;
                Err(CallError::Unknown.into())
            }
        }
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        if self.joins.take() {
            let joined = self.join().await;
            assert_eq!(joined, Ok(()));
        }
        self.env.transact(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        self.env.query(query).await
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        self.env.count(query).await
    }
}

async fn permit(registry: &Registry<Meddled, Watched>) -> Permit<'_, Meddled, Watched> {
    let admission = registry.admit(&target(), None).await.unwrap();
    let permit = if let Admission::Call(permit) = admission { Some(permit) } else { None };
    permit.unwrap()
}

/// Runs a test against a registry whose first write is meddled with.
fn meddled<F: Future<Output = ()> + 'static>(
    lab: &Lab<'_>,
    meddling: Meddling,
    test: impl FnOnce(Registry<Meddled, Watched>) -> F + 'static,
) {
    lab.ask(move |env, own| async move {
        let table = Meddled::new(&env, 0, meddling);
        test(Registry::new(table.clone(), own, TTL)).await;
        assert!(table.is_over(), "somebody has meddled");
    });
}

#[test]
fn calls_whose_report_was_applied_and_overtaken_are_not_counted_again() {
    let fields = r#","minimumCalls":50,"window":{"type":"count","size":50}"#;
    lab(fields, |lab| {
        meddled(lab, Meddling::Applied, |registry| async move {
            for _ in 0..2 {
                permit(&registry).await.settle(Some(FAILED), None).await;
                registry.tend().await;
            }
        });
        let (config, breaker) = (config(fields), breaker(lab.world).unwrap());
        assert_eq!(breaker.window.tally(config.window, lab.world.now()).calls, 2);
    });
}

#[test]
fn a_permit_that_was_taken_and_overtaken_is_used() {
    let fields = r#","halfOpenProbes":3"#;
    lab(fields, |lab| {
        put_breaker(lab.world, &config(fields), BreakerState::Open { until: lab.world.now() });
        meddled(lab, Meddling::Applied, |registry| async move {
            let permit = permit(&registry).await;
            assert!(permit.is_probe());
        });
        let BreakerState::HalfOpen { permits } = breaker(lab.world).unwrap().state else { panic!() };
        assert_eq!(permits.len(), 1, "and no second one");
    });
}

#[test]
fn an_alarm_opens_the_breaker_though_the_answer_is_lost_and_another_writes() {
    let fields =
        r#","healthUrl":"http://pay.example/health","minimumCalls":50,"window":{"type":"count","size":50}"#;
    for meddling in [Meddling::Applied, Meddling::Lost] {
        lab(fields, |lab| {
            lab.seen.status.set(503);
            let stack = lab.stack;
            lab.ask(move |env, own| async move {
                // After the report of the failed check.
                let table = Meddled::new(&env, 1, meddling);
                let event = MonitorEvent::Alarm { name: "failing".into(), is_raised: true };
                let registry = Registry::new(table.clone(), own.clone(), TTL);
                let monitor = HealthMonitor {
                    table: table.clone(),
                    queue: env.queue(stack.queue),
                    downstream: own.clone(),
                    credentials: Credentials::none(),
                    runtime: own,
                    registry,
                };
                let context = Context::until(env.now() + SignedDuration::from_secs(60));
                monitor.handle(&event, &context).await.unwrap();
                assert!(table.is_over(), "somebody has meddled");
            });
            let breaker = breaker(lab.world).unwrap();
            assert!(matches!(breaker.state, BreakerState::Open { .. }), "{breaker:?}");
            assert_eq!(breaker.epoch, 1, "and opens it once");
        });
    }
}

#[test]
fn a_request_that_joins_a_group_does_not_hold_up_its_first() {
    lab(r#","retry":{"baseDelayMs":10}"#, |lab| {
        lab.seen.status.set(500);
        let headers = [("idempotency-key", "a"), ("ordering-key", "k")];
        assert_eq!(lab.call(request("POST", "/requests/pay", &headers, "{}")).status, 202);
        lab.seen.status.set(200);
        let stack = lab.stack;
        let summary = lab.ask(move |env, own| async move {
            let table = Meddled::joined(&env);
            let usual = stack.processor(&env, &own);
            let registry = Registry::new(table.clone(), own, TTL);
            let processor = RetryProcessor {
                table: table.clone(),
                queue: usual.queue,
                dead_letters: usual.dead_letters,
                downstream: usual.downstream,
                credentials: usual.credentials,
                runtime: usual.runtime,
                registry,
                answer_retention: usual.answer_retention,
                dead_retention: usual.dead_retention,
                age_alarm: usual.age_alarm,
                shards: usual.shards,
                behind: usual.behind,
            };
            let context = Context::until(env.now() + SignedDuration::from_secs(90));
            let summary = deliver(&processor, &context).await;
            assert!(table.is_over(), "somebody has joined");
            summary
        });
        // The next one is that which has joined; there is no such row.
        assert_eq!((summary.delivered, summary.dropped), (1, 1), "{summary:?}");
    });
}
