//! State machines of a run and their executions, as data.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;
use rustc_hash::FxHashMap;
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

    /// Forgets an execution that is over: its name may be given again, which Step Functions allows after 90 days.
    pub fn forget(&mut self, place: usize) {
        self.names.remove(self.all[place].execution.name());
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
