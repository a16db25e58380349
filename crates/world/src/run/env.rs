//! What a handler holds in the world: all ports of one environment.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use jiff::{SignedDuration, Timestamp};
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::{Clock, Metrics, Rng};

use super::state::RunState;
use crate::kernel::actor::Actor;
use crate::kernel::call::{CallAnswer, Mailbox, Measured, PortCall, Takes};
use crate::kernel::choice;
use crate::kernel::fault::Fails;
use crate::kernel::site::Site;

/// The ports of one environment. A clone is the same environment.
#[derive(Clone)]
pub struct Env {
    mailbox: Rc<RefCell<Mailbox<RunState>>>,
    pub(crate) actor: Actor,
    role: &'static str,
    skew: SignedDuration,
    rng: Rc<Cell<u64>>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("actor", &self.actor).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Env {
    pub(crate) fn new(
        mailbox: Rc<RefCell<Mailbox<RunState>>>,
        actor: Actor,
        role: &'static str,
        skew: SignedDuration,
    ) -> Self {
        // Each environment draws its own numbers, so that who was first does not change what they are.
        // The seed is mixed first: seeds a step of the generator apart would give the same numbers, shifted.
        let rng = Rc::new(Cell::new(choice::next(&mut (actor as u64))));
        Self { mailbox, actor, role, skew, rng }
    }

    /// Tells the run something, such as the answer that a caller got: see [`crate::World::reports`].
    pub fn report(&self, report: impl Hash + fmt::Debug + 'static) {
        self.mailbox.borrow_mut().reports.push(Rc::new(report));
    }

    /// What the invocation answers to who has invoked it.
    pub(crate) fn returns(&self, answer: impl Hash + fmt::Debug + 'static) {
        self.mailbox.borrow_mut().returned = Some(Rc::new(answer));
    }

    pub(crate) const fn site(&self, call: &'static str, about: &'static str) -> Site {
        Site { role: self.role, call, about }
    }

    /// A port call: waits for its turn, then has its effect, as the world's choice of fault will have it.
    ///
    /// The effect depends on nothing but its arguments and the state, as it is kept and had in other runs
    /// too.
    pub(crate) fn call<R, E>(&self, site: Site, effect: E) -> PendingCall<'_, E>
    where
        E: Fn(&mut RunState) -> (R, String) + 'static,
    {
        self.call_for(site, Takes::NoTime, effect)
    }

    /// A port call that is on its way for some time.
    pub(crate) fn call_for<R, E>(&self, site: Site, takes: Takes, effect: E) -> PendingCall<'_, E>
    where
        E: Fn(&mut RunState) -> (R, String) + 'static,
    {
        PendingCall { env: self, site, takes, effect: Some(effect), id: None }
    }
}

/// A port call on its way.
pub(crate) struct PendingCall<'a, E> {
    env: &'a Env,
    site: Site,
    takes: Takes,
    effect: Option<E>,
    id: Option<u32>,
}

// Nothing in it is pinned.
impl<E> Unpin for PendingCall<'_, E> {}

impl<R, E> Future for PendingCall<'_, E>
where
    R: Fails + Hash + Clone + 'static,
    E: Fn(&mut RunState) -> (R, String) + 'static,
{
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        let mut mailbox = this.env.mailbox.borrow_mut();
        if let Some(effect) = this.effect.take() {
            let id = mailbox.next;
            mailbox.next += 1;
            this.id = Some(id);
            let remembers = mailbox.remembers;
            let effect = Box::new(move |state: &mut RunState| {
                let (result, what) = effect(state);
                (if remembers { CallAnswer::new(result) } else { CallAnswer::once(result) }, what)
            });
            let (site, takes) = (this.site, std::mem::replace(&mut this.takes, Takes::NoTime));
            let call = PortCall {
                id,
                site,
                takes,
                effect,
                fails: |error| CallAnswer::new(R::fails(error)),
                conflicts: || CallAnswer::new(R::conflicts()),
            };
            mailbox.calls.push((Rc::new(call), cx.waker().clone()));
            return Poll::Pending;
        }
        if let Some(place) = mailbox.answers.iter().position(|(id, _)| Some(*id) == this.id) {
            let (_, answer) = mailbox.answers.swap_remove(place);
            if let Ok(answer) = answer.value.downcast::<R>() {
                return Poll::Ready(Rc::unwrap_or_clone(answer));
            }
        }
        // Woken for another call of the same handler; or moved to another task meanwhile.
        if let Some((_, waker)) = mailbox.calls.iter_mut().find(|(c, _)| Some(c.id) == this.id) {
            waker.clone_from(cx.waker());
        }
        Poll::Pending
    }
}

impl<E> Drop for PendingCall<'_, E> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let mut mailbox = self.env.mailbox.borrow_mut();
            mailbox.calls.retain(|(call, _)| call.id != id);
            mailbox.answers.retain(|(call, _)| *call != id);
        }
    }
}

impl Clock for Env {
    fn now(&self) -> Timestamp {
        self.mailbox.borrow().now + self.skew
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
        let (dimensions, metrics, at) = (dimensions.to_vec(), metrics.to_vec(), self.now());
        self.mailbox.borrow_mut().measured.push(Measured { dimensions, metrics, at });
    }
}
