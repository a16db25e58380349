//! A step: what it is to the saga, and how a team writes it down.

use std::sync::Arc;

use super::action::{Action, Undo};
use super::policy::{Policy, Retry};
use crate::names::Name;

/// A step in its place.
#[derive(Debug, Clone)]
pub struct Step<P> {
    /// The step's name.
    pub name: Name,
    /// What the step is to the saga, with what it does.
    pub role: Role<P>,
    /// How the step is tried.
    pub policy: Policy,
}

/// What a step is to the saga.
#[derive(Debug, Clone)]
pub enum Role<P> {
    /// The step can be undone.
    Compensable(Arc<dyn Undo<P>>),
    /// The step decides.
    Pivot(Arc<dyn Action<P>>),
    /// The step is done in the end.
    Retryable(Arc<dyn Action<P>>),
}

impl<P> Step<P> {
    /// Returns what the step does.
    #[must_use]
    pub fn action(&self) -> &dyn Action<P> {
        match &self.role {
            Role::Compensable(undo) => undo.as_ref(),
            Role::Pivot(action) | Role::Retryable(action) => action.as_ref(),
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

impl<P> Compensable<P> {
    /// Returns a step of this name and what does and undoes it.
    pub fn new(name: impl Into<String>, undo: impl Undo<P> + 'static) -> Self {
        let policy = Policy { retry: Retry::DO, undo_retry: Retry::UNDO, timeout: TIMEOUT };
        Self { name: name.into(), undo: Arc::new(undo), policy }
    }

    /// Sets how often undoing is tried; [`Retry::UNDO`] unless said otherwise.
    #[must_use]
    pub const fn undo_retry(mut self, retry: Retry) -> Self {
        self.policy.undo_retry = retry;
        self
    }
}

impl<P> Pivot<P> {
    /// Returns the pivot of this name and what does it.
    pub fn new(name: impl Into<String>, action: impl Action<P> + 'static) -> Self {
        let policy = Policy { retry: Retry::DO, undo_retry: Retry::UNDO, timeout: TIMEOUT };
        Self { name: name.into(), action: Arc::new(action), policy }
    }
}

impl<P> Retryable<P> {
    /// Returns a step of this name and what does it.
    pub fn new(name: impl Into<String>, action: impl Action<P> + 'static) -> Self {
        let policy = Policy { retry: Retry::LONG, undo_retry: Retry::UNDO, timeout: TIMEOUT };
        Self { name: name.into(), action: Arc::new(action), policy }
    }
}

macro_rules! policy {
    ($($step:ident)*) => {$(
        impl<P> $step<P> {
            /// Sets how often doing is tried.
            #[must_use]
            pub const fn retry(mut self, retry: Retry) -> Self {
                self.policy.retry = retry;
                self
            }

            /// Sets how long one attempt may take: 1 to 900 s; 30 s unless said otherwise.
            #[must_use]
            pub const fn timeout(mut self, seconds: u32) -> Self {
                self.policy.timeout = seconds;
                self
            }
        }
    )*};
}

policy! { Compensable Pivot Retryable }
