//! A walk through the states of one scope: the machine's own, a branch's, or an iteration's. A walk may fork
//! into walks of its own. Not here: going on.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;

use crate::flow::context::About;
use crate::flow::definition::Scope;
use crate::flow::error::TaskError;
use crate::flow::history::Book;
use crate::flow::json::SharedJson;
use crate::flow::outcome::TaskId;
use crate::flow::resource::Resource;

/// What a walk needs to go on.
pub(super) struct WalkContext<'a> {
    pub now: Timestamp,
    pub chance: &'a mut dyn FnMut() -> f64,
    pub about: &'a About,
    pub book: &'a mut Book,
}

/// A task to be carried out.
pub(super) struct TaskCall {
    pub task: TaskId,
    pub resource: Resource,
    pub input: SharedJson,
    pub deadline: Timestamp,
}

/// A walk through the states of one scope.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub(super) scope: Rc<Scope>,
    pub(super) at: usize,
    /// The state's raw input.
    pub(super) input: SharedJson,
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
    Answered(Result<SharedJson, TaskError>),
    /// Before a retry.
    Resting(Timestamp),
    Forked(Fork),
    Ended(Result<SharedJson, TaskError>),
}

/// Several walks at once.
#[derive(Debug, Clone)]
pub(super) struct Fork {
    pub(super) seeds: Rc<[(Rc<Scope>, SharedJson)]>,
    /// How many walk at once.
    pub(super) most: usize,
    pub(super) branches: Vec<Walk>,
}

/// What came of going on.
pub(super) enum Forked {
    /// Something is still under way; a task may be called.
    Goes(Option<TaskCall>),
    /// All branches have ended, or one has failed.
    Ended(Result<SharedJson, TaskError>),
}

// What the branches begin with follows from the state's input.
impl Hash for Fork {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.branches.hash(state);
    }
}

// The scope follows from the machine and from where in the tree the walk is.
impl Hash for Walk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.at, &self.input, self.entered, &self.retries, &self.phase).hash(state);
    }
}

impl Walk {
    pub fn new(scope: Rc<Scope>, input: SharedJson, now: Timestamp) -> Self {
        let at = scope.start;
        Self { scope, at, input, entered: now, retries: Vec::new(), phase: Phase::Entering }
    }

    /// How the walk ended, once it has.
    pub const fn ended(&self) -> Option<&Result<SharedJson, TaskError>> {
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
    pub fn answer(&mut self, id: TaskId, answer: Result<SharedJson, TaskError>, now: Timestamp) -> bool {
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
}

impl Phase {
    const fn until(&self) -> Timestamp {
        match self {
            Self::Waiting(until) | Self::Resting(until) | Self::Calling { deadline: until, .. } => *until,
            Self::Entering | Self::Answered(_) | Self::Forked(_) | Self::Ended(_) => Timestamp::MIN,
        }
    }
}

impl Fork {
    pub fn new(seeds: Rc<[(Rc<Scope>, SharedJson)]>, most: usize) -> Self {
        Self { seeds, most, branches: Vec::new() }
    }

    pub fn branches(&mut self) -> impl Iterator<Item = &mut Walk> {
        self.branches.iter_mut()
    }

    pub fn wakes(&self) -> Timestamp {
        self.branches.iter().map(Walk::wakes).min().unwrap_or(Timestamp::MIN)
    }
}
