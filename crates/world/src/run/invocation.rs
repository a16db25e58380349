//! Invocations of handlers for those who invoke functions by themselves.

use std::fmt;
use std::hash::Hash;
use std::rc::Rc;

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::actor::{ActorState, Assignment, Stage};
use super::begin::{Begin, Handler};
use super::env::Env;
use super::source::SourceJob;
use super::state::RunState;
use crate::kernel::fingerprint::fingerprint;
use crate::kernel::memory::Histories;
use crate::kernel::report::Report;

/// What a queue's or a stream's function answers: the ids of what it could not take. One that is not of the
/// batch fails the batch as a whole.
pub type FailedIds = Vec<SmolStr>;

/// An invocation whose handler gives `R`.
pub(crate) fn invocation<I: Clone + 'static, R: Hash + fmt::Debug + 'static, F>(
    role: &'static str,
    handler: impl Fn(Env, I) -> F + 'static,
) -> Handler<I, RunState>
where
    F: Future<Output = R> + 'static,
{
    let handler = Rc::new(handler);
    Rc::new(move |input: I| {
        let handler = Rc::clone(&handler);
        Rc::new(move |actor, mailbox| {
            let env = Env::new(mailbox, actor, role, SignedDuration::ZERO);
            let answer = handler(env.clone(), input.clone());
            Box::pin(async move { env.returns(answer.await) })
        })
    })
}

/// Makes an invocation of a handler that answers what it could not take.
pub(crate) fn reporting<I: Clone + 'static, A: Into<Option<FailedIds>>, F: Future<Output = A> + 'static>(
    role: &'static str,
    handler: impl Fn(Env, I) -> F + 'static,
) -> Handler<I, RunState> {
    invocation(role, move |env, input| {
        let answer = handler(env, input);
        async move { Into::<Option<FailedIds>>::into(answer.await) }
    })
}

/// What a function could not take; none when it failed as a whole, or died.
pub(crate) fn reported(returned: Option<&Report>) -> Option<&FailedIds> {
    returned?.any().downcast_ref::<Option<FailedIds>>()?.as_ref()
}

impl RunState {
    /// Adds an invocation, in the place of one that is over.
    pub fn invoke(
        &mut self,
        memory: &mut Histories<Self>,
        (asked, role): (u64, &'static str),
        begin: Begin<Self>,
        job: SourceJob,
    ) {
        let over = |actor: &ActorState<Self>| actor.stage == Stage::Over && actor.asked.job.is_some();
        let free = self.actors.iter().position(over);
        let actor = free.unwrap_or(self.actors.len());
        let node = memory.root(Some(fingerprint(&(asked, actor))));
        let fingerprint = fingerprint(&job);
        let asked = Rc::new(Assignment { role, start: self.now, begin, job: Some((job, fingerprint)) });
        let new = ActorState { node, stage: Stage::Waits, began: self.now, asked };
        if let Some(free) = free {
            self.actors[free] = new;
        } else {
            self.actors.push(new);
        }
    }
}
