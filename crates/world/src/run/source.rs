//! What invokes functions, as data: queues, the table's stream, and services that invoke asynchronously.

use std::rc::Rc;

use tenfold_ports::queue::Delivery;
use tenfold_ports::stream::Record;

use super::begin::Handler;
use super::machine::TaskRef;
use crate::aws::invocations::{AsyncInvocation, InvocationPayload};
use crate::aws::stream::Batch;
use crate::kernel::ids::QueueId;

/// Something that invokes a function.
#[derive(Clone)]
pub(crate) struct EventSource<S> {
    pub role: &'static str,
    /// How many invocations there may be at once.
    pub most: usize,
    pub kind: SourceKind<S>,
}

#[derive(Clone)]
pub(crate) enum SourceKind<S> {
    Queue { queue: QueueId, batch: usize, handler: Handler<Vec<Delivery>, S> },
    Stream { mapping: usize, handler: Handler<Vec<Rc<Record>>, S> },
    Asynchronous { function: usize, handler: Handler<InvocationPayload, S> },
}

/// What an invocation works on, for its source to learn what came of it.
#[derive(Debug, Clone, Hash)]
pub(crate) enum SourceJob {
    Queue { source: usize, queue: usize, deliveries: Vec<Delivery> },
    Stream { source: usize, batch: Batch },
    Asynchronous { source: usize, invocation: Rc<AsyncInvocation> },
    Task(TaskRef),
}

impl SourceJob {
    /// The source that it is of; a task is of none.
    pub const fn source(&self) -> Option<usize> {
        match self {
            Self::Queue { source, .. } | Self::Stream { source, .. } | Self::Asynchronous { source, .. } => {
                Some(*source)
            }
            Self::Task(_) => None,
        }
    }
}
