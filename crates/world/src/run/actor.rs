//! Invocations and their calls, as far as they have come.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;

use super::begin::Begin;
use super::source::SourceJob;
use crate::kernel::actor::Actor;
use crate::kernel::call::{CallAnswer, PortCall};
use crate::kernel::memory::NodeId;

/// How far a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Waits,
    Runs,
    Over,
}

/// An invocation, and how far it is.
#[derive(Clone)]
pub(crate) struct ActorState<S> {
    /// What came to it.
    pub node: NodeId,
    pub stage: Stage,
    /// When it began.
    pub began: Timestamp,
    pub asked: Rc<Assignment<S>>,
}

/// What an invocation is to do.
pub(crate) struct Assignment<S> {
    /// The role of the function.
    pub role: &'static str,
    /// When it may begin.
    pub start: Timestamp,
    pub begin: Begin<S>,
    /// What it works on for a source, and what stands for that; none for one that the run has begun itself.
    pub job: Option<(SourceJob, u64)>,
}

impl<S> Hash for ActorState<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let job =
            self.asked.job.as_ref().filter(|_| self.stage != Stage::Over).map(|(_, fingerprint)| fingerprint);
        (self.node, self.stage, job).hash(state);
        if self.stage == Stage::Waits {
            self.asked.start.hash(state);
        }
    }
}

/// A call that waits for its turn.
#[derive(Clone)]
pub(crate) struct Waiting<S> {
    /// Whose it is; [`NOBODY`](crate::kernel::actor::NOBODY)'s when who made it has died since.
    pub actor: Actor,
    /// What its handler was when it made the call.
    pub made_by: NodeId,
    pub call: Rc<PortCall<S>>,
    pub not_before: Timestamp,
    /// Until when a receive waits for a message.
    pub until: Timestamp,
    /// The answer on its way back, once the call is made.
    pub answer: Option<CallAnswer>,
}

impl<S> ActorState<S> {
    /// Whether it works on something that a source has delivered.
    pub fn works_for(&self, source: usize) -> bool {
        let job = self.asked.job.as_ref().filter(|_| self.stage != Stage::Over);
        job.is_some_and(|(job, _)| job.source() == Some(source))
    }
}
