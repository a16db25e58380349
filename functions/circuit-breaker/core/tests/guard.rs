//! Only the breaker: around a future, and in a stack of tower's.

use std::future::{Pending, pending, ready};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::guard::{self, Classification, Guard, GuardError, Permitted};
use circuit_breaker_core::names::{BreakerName, TargetName, TenantName};
use circuit_breaker_core::registry::Registry;
use circuit_breaker_core::rows::{BreakerRow, TargetRow, breaker_key, target_item};
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tenfold_memory::{ManualRuntime, MemoryTable};
use tenfold_ports::table::Item;
use tenfold_ports::{Clock, SmolStr};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

type Own = Registry<MemoryTable, ManualRuntime>;
/// Nobody's time is up.
type NoTimeout = fn(Duration) -> Pending<()>;
type Result = std::result::Result<&'static str, GuardError<&'static str>>;

/// One environment that guards the target `pay`, which trips with its second failure and is open for a second.
struct Fleet {
    table: MemoryTable,
    runtime: ManualRuntime,
    registry: Arc<Own>,
}

const TTL: Duration = Duration::from_secs(1);

fn pay() -> TargetName {
    TargetName::parse("pay").unwrap()
}

impl Fleet {
    fn new(fields: &str) -> Self {
        let (table, runtime) = (MemoryTable::new(), ManualRuntime::new());
        let body = format!(r#"{{"url":"http://pay","minimumCalls":2,"openDurationMs":1000{fields}}}"#);
        let config = Arc::new(TargetConfig::parse(body.as_bytes()).unwrap());
        table.put(target_item(&pay(), TargetRow::new(config, runtime.now())));
        let registry = Arc::new(Registry::new(table.clone(), runtime.clone(), TTL));
        Self { table, runtime, registry }
    }

    fn guard(&self) -> Guard<MemoryTable, ManualRuntime, NoTimeout> {
        Guard::new(Arc::clone(&self.registry), pay(), |_| pending())
    }

    /// A call that comes to this, and what is told the fleet then.
    fn call(&self, came: std::result::Result<&'static str, &'static str>) -> Result {
        let result = self.guard().call(|_| ready(came)).now_or_never().unwrap();
        self.tend();
        result
    }

    fn tend(&self) {
        self.registry.tend().now_or_never().unwrap();
    }

    fn trip(&self) {
        for _ in 0..2 {
            assert_eq!(self.call(Err("no")), Err(GuardError::Failed("no")));
        }
        assert!(matches!(self.state(), BreakerState::Open { .. }), "{:?}", self.state());
    }

    /// Lets the break be over, in which the state is read anew.
    fn end_break(&self) {
        self.runtime.advance(Duration::from_millis(1_300));
    }

    fn row(&self) -> Item {
        let key = breaker_key(&BreakerName::of(pay()));
        self.table.items().into_iter().find(|item| item.key == key).unwrap()
    }

    /// The state as the fleet knows it.
    fn state(&self) -> BreakerState {
        BreakerRow::read(&self.row()).unwrap().breaker.state
    }

    /// How many permits of a half-open breaker are out.
    fn permits_out(&self) -> usize {
        match self.state() {
            BreakerState::HalfOpen { permits, .. } => permits.iter().filter(|p| p.result.is_none()).count(),
            _ => 0,
        }
    }
}

#[test]
fn it_trips_turns_away_probes_and_closes() {
    let fleet = Fleet::new(r#","halfOpenProbes":1"#);
    fleet.trip();
    let turned_away = fleet.call(Ok("never asked")).unwrap_err();
    assert!(!turned_away.was_called());
    let wait = turned_away.retry_after().unwrap();
    assert!(wait > Duration::from_millis(900) && wait < Duration::from_millis(1_300), "{wait:?}");
    assert!(turned_away.to_string().starts_with("pay is not to be called: open"), "{turned_away}");
    fleet.end_break();
    assert_eq!(fleet.call(Ok("well again")), Ok("well again"));
    assert_eq!(fleet.state(), BreakerState::Closed);
}

#[test]
fn nothing_trips_until_somebody_tends() {
    let fleet = Fleet::new("");
    for _ in 0..9 {
        let result = fleet.guard().call(|_| ready(Err::<(), _>("no"))).now_or_never().unwrap();
        assert_eq!(result, Err(GuardError::Failed("no")));
        fleet.runtime.advance(Duration::from_secs(20));
    }
    fleet.tend();
    assert!(!fleet.call(Ok("never asked")).unwrap_err().was_called());
}

#[test]
fn a_work_is_told_what_it_may() {
    let fleet = Fleet::new("");
    let told = |permitted: Permitted| ready(Ok::<_, ()>((permitted.timeout, permitted.is_probe)));
    let guard = fleet.guard();
    assert_eq!(guard.call(told).now_or_never().unwrap(), Ok((Duration::from_secs(5), false)));
    let until = |at: Timestamp| guard.call_until(at, told).now_or_never().unwrap();
    assert_eq!(
        until(fleet.runtime.now() + SignedDuration::from_secs(2)),
        Ok((Duration::from_secs(2), false))
    );
    assert_eq!(until(fleet.runtime.now()), Err(GuardError::NoTime));
}

#[test]
fn a_target_that_nobody_has_configured_is_not_called() {
    let fleet = Fleet::new("");
    let other = TargetName::parse("other").unwrap();
    let guard = Guard::new(Arc::clone(&fleet.registry), other.clone(), |_| pending::<()>());
    let result = guard.call(|_| ready(Ok::<(), ()>(()))).now_or_never().unwrap();
    assert_eq!(result, Err(GuardError::UnknownTarget(other)));
}

#[test]
fn what_takes_too_long_is_ended_and_is_a_failure() {
    let fleet = Fleet::new("");
    let at_once = |_| ready(());
    let guard = Guard::new(Arc::clone(&fleet.registry), pay(), at_once);
    for _ in 0..2 {
        let result = guard.call(|_| pending::<std::result::Result<(), ()>>()).now_or_never().unwrap();
        assert_eq!(result, Err(GuardError::TimedOut(Duration::from_secs(5))));
        fleet.tend();
    }
    assert!(matches!(fleet.state(), BreakerState::Open { .. }));
}

/// Its caller's haste says nothing of the target.
#[test]
fn a_call_that_a_deadline_cuts_short_is_no_failure() {
    let fleet = Fleet::new("");
    let guard = Guard::new(Arc::clone(&fleet.registry), pay(), |_| ready(()));
    for _ in 0..5 {
        let soon = fleet.runtime.now() + SignedDuration::from_millis(100);
        let result = guard.call_until(soon, |_| pending::<std::result::Result<(), ()>>()).now_or_never();
        assert_eq!(result.unwrap(), Err(GuardError::TimedOut(Duration::from_millis(100))));
        fleet.tend();
    }
    assert_eq!(fleet.call(Ok("called")), Ok("called"));
}

#[test]
fn a_team_says_what_a_failure_is_and_how_long_it_wants_to_be_left_alone() {
    let fleet = Fleet::new(r#","maxOpenDurationMs":60000"#);
    let guard = fleet.guard().classified_by(|result: &std::result::Result<u16, ()>| match result {
        Ok(503) => Classification::Failure { retry_after: Some(Duration::from_secs(40)) },
        Ok(400..) => Classification::Ignored,
        _ => Classification::Success,
    });
    let call = |status: u16| {
        let result = guard.call(|_| ready(Ok(status))).now_or_never().unwrap();
        fleet.tend();
        result
    };
    (0..9).for_each(|_| assert_eq!(call(429), Ok(429)));
    (0..2).for_each(|_| assert_eq!(call(503), Ok(503), "the answer is the caller's, however it counts"));
    assert!(call(200).unwrap_err().retry_after().unwrap() >= Duration::from_secs(39));
}

#[test]
fn tenants_trip_for_themselves() {
    let fleet = Fleet::new("");
    let red = fleet.guard().of_tenant(TenantName::parse("red").unwrap());
    for _ in 0..2 {
        red.call(|_| ready(Err::<(), _>(()))).now_or_never().unwrap().unwrap_err();
        fleet.tend();
    }
    let turned_away = red.call(|_| ready(Err::<(), _>(()))).now_or_never().unwrap().unwrap_err();
    let GuardError::Waiting { breaker, .. } = turned_away else { unreachable!("{turned_away:?}") };
    assert_eq!(breaker.tenant.as_deref(), Some("red"));
    assert_eq!(fleet.call(Ok("others")), Ok("others"));
}

#[test]
fn a_call_that_is_dropped_early_counts_neither_way() {
    let fleet = Fleet::new("");
    for _ in 0..9 {
        let dropped = fleet.guard().call(|_| pending::<std::result::Result<(), ()>>()).now_or_never();
        assert!(dropped.is_none());
        fleet.tend();
    }
    assert_eq!(fleet.call(Err("no")), Err(GuardError::Failed("no")));
    assert_eq!(fleet.state(), BreakerState::Closed, "one failure of one call");
}

#[test]
fn a_call_that_is_dropped_late_was_slow() {
    let fleet = Fleet::new("");
    for _ in 0..2 {
        let guard = fleet.guard();
        let mut call = Box::pin(guard.call(|_| pending::<std::result::Result<(), ()>>()));
        assert!(call.as_mut().now_or_never().is_none());
        fleet.runtime.advance(Duration::from_secs(5));
        drop(call);
        fleet.tend();
    }
    assert!(matches!(fleet.state(), BreakerState::Open { .. }), "{:?}", fleet.state());
}

#[test]
fn a_probe_that_is_dropped_or_panics_gives_its_permit_back() {
    let fleet = Fleet::new(r#","halfOpenProbes":1"#);
    fleet.trip();
    fleet.end_break();
    let guard = fleet.guard();
    assert!(guard.call(|_| pending::<std::result::Result<(), ()>>()).now_or_never().is_none());
    assert_eq!(fleet.permits_out(), 1);
    assert!(!fleet.call(Ok("never asked")).unwrap_err().was_called(), "somebody probes");
    // That call's tending has given the permit back.
    assert_eq!(fleet.permits_out(), 0);
    let panics = AssertUnwindSafe(guard.call(|permitted| async move {
        assert!(!permitted.is_probe, "the work panics");
        Ok::<(), ()>(())
    }));
    assert!(panics.catch_unwind().now_or_never().unwrap().is_err());
    assert_eq!(fleet.permits_out(), 1);
    fleet.tend();
    assert_eq!(fleet.call(Ok("well again")), Ok("well again"));
    assert_eq!(fleet.state(), BreakerState::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_guarded_on_all_threads() {
    let fleet = Fleet::new(r#","window":{"size":4}"#);
    let guard = Guard::new(Arc::clone(&fleet.registry), pay(), tokio::time::sleep);
    let guard = guard.classified_by(|result: &std::result::Result<u16, SmolStr>| match result {
        Ok(..500) => Classification::Success,
        _ => Classification::Failure { retry_after: None },
    });
    let client = service_fn(async |status: u16| {
        tokio::task::yield_now().await;
        Ok::<u16, SmolStr>(status)
    });
    let service = ServiceBuilder::new().layer(guard).service(client);
    let ask = |status: u16| tokio::spawn(service.clone().oneshot(status));
    let well = join_all((0..50).map(|_| ask(200))).await;
    assert!(well.into_iter().all(|answer| answer.unwrap() == Ok(200)));

    let tending = tokio::spawn(guard::tend(&fleet.registry, tokio::time::sleep));
    for _ in 0..4 {
        assert_eq!(ask(503).await.unwrap(), Ok(503));
    }
    let turned_away = async {
        while ask(503).await.unwrap().is_ok() {
            fleet.runtime.advance(Duration::from_millis(10));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), turned_away).await.unwrap();

    drop((service, fleet));
    tokio::time::timeout(Duration::from_secs(10), tending).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_ready_is_what_is_called() {
    /// A service that may be called only where it has said that it is ready.
    struct Reserving(bool);

    impl Clone for Reserving {
        fn clone(&self) -> Self {
            Self(false)
        }
    }

    impl Service<()> for Reserving {
        type Response = ();
        type Error = SmolStr;
        type Future = std::future::Ready<std::result::Result<(), SmolStr>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::result::Result<(), SmolStr>> {
            self.0 = true;
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            ready(if std::mem::take(&mut self.0) { Ok(()) } else { Err("it was not ready".into()) })
        }
    }

    let fleet = Fleet::new("");
    let guard = Guard::new(Arc::clone(&fleet.registry), pay(), tokio::time::sleep);
    let mut service = ServiceBuilder::new().layer(guard).service(Reserving(false));
    for _ in 0..3 {
        assert_eq!(service.ready().await.unwrap().call(()).await, Ok(()));
    }
}
