//! State machines of a run and their executions, as data.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value as Json;
use smol_str::SmolStr;

use super::begin::Handler;
use crate::flow::{AslMachine, Execution, TaskId};
use crate::kernel::ids::QueueId;

/// A task of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TaskRef {
    pub machine: usize,
    pub execution: usize,
    pub task: TaskId,
}

/// A machine and its executions.
#[derive(Clone)]
pub(crate) struct Machines<S> {
    pub name: &'static str,
    pub machine: AslMachine,
    pub callees: Rc<Callees<S>>,
    pub all: Vec<Running>,
    /// The places of executions by their names.
    pub names: FxHashMap<SmolStr, usize>,
    /// Places of executions that are over and forgotten.
    pub free: Vec<usize>,
    /// The names of those that were forgotten not long ago, and since when.
    pub over: Over,
}

/// For how long the name of an execution that was forgotten is remembered. Step Functions remembers it for 90 days; who
/// starts one again does it within minutes, and there are millions of them.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(5);

/// Names of executions that are over, the first that ended first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Over {
    names: FxHashSet<SmolStr>,
    since: VecDeque<(Timestamp, SmolStr)>,
}

impl Over {
    fn add(&mut self, name: SmolStr, now: Timestamp) {
        while let Some((since, first)) = self.since.front()
            && now.duration_since(*since) > REMEMBERED
        {
            self.names.remove(first);
            self.since.pop_front();
        }
        self.names.insert(name.clone());
        self.since.push_back((now, name));
    }
}

impl<S> Machines<S> {
    /// The execution of this name.
    pub fn named(&self, name: &str) -> Option<&Running> {
        self.names.get(name).map(|place| &self.all[*place])
    }

    /// Adds an execution. Gives its place.
    pub fn add(&mut self, name: &SmolStr, running: Running) -> usize {
        let place = self.free.pop().unwrap_or(self.all.len());
        if place == self.all.len() {
            self.all.push(running);
        } else {
            self.all[place] = running;
        }
        self.names.insert(name.clone(), place);
        place
    }

    /// Whether an execution of this name was over and forgotten not long ago.
    pub fn is_over(&self, name: &str) -> bool {
        self.over.names.contains(name)
    }

    /// Forgets an execution that is over, but for its name.
    pub fn forget(&mut self, place: usize, now: Timestamp) {
        if let Some((name, _)) = self.names.remove_entry(self.all[place].execution.name()) {
            self.over.add(name, now);
        }
        self.free.push(place);
    }
}

/// An execution, and until when nothing happens in it by itself.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Running {
    pub execution: Execution,
    pub wakes: Option<Timestamp>,
}

/// What the tasks of a machine call: functions by their ARNs, each with its role, and queues by their URLs.
pub(crate) struct Callees<S> {
    pub functions: Vec<(SmolStr, &'static str, Handler<Json, S>)>,
    pub queues: Vec<(SmolStr, QueueId)>,
}

impl<S> Default for Callees<S> {
    fn default() -> Self {
        Self { functions: Vec::new(), queues: Vec::new() }
    }
}

impl<S> fmt::Debug for Callees<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.functions.iter().map(|(arn, ..)| arn);
        f.debug_list().entries(functions).entries(self.queues.iter().map(|(url, _)| url)).finish()
    }
}

impl<S> Hash for Machines<S> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.all.hash(state);
    }
}
