//! What a handler holds in the world: all ports of one environment.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use jiff::{SignedDuration, Timestamp};
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::{CallError, Clock, Metrics, Rng};

use crate::choice;
use crate::executor::{Actor, State, Turn, Waiting};
use crate::fault::{Fails, Fault};
use crate::trace::{Event, Site};

/// The ports of one environment. A clone is the same environment.
#[derive(Clone)]
pub struct Env {
    pub(crate) state: Rc<RefCell<State>>,
    pub(crate) actor: Actor,
    pub(crate) role: &'static str,
    pub(crate) skew: SignedDuration,
    pub(crate) rng: Rc<Cell<u64>>,
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Env").field("actor", &self.actor).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Env {
    /// The same environment in another invocation: what it remembers stays, who is running changes.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.actor
    }

    pub(crate) const fn site(&self, call: &'static str, about: &'static str) -> Site {
        Site { role: self.role, call, about }
    }

    /// A port call: waits for its turn, then has its effect, as the world's choice of fault will have it.
    pub(crate) fn call<R: Fails, E: FnMut(&mut State) -> (R, String)>(
        &self,
        site: Site,
        takes: SignedDuration,
        effect: E,
    ) -> PortCall<'_, E> {
        PortCall { env: self, site, takes, effect, id: None }
    }
}

/// A port call on its way.
pub(crate) struct PortCall<'a, E> {
    env: &'a Env,
    site: Site,
    takes: SignedDuration,
    effect: E,
    id: Option<u64>,
}

// Nothing in it is pinned.
impl<E> Unpin for PortCall<'_, E> {}

impl<R: Fails, E: FnMut(&mut State) -> (R, String)> Future for PortCall<'_, E> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        let mut state = this.env.state.borrow_mut();
        let state = &mut *state;
        let Some(id) = this.id else {
            let id = state.next_call;
            state.next_call += 1;
            this.id = Some(id);
            state.waiting.push(Waiting {
                id,
                actor: this.env.actor,
                site: this.site,
                waker: cx.waker().clone(),
                not_before: state.now + this.takes,
                turn: Turn::Later,
            });
            return Poll::Pending;
        };
        let Some(at) = state.waiting.iter().position(|w| w.id == id) else { return Poll::Pending };
        let Turn::Now(fault) = state.waiting[at].turn else { return Poll::Pending };
        state.waiting.swap_remove(at);

        let mut what = String::new();
        let mut apply = |state: &mut State| {
            let (result, text) = (this.effect)(state);
            what = text;
            result
        };
        let result = match fault {
            None => Some(apply(state)),
            Some(Fault::CrashBefore) => None,
            Some(Fault::CrashAfter) => {
                apply(state);
                None
            }
            Some(Fault::AnswerLost) => {
                apply(state);
                Some(R::fails(CallError::Unknown))
            }
            Some(Fault::Throttled) => Some(R::fails(CallError::Throttled)),
            Some(Fault::Unavailable) => Some(R::fails(CallError::Unavailable)),
            Some(Fault::Twice) => {
                apply(state);
                Some(apply(state))
            }
        };
        if state.trace.is_some() {
            let event = Event { at: state.now, actor: this.env.actor, site: this.site, fault, what };
            if let Some(trace) = &mut state.trace {
                trace.push(event);
            }
        }
        if let Some(result) = result {
            Poll::Ready(result)
        } else {
            state.dead = Some(this.env.actor);
            Poll::Pending
        }
    }
}

impl<E> Drop for PortCall<'_, E> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.env.state.borrow_mut().waiting.retain(|w| w.id != id);
        }
    }
}

impl Clock for Env {
    fn now(&self) -> Timestamp {
        self.state.borrow().now + self.skew
    }
}

impl Rng for Env {
    fn next_u64(&self) -> u64 {
        let mut state = self.rng.get();
        let number = choice::next(&mut state);
        self.rng.set(state);
        number
    }
}

impl Metrics for Env {
    fn record(&self, dimensions: &[Dimension], metrics: &[Metric]) {
        let now = self.now();
        self.state.borrow_mut().measure(dimensions, metrics, now);
    }
}
