//! What is to happen, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use serde_json::Value as Json;
use tenfold_ports::api::Request;

use super::function::{AsyncEvent, MessageBatch};
use super::ids::{InvocationId, TaskOf};
use super::nanos::Nanos;
use crate::aws::queue::Posted;
use crate::aws::stream::Batch;
use crate::flow::{Resource, TaskError};
use crate::kernel::call::{CallAnswer, PortCall};
use crate::run::state::RunState;

/// A call on its way to its service.
pub(super) struct Going {
    pub invocation: InvocationId,
    pub call: Rc<PortCall<RunState>>,
    /// How often it was made again, as it was refused for load.
    pub again: u32,
    /// For how long its answer is on its way back.
    pub back: Nanos,
    /// Until when a receive waits for a message.
    pub until: Option<Nanos>,
}

/// A task on its way to what it calls.
pub(super) struct PendingTask {
    pub task: TaskOf,
    pub resource: Resource,
    pub input: Json,
}

/// What a poller has taken.
pub(super) enum PolledBatch {
    Messages(MessageBatch),
    Records { source: usize, batch: Batch },
}

pub(super) enum Happening {
    /// The next of those who come by themselves.
    Arrival,
    /// A client that has its answer comes in again.
    Client,
    /// A request has come through the API to its function.
    Request { request: Rc<Request>, arrived: Nanos },
    /// An environment takes up the invocation that it was given.
    Begin(InvocationId),
    /// A call reaches its service.
    Apply(Going),
    /// A call that was refused for load sets out again.
    Again(Going),
    /// A call's answer reaches its handler.
    Answer { invocation: InvocationId, call: u32, answer: CallAnswer, outside: bool },
    /// The first of a function's invocations may be out of time.
    Timeout(usize),
    /// A receive has waited long enough.
    Waited { queue: usize, id: u64 },
    /// A message of a queue may be received.
    Due(usize),
    /// A shard of the table's stream is looked at.
    Poll { source: usize, shard: usize },
    /// What a poller has taken reaches its function.
    Deliver(Box<PolledBatch>),
    /// A schedule's time.
    Tick(usize),
    /// An event reaches the function that is invoked with it asynchronously.
    Event(Box<AsyncEvent>),
    /// A message of a topic or a bus is in its queue.
    Post(Box<Posted>),
    /// A task reaches what it calls.
    Task(Box<PendingTask>),
    /// A task's answer reaches its execution.
    Resume(TaskOf, Box<Result<Json, TaskError>>),
    /// A second has passed.
    Second,
    /// A line of the script.
    Script(usize),
}

/// What is to happen, the earliest first, and of what is to happen at one time what was put down first.
///
/// What happens is kept apart from when: entries move about a lot, and there are tens of thousands of them.
#[derive(Default)]
pub(super) struct Agenda {
    /// When, a number that grows, and the place of what happens.
    entries: BinaryHeap<Reverse<(Nanos, u64, u32)>>,
    places: Vec<Option<Happening>>,
    free: Vec<u32>,
    next: u64,
}

impl Agenda {
    pub fn add(&mut self, at: Nanos, what: Happening) {
        let place = self.free.pop().unwrap_or(self.places.len() as u32);
        match self.places.get_mut(place as usize) {
            Some(free) => *free = Some(what),
            None => self.places.push(Some(what)),
        }
        self.entries.push(Reverse((at, self.next, place)));
        self.next += 1;
    }

    /// When the next of it is.
    pub fn first(&self) -> Option<Nanos> {
        self.entries.peek().map(|Reverse((at, ..))| *at)
    }

    pub fn next(&mut self) -> Option<(Nanos, Happening)> {
        let Reverse((at, _, place)) = self.entries.pop()?;
        let what = self.places[place as usize].take()?;
        self.free.push(place);
        Some((at, what))
    }
}
