//! Only the breaker: a guard in front of one target, for a service of yours that calls it by itself.
//!
//! A [`Guard`] asks the breaker before a call, ends the call in time, says how it counts, and hands the permit back, whatever
//! becomes of the call:
//!
//! * [`Guard::call`] is a function around a future.
//! * A guard is a [`tower_layer::Layer`], and what it makes of a service is a [`Guarded`] one, whose futures may go to other
//!   threads: it fits into a stack of hyper's or axum's.
//! * [`tend`] is to be spawned once a process: it tells the fleet of the calls, and reads what others have told. Where nobody
//!   does so, no breaker trips, and the log says that.
//!
//! Nothing is parked: whoever is turned away is told how long to wait, and comes again by himself.
//!
//! # A call that is dropped
//!
//! A future that is dropped before its end (its caller hung up, a time-out outside of the guard was shorter, or the
//! work panicked) hands its permit back too. It counts as slow if it had taken `slowCallDurationMs` by then, and neither way
//! otherwise: whoever hangs up early says nothing of the target. The permit of a probe is free again when somebody
//! [`tend`]s; should nobody, or was it dropped while the result of a probe was being written, by the clock. So `timeoutMs` of the target, or at least `slowCallDurationMs`, should be
//! shorter than any time-out outside of the guard: what ends each call there would never trip the breaker.
//!
//! # Example
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use circuit_breaker_core::{config::TargetConfig, names::TargetName, rows};
//! use circuit_breaker_core::guard::{Guard, GuardError};
//! use circuit_breaker_core::registry::Registry;
//! use tenfold_memory::{ManualRuntime, MemoryTable};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let target = TargetName::parse("pay").unwrap();
//! # let config = TargetConfig::parse(br#"{"url": "https://pay.example", "minimumCalls": 2}"#).unwrap();
//! # let (table, runtime) = (MemoryTable::new(), ManualRuntime::new());
//! # table.put(rows::target_item(&target, rows::TargetRow::new(Arc::new(config), Default::default())));
//! // On AWS they are a `DynamoTable` and a `SystemRuntime` of tenfold-aws.
//! let registry = Arc::new(Registry::new(table, runtime, Duration::from_secs(1)));
//! let guard = Guard::new(Arc::clone(&registry), target, tokio::time::sleep);
//!
//! for _ in 0..2 {
//!     let failed = guard.call(async |_| Err::<(), _>("no answer")).await;
//!     assert_eq!(failed, Err(GuardError::Failed("no answer")));
//!     registry.tend().await; // What `tend` of this module does in the background.
//! }
//! let turned_away = guard.call(async |_| Ok::<_, &str>("never asked")).await;
//! assert!(matches!(turned_away, Err(GuardError::Waiting { .. })));
//! # }
//! ```

mod classify;
mod error;
mod service;
mod tend;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use jiff::Timestamp;
use tenfold_ports::{Runtime, Table};

pub use classify::{Classification, Classify, ErrIsFailure};
pub use error::GuardError;
pub use service::Guarded;
pub use tend::{TEND_EVERY, tend};

use crate::config::TargetConfig;
use crate::decide::timing::delay;
use crate::decide::window::CallOutcome;
use crate::names::{BreakerName, TargetName, TenantName};
use crate::registry::{Admission, Permit, Registry};

/// A breaker in front of one target, and how calls of it end and count. Clones share the registry.
///
/// `S` makes a future that is ready when so much time has passed: `tokio::time::sleep`, or that of another runtime.
/// `C` says how a call counts.
///
/// The target's configuration is read from the table: it was put there through the API, or by
/// [`configure`](crate::configure::configure). Its `timeoutMs`, its window and its thresholds are what the guard goes by; its
/// `url` is nobody's concern here. The [module](self) has an example.
#[derive(Debug)]
pub struct Guard<T, R, S, C = ErrIsFailure> {
    registry: Arc<Registry<T, R>>,
    target: TargetName,
    tenant: Option<BreakerName>,
    sleep: S,
    classify: C,
}

