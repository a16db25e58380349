//! A step: what it does, how it is undone, and how often each is tried.

use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use smol_str::SmolStr;
use tenfold_ports::table::{Item, Write};

use crate::names::{Name, SagaId};

/// The most writes that a step may add to its transaction.
pub const WRITES_MOST: usize = 20;

/// What a step works on.
#[derive(Debug)]
pub struct Work<'a, P> {
    /// For which saga. With the step's name it is the key of whatever the step reserves.
    pub saga: SagaId,
    /// Which step.
    pub step: &'a Name,
    /// What the saga is about.
    pub payload: &'a P,
    /// The time.
    pub now: Timestamp,
}

/// What a step does, as writes that are made in one transaction with the step's own row and its log entry.
///
/// So it is done once, whatever repeats it, and needs no idempotency of its own. The writes must not touch the
/// rows of the saga.
pub trait Action<P>: Debug + Send + Sync {
    /// What is taken, in a few words, for people: `flight LH-1`.
    fn item(&self, payload: &P) -> SmolStr;

    /// The writes, at most [`WRITES_MOST`], each of another item.
    fn writes(&self, work: &Work<'_, P>) -> Vec<Write>;

    /// Why the service refuses: in words, from the write (by its place) whose condition did not hold, and its
    /// item as it is. A refusal is for good: what may hold a moment later belongs into no condition here.
    fn refusal(&self, work: &Work<'_, P>, at: usize, current: Option<&Item>) -> String;
}

/// What takes the effect of a step back.
pub trait Undo<P>: Action<P> {
    /// The writes, at most [`WRITES_MOST`], each of another item. They are made once, and only after the step
    /// was done.
    fn undo_writes(&self, work: &Work<'_, P>) -> Vec<Write>;

    /// Why the service does not take it back, like [`Action::refusal`]. The step is stuck then, and a person is
    /// told.
    fn undo_refusal(&self, work: &Work<'_, P>, at: usize, current: Option<&Item>) -> String;
}

/// How often something is tried again, and when: after `interval`, each time `backoff` times as long, to
/// `max_delay`; each wait is drawn from zero to that ("full jitter": AWS Architecture Blog, "Exponential Backoff
/// And Jitter").
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Retry {
    /// The longest wait before the second attempt: 1 to 3,600 s.
    pub interval: u32,
    /// By how much it grows: 1.0 to 10.0.
    pub backoff: f64,
    /// How often it is tried after the first attempt: 0 to 100.
    pub attempts: u32,
    /// What the wait grows to: more than `interval`, to 86,400 s.
    pub max_delay: u32,
}

impl Retry {
    /// For doing: give way soon, since there is a way back.
    pub const DO: Self = Self { interval: 1, backoff: 2.0, attempts: 4, max_delay: 10 };
    /// For undoing: about three minutes.
    pub const UNDO: Self = Self { interval: 1, backoff: 2.0, attempts: 8, max_delay: 60 };
    /// For what must be done, after the pivot: about two hours.
    pub const LONG: Self = Self { interval: 2, backoff: 2.0, attempts: 30, max_delay: 300 };

    /// What is out of range, none where nothing is.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if !(1..=3600).contains(&self.interval) {
            Some("the interval should be 1 to 3,600 s")
        } else if !(1.0..=10.0).contains(&self.backoff) {
            Some("the backoff should be 1.0 to 10.0")
        } else if self.attempts > 100 {
            Some("at most 100 attempts are made")
        } else if self.max_delay <= self.interval || self.max_delay > 86_400 {
            // As Step Functions wants it.
            Some("the longest wait should be more than the interval, to 86,400 s")
        } else {
            None
        }
    }
}

/// How long a task may take before its answer counts as lost, unless said otherwise: seconds.
const TIMEOUT: u32 = 30;

/// A step before the pivot: it can be undone. Made of a name and something that knows how ([`Undo`]).
#[derive(Debug, Clone)]
pub struct Compensable<P> {
    pub(super) name: String,
    pub(super) undo: Arc<dyn Undo<P>>,
    pub(super) policy: Policy,
}

/// The step that decides: when it is done, the saga is not undone any more.
#[derive(Debug, Clone)]
pub struct Pivot<P> {
    pub(super) name: String,
    pub(super) action: Arc<dyn Action<P>>,
    pub(super) policy: Policy,
}

/// A step after the pivot: it is tried until it is done, and must never be refused for good.
#[derive(Debug, Clone)]
pub struct Retryable<P> {
    pub(super) name: String,
    pub(super) action: Arc<dyn Action<P>>,
    pub(super) policy: Policy,
}

/// How a step is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Doing it.
    pub retry: Retry,
    /// Undoing it.
    pub undo_retry: Retry,
    /// How long one attempt may take: 1 to 900 s.
    pub timeout: u32,
}

impl<P> Compensable<P> {
    /// A step and its compensation.
    pub fn new(name: impl Into<String>, undo: impl Undo<P> + 'static) -> Self {
        let policy = Policy { retry: Retry::DO, undo_retry: Retry::UNDO, timeout: TIMEOUT };
        Self { name: name.into(), undo: Arc::new(undo), policy }
    }

    /// How often undoing it is tried; [`Retry::UNDO`] unless said otherwise.
    #[must_use]
    pub const fn undo_retry(mut self, retry: Retry) -> Self {
        self.policy.undo_retry = retry;
        self
    }
}

impl<P> Pivot<P> {
    /// The step that decides.
    pub fn new(name: impl Into<String>, action: impl Action<P> + 'static) -> Self {
        let policy = Policy { retry: Retry::DO, undo_retry: Retry::UNDO, timeout: TIMEOUT };
        Self { name: name.into(), action: Arc::new(action), policy }
    }
}

impl<P> Retryable<P> {
    /// A step that is tried until it is done.
    pub fn new(name: impl Into<String>, action: impl Action<P> + 'static) -> Self {
        let policy = Policy { retry: Retry::LONG, undo_retry: Retry::UNDO, timeout: TIMEOUT };
        Self { name: name.into(), action: Arc::new(action), policy }
    }
}

macro_rules! policy {
    ($($step:ident)*) => {$(
        impl<P> $step<P> {
            /// How often doing it is tried.
            #[must_use]
            pub const fn retry(mut self, retry: Retry) -> Self {
                self.policy.retry = retry;
                self
            }

            /// How long one attempt may take: 1 to 900 s; 30 s unless said otherwise.
            #[must_use]
            pub const fn timeout(mut self, seconds: u32) -> Self {
                self.policy.timeout = seconds;
                self
            }
        }
    )*};
}

policy! { Compensable Pivot Retryable }
