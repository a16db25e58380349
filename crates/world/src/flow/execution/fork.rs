//! Several walks at once: the branches of a Parallel, the iterations of a Map.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value;

use super::walk::{Call, Moment, Walk};
use crate::flow::definition::Scope;
use crate::flow::error::TaskError;
use crate::flow::json::Json;

/// Several walks at once.
#[derive(Debug, Clone)]
pub(super) struct Fork {
    seeds: Rc<[(Rc<Scope>, Json)]>,
    /// How many walk at once.
    most: usize,
    branches: Vec<Walk>,
}

/// What came of going on.
pub(super) enum Forked {
    /// Something is still under way; a task may be called.
    Goes(Option<Call>),
    /// All branches have ended, or one has failed.
    Ended(Result<Json, TaskError>),
}

// What the branches begin with follows from the state's input.
impl Hash for Fork {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.branches.hash(state);
    }
}

impl Fork {
    pub fn new(seeds: Rc<[(Rc<Scope>, Json)]>, most: usize) -> Self {
        Self { seeds, most, branches: Vec::new() }
    }

    pub fn branches(&mut self) -> impl Iterator<Item = &mut Walk> {
        self.branches.iter_mut()
    }

    pub fn wakes(&self) -> Timestamp {
        self.branches.iter().map(Walk::wakes).min().unwrap_or(Timestamp::MIN)
    }

    /// Goes on with each branch. A failure ends the others, but only after each of them has called what it
    /// had to call: they run "as concurrently as possible" (States Language, "Parallel State"), so nobody may
    /// count on a branch's failure keeping another's task from being called.
    pub fn advance(&mut self, moment: &mut Moment<'_>) -> Forked {
        loop {
            for branch in &mut self.branches {
                if let Some(call) = branch.advance(moment) {
                    return Forked::Goes(Some(call));
                }
            }
            let failed = self.branches.iter().find_map(|branch| branch.ended()?.as_ref().err());
            if let Some(error) = failed {
                return Forked::Ended(Err(error.clone()));
            }
            let walking = self.branches.iter().filter(|branch| branch.ended().is_none()).count();
            let begun = self.branches.len();
            let more = self.most.saturating_sub(walking).min(self.seeds.len() - begun);
            if more == 0 {
                return if walking > 0 { Forked::Goes(None) } else { Forked::Ended(Ok(self.outputs())) };
            }
            let seeds = self.seeds[begun..begun + more].iter();
            self.branches
                .extend(seeds.map(|(scope, input)| Walk::new(Rc::clone(scope), input.clone(), moment.now)));
        }
    }

    /// The outputs of the branches, in the branches' order.
    fn outputs(&self) -> Json {
        let outputs = self.branches.iter().filter_map(|branch| branch.ended()?.as_ref().ok());
        Value::Array(outputs.map(|output| Value::clone(output)).collect()).into()
    }
}