/// What a call may do: what its work is given.
#[derive(Debug, Clone)]
pub struct Permitted {
    /// The time that it may take; the guard ends it then.
    pub timeout: Duration,
    /// Whether it is a probe: the breaker is half-open, and few are let through.
    pub is_probe: bool,
    /// The target's configuration.
    pub config: Arc<TargetConfig>,
}

impl<T, R, S> Guard<T, R, S> {
    /// Returns a guard for a target, by which every call that ends with an `Err` is a failure.
    ///
    /// The registry is kept as long as the process lives, and shared by the guards of all targets.
    #[must_use]
    pub const fn new(registry: Arc<Registry<T, R>>, target: TargetName, sleep: S) -> Self {
        Self { registry, target, tenant: None, sleep, classify: ErrIsFailure }
    }
}

impl<T, R, S: Clone, C: Clone> Guard<T, R, S, C> {
    /// Returns a guard that asks the breaker of a tenant too, and counts calls there.
    #[must_use]
    pub fn of_tenant(&self, tenant: TenantName) -> Self {
        let tenant = BreakerName { target: self.target.clone(), tenant: Some(tenant.into_text()) };
        Self { tenant: Some(tenant), ..self.clone() }
    }
}

impl<T, R, S, C> Guard<T, R, S, C> {
    /// Returns a guard that says in another way how a call counts: a closure, or a [`Classify`] of your own.
    ///
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// # use circuit_breaker_core::{guard::{Classification, Guard}, names::TargetName, registry::Registry};
    /// # use tenfold_memory::{ManualRuntime, MemoryTable};
    /// # let registry = Registry::new(MemoryTable::new(), ManualRuntime::new(), Duration::from_secs(1));
    /// # let guard = Guard::new(Arc::new(registry), TargetName::parse("pay").unwrap(), tokio::time::sleep);
    /// // The status of an answer, or why there was none.
    /// let guard = guard.classified_by(|result: &Result<u16, std::io::Error>| match result {
    ///     Ok(503) => Classification::Failure { retry_after: Some(Duration::from_secs(30)) },
    ///     Ok(_) => Classification::Success,
    ///     Err(_) => Classification::Failure { retry_after: None },
    /// });
    /// ```
    #[must_use]
    pub fn classified_by<D>(self, classify: D) -> Guard<T, R, S, D> {
        let Self { registry, target, tenant, sleep, classify: _ } = self;
        Guard { registry, target, tenant, sleep, classify }
    }
}

impl<T: Table, R: Runtime, S, C> Guard<T, R, S, C> {
    /// Does the work if the breaker lets it through, and counts what came of it.
    ///
    /// The work is a call of the target, made once. It is ended after the target's `timeoutMs`, and a probe before somebody
    /// else may probe. Where the table has to be read before the call, as its answer is not known or ten TTLs old, that
    /// comes on top. What is told the fleet is told later, by [`tend`]; only the result of a probe is written at once.
    ///
    /// # Errors
    /// The breaker lets nothing through, or does not know the target: the work was not begun. Or it failed, or took too
    /// long.
    pub async fn call<A, E, F, Z>(&self, work: impl FnOnce(Permitted) -> F) -> Result<A, GuardError<E>>
    where
        F: Future<Output = Result<A, E>>,
        S: Fn(Duration) -> Z,
        Z: Future<Output = ()>,
        C: Classify<A, E>,
    {
        self.call_until(Timestamp::MAX, work).await
    }

