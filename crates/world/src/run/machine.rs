//! State machines of a run and their executions, as data.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;
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
