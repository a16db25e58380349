//! A walk through the states of one scope: the machine's own, a branch's, or an iteration's.

use std::hash::{Hash, Hasher};
use std::mem;
use std::rc::Rc;

use jiff::Timestamp;

use super::TaskId;
use super::fork::{Fork, Forked};
use crate::flow::context::About;
use crate::flow::definition::Scope;
use crate::flow::error::{TIMEOUT, TaskError};
use crate::flow::history::Book;
use crate::flow::json::Json;
use crate::flow::resource::Resource;

/// What a walk needs to go on.
pub(super) struct Moment<'a> {
    pub now: Timestamp,
    pub chance: &'a mut dyn FnMut() -> f64,
    pub about: &'a About,
    pub book: &'a mut Book,
}

/// A task to be carried out.
pub(super) struct Call {
    pub task: TaskId,
    pub resource: Resource,
    pub input: Json,
    pub deadline: Timestamp,
}

/// A walk through the states of one scope.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub(super) scope: Rc<Scope>,
    pub(super) at: usize,
    /// The state's raw input.
    pub(super) input: Json,
    pub(super) entered: Timestamp,
    /// How often each retrier of the state was used. "Once the interpreter transitions to another state in
    /// any way, all the Retrier parameters reset" (States Language, "Complex retry scenarios").
    pub(super) retries: Vec<u32>,
    pub(super) phase: Phase,
}

/// Where in its state a walk is.
#[derive(Debug, Clone, Hash)]
pub(super) enum Phase {
    Entering,
    Waiting(Timestamp),
    Calling {
        task: TaskId,
        deadline: Timestamp,
    },
    Answered(Result<Json, TaskError>),
    /// Before a retry.
    Resting(Timestamp),
    Forked(Fork),
    Ended(Result<Json, TaskError>),
}

// The scope follows from the machine and from where in the tree the walk is.
impl Hash for Walk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.at, &self.input, self.entered, &self.retries, &self.phase).hash(state);
    }
}

impl Walk {
    pub fn new(scope: Rc<Scope>, input: Json, now: Timestamp) -> Self {
        let at = scope.start;
        Self { scope, at, input, entered: now, retries: Vec::new(), phase: Phase::Entering }
    }

    /// How the walk ended, once it has.
    pub const fn ended(&self) -> Option<&Result<Json, TaskError>> {
        if let Phase::Ended(result) = &self.phase { Some(result) } else { None }
    }

    /// When there is something to do by itself.
    pub fn wakes(&self) -> Timestamp {
        match &self.phase {
            Phase::Waiting(until) | Phase::Resting(until) | Phase::Calling { deadline: until, .. } => *until,
            Phase::Forked(fork) => fork.wakes(),
            Phase::Ended(_) => Timestamp::MAX,
            Phase::Entering | Phase::Answered(_) => Timestamp::MIN,
        }
    }

    /// Brings a task's answer. Gives whether it was waited for.
    pub fn answer(&mut self, id: TaskId, answer: Result<Json, TaskError>, now: Timestamp) -> bool {
        match self.waiting_for(id) {
            Some(phase @ Phase::Calling { .. }) if now <= phase.until() => {
                *phase = Phase::Answered(answer);
                true
            }
            _ => false,
        }
    }

    fn waiting_for(&mut self, id: TaskId) -> Option<&mut Phase> {
        match &mut self.phase {
            Phase::Forked(fork) => fork.branches().find_map(|branch| branch.waiting_for(id)),
            phase => matches!(phase, Phase::Calling { task, .. } if *task == id).then_some(phase),
        }
    }

    /// Goes on until a task is to be called, or nothing is left to do for now.
    pub fn advance(&mut self, moment: &mut Moment<'_>) -> Option<Call> {
        let scope = Rc::clone(&self.scope);
        loop {
            let state = scope.states.get(self.at)?;
            let went = match mem::replace(&mut self.phase, Phase::Entering) {
                Phase::Entering => self.enter(state, moment),
                Phase::Waiting(until) if until <= moment.now => self.pass_on(state, moment),
                Phase::Resting(until) if until <= moment.now => {
                    moment.book.transition().and_then(|()| self.work(state, moment))
                }
                Phase::Calling { deadline, .. } if deadline <= moment.now => Err(TaskError::new(TIMEOUT, "")),
                Phase::Answered(answer) => answer.and_then(|result| self.complete(state, result, moment)),
                Phase::Forked(mut fork) => match fork.advance(moment) {
                    Forked::Ended(result) => result.and_then(|result| self.complete(state, result, moment)),
                    Forked::Goes(call) => {
                        self.phase = Phase::Forked(fork);
                        return call;
                    }
                },
                phase @ (Phase::Waiting(_) | Phase::Resting(_) | Phase::Calling { .. } | Phase::Ended(_)) => {
                    self.phase = phase;
                    return None;
                }
            };
            match went {
                Ok(None) => {}
                Ok(call) => return call,
                Err(error) => self.fail(state, error, moment),
            }
        }
    }
}

impl Phase {
    const fn until(&self) -> Timestamp {
        match self {
            Self::Waiting(until) | Self::Resting(until) | Self::Calling { deadline: until, .. } => *until,
            Self::Entering | Self::Answered(_) | Self::Forked(_) | Self::Ended(_) => Timestamp::MIN,
        }
    }
}