    /// Does the work as [`call`](Self::call) does, and ends it at a deadline at the latest: that of a function on Lambda,
    /// less what it needs to answer.
    ///
    /// # Errors
    /// As for [`call`](Self::call); or the deadline has passed.
    pub async fn call_until<A, E, F, Z>(
        &self,
        deadline: Timestamp,
        work: impl FnOnce(Permitted) -> F,
    ) -> Result<A, GuardError<E>>
    where
        F: Future<Output = Result<A, E>>,
        S: Fn(Duration) -> Z,
        Z: Future<Output = ()>,
        C: Classify<A, E>,
    {
        let permit = self.admit().await?;
        let timeout = permit.time_for(deadline, Duration::ZERO);
        if timeout.is_zero() {
            permit.release().await;
            return Err(GuardError::NoTime);
        }
        // A call that is cut short says nothing of the target, but that it was slow if it was.
        let is_short = timeout < permit.config.timeout();
        let permitted =
            Permitted { timeout, is_probe: permit.is_probe(), config: Arc::clone(&permit.config) };
        let mut underway =
            Underway { registry: &*self.registry, began: self.registry.now(), permit: Some(permit) };
        let ended = match select(pin!(work(permitted)), pin!((self.sleep)(timeout))).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(((), _)) => None,
        };
        let classification = match &ended {
            Some(result) => self.classify.classify(result),
            None if is_short => Classification::Ignored,
            None => Classification::Failure { retry_after: None },
        };
        let slow = underway.is_slow();
        let (outcome, retry_after) = match classification {
            Classification::Success => (Some(CallOutcome { failed: false, slow }), None),
            Classification::Failure { retry_after } => {
                (Some(CallOutcome { failed: true, slow }), retry_after)
            }
            Classification::Ignored if slow && ended.is_none() => {
                (Some(CallOutcome { failed: false, slow }), None)
            }
            Classification::Ignored => (None, None),
        };
        if let Some(permit) = underway.permit.take() {
            permit.settle(outcome, retry_after).await;
        }
        if outcome.is_some_and(CallOutcome::is_bad) {
            self.registry.note_failure(&self.target);
        }
        ended.map_or(Err(GuardError::TimedOut(timeout)), |result| result.map_err(GuardError::Failed))
    }

    async fn admit<E>(&self) -> Result<Permit<'_, T, R>, GuardError<E>> {
        match self.registry.admit(&self.target, self.tenant.as_ref()).await? {
            Admission::Call(permit) => Ok(permit),
            Admission::Wait { until, breaker, why, refused, .. } => {
                let retry_after = until.map(|until| delay(self.registry.now(), until));
                let refused = refused.map(Box::new);
                Err(GuardError::Waiting { retry_after, breaker, why, refused })
            }
            Admission::Unknown => Err(GuardError::UnknownTarget(self.target.clone())),
        }
    }
}

impl<T, R, S: Clone, C: Clone> Clone for Guard<T, R, S, C> {
    fn clone(&self) -> Self {
        Self {
            registry: Arc::clone(&self.registry),
            target: self.target.clone(),
            tenant: self.tenant.clone(),
            sleep: self.sleep.clone(),
            classify: self.classify.clone(),
        }
    }
}

/// A call that is under way. One that is dropped hands its permit back.
struct Underway<'a, T: Table, R: Runtime> {
    registry: &'a Registry<T, R>,
    began: Timestamp,
    permit: Option<Permit<'a, T, R>>,
}

impl<T: Table, R: Runtime> Underway<'_, T, R> {
    /// Returns whether it has taken so long that it is slow, whatever comes of it.
    fn is_slow(&self) -> bool {
        let took = self.registry.now().duration_since(self.began);
        let slow = self.permit.as_ref().map(|permit| permit.config.slow_call_duration_ms);
        slow.is_some_and(|slow| took.as_millis() >= i128::from(slow))
    }
}

impl<T: Table, R: Runtime> Drop for Underway<'_, T, R> {
    fn drop(&mut self) {
        let slow = self.is_slow();
        if let Some(permit) = self.permit.take() {
            permit.leave(slow.then_some(CallOutcome { failed: false, slow }));
        }
    }
}
