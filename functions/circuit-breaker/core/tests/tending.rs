//! What is done behind an answer while the table hangs: it has its end, and nothing that was counted is lost.

use std::future::{Pending, pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::decide::window::CallOutcome;
use circuit_breaker_core::guard::{Guard, GuardError};
use circuit_breaker_core::names::{BreakerName, TargetName};
use circuit_breaker_core::registry::{Admission, Registry, TEND_MOST};
use circuit_breaker_core::rows::{BreakerRow, TargetRow, breaker_key, target_item};
use futures_util::FutureExt;
use tenfold_memory::{ManualRuntime, MemoryTable};
use tenfold_ports::table::{Cursor, Item, Key, Page, Query, Read, TransactError, Write, WriteError};
use tenfold_ports::{CallError, Clock, Table};

/// A table that answers nothing while it hangs.
#[derive(Clone, Default)]
struct Hanging {
    table: MemoryTable,
    hangs: Arc<AtomicBool>,
}

impl Hanging {
    fn hang(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::Relaxed);
    }

    async fn answer(&self) {
        if self.hangs.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    }

    fn breaker(&self) -> Option<BreakerRow> {
        let key = breaker_key(&BreakerName::of(pay()));
        let items = self.table.items();
        items.iter().find(|item| item.key == key).map(|item| BreakerRow::read(item).unwrap())
    }
}

impl Table for Hanging {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        self.answer().await;
        self.table.get(key, read).await
    }

    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        self.answer().await;
        self.table.get_many(keys, read).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        self.answer().await;
        self.table.write(write).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        self.answer().await;
        self.table.transact(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        self.answer().await;
        self.table.query(query).await
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        self.answer().await;
        self.table.count(query).await
    }
}

type Own = Registry<Hanging, ManualRuntime>;
type NoTimeout = fn(Duration) -> Pending<()>;

fn pay() -> TargetName {
    TargetName::parse("pay").unwrap()
}

/// An environment whose target is configured by these fields, its table and its time.
fn environment(fields: &str) -> (Arc<Own>, Hanging, ManualRuntime) {
    let (table, runtime) = (Hanging::default(), ManualRuntime::new());
    let config = TargetConfig::parse(format!(r#"{{"url":"http://pay"{fields}}}"#).as_bytes()).unwrap();
    table.table.put(target_item(&pay(), TargetRow::new(Arc::new(config), runtime.now())));
    (Arc::new(Registry::new(table.clone(), runtime.clone(), Duration::from_secs(1))), table, runtime)
}

fn call(registry: &Arc<Own>, came: Result<(), &'static str>) -> Result<(), GuardError<&'static str>> {
    let guard: Guard<_, _, NoTimeout> = Guard::new(Arc::clone(registry), pay(), |_| pending());
    guard.call(|_| ready(came)).now_or_never().unwrap()
}

/// Tends while the table hangs: until its time is up, and no longer.
fn tend_in_vain(registry: &Own, runtime: &ManualRuntime) {
    let mut tend = Box::pin(registry.tend());
    assert!(tend.as_mut().now_or_never().is_none(), "it waits for the table");
    runtime.advance(TEND_MOST);
    assert!(tend.now_or_never().is_some(), "it keeps the invocation");
}

#[test]
fn a_table_that_hangs_keeps_no_invocation_and_costs_no_count() {
    let (registry, table, runtime) = environment(r#","minimumCalls":3"#);
    assert_eq!(call(&registry, Err("no")), Err(GuardError::Failed("no")));
    table.hang(true);
    for _ in 0..2 {
        tend_in_vain(&registry, &runtime);
        assert_eq!(call(&registry, Err("no")), Err(GuardError::Failed("no")));
        runtime.advance(Duration::from_secs(3));
    }
    table.hang(false);
    registry.tend().now_or_never().unwrap();
    assert!(matches!(table.breaker().unwrap().breaker.state, BreakerState::Open { .. }), "all three count");
}

#[test]
fn the_permit_of_a_dropped_probe_is_given_back_when_the_table_answers_again() {
    let (registry, table, runtime) =
        environment(r#","minimumCalls":1,"openDurationMs":1000,"halfOpenProbes":1"#);
    assert!(call(&registry, Err("no")).is_err());
    registry.tend().now_or_never().unwrap();
    runtime.advance(Duration::from_secs(2));
    let guard: Guard<_, _, NoTimeout> = Guard::new(Arc::clone(&registry), pay(), |_| pending());
    let mut probe = Box::pin(guard.call(|_| pending::<Result<(), &str>>()));
    assert!(probe.as_mut().now_or_never().is_none());
    drop(probe);
    table.hang(true);
    tend_in_vain(&registry, &runtime);
    table.hang(false);
    registry.tend().now_or_never().unwrap();
    let BreakerState::HalfOpen { permits } = table.breaker().unwrap().breaker.state else { panic!() };
    assert_eq!(permits, []);
}

#[test]
fn a_process_that_ends_reports_what_it_would_have_reported_later() {
    let (registry, table, _) = environment(r#","window":{"type":"count","size":1000},"minimumCalls":1000"#);
    // So many that each failure may wait.
    (0..40).for_each(|_| assert_eq!(call(&registry, Ok(())), Ok(())));
    assert!(call(&registry, Err("no")).is_err());
    registry.tend().now_or_never().unwrap();
    assert_eq!(table.breaker(), None, "it waits for others");
    registry.flush().now_or_never().unwrap();
    let (breaker, config) = (table.breaker().unwrap().breaker, registry.target(&pay()).unwrap().config);
    let tally = breaker.window.tally(config.window, breaker.since);
    assert_eq!((tally.calls, tally.failed), (41, 1));
}

#[test]
fn the_result_of_a_probe_counts_though_its_breaker_was_forgotten_meanwhile() {
    let (registry, table, runtime) =
        environment(r#","minimumCalls":1,"openDurationMs":1000,"halfOpenProbes":1"#);
    assert!(call(&registry, Err("no")).is_err());
    registry.tend().now_or_never().unwrap();
    runtime.advance(Duration::from_secs(2));
    let Admission::Call(probe) = registry.admit(&pay(), None).now_or_never().unwrap().unwrap() else {
        panic!()
    };
    let config = registry.target(&pay()).unwrap().config;
    for n in 0..2_100 {
        let other = TargetName::parse(&format!("other-{n}")).unwrap();
        table.table.put(target_item(&other, TargetRow::new(Arc::clone(&config), runtime.now())));
        runtime.advance(Duration::from_millis(1));
        registry.load(&other, &[&BreakerName::of(other.clone())]).now_or_never().unwrap().unwrap();
    }
    assert_eq!(registry.target(&pay()), None, "it is forgotten");
    let good = CallOutcome { failed: false, slow: false };
    let settled = probe.settle(Some(good), None).now_or_never().unwrap();
    assert!(settled.stored && settled.closed);
    assert_eq!(table.breaker().unwrap().breaker.state, BreakerState::Closed);
}
