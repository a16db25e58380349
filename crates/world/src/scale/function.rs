//! Functions and their environments.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value as Json;
use tenfold_ports::api::{Request, Response};
use tenfold_ports::queue::Delivery;
use tenfold_ports::stream::Record;
use tenfold_ports::{Bytes, Context};

use super::ids::{InvocationId, TaskOf};
use super::nanos::Nanos;
use crate::aws::rates::TokenBucket;
use crate::aws::stream::Batch;
use crate::flow::TaskError;
use crate::kernel::call::Mailbox;
use crate::run::env::Env;
use crate::run::invocation::FailedIds;
use crate::run::state::RunState;

/// What a function is invoked with.
#[derive(Debug, Clone)]
pub enum Event {
    /// A request that came through API Gateway.
    Request(Rc<Request>),
    /// A batch of a queue's messages.
    Messages(Vec<Delivery>),
    /// A batch of the table's stream.
    Records(Vec<Rc<Record>>),
    /// A schedule's tick.
    Tick,
    /// An event of a bus, as JSON text.
    Event(Bytes),
    /// A task of a state machine.
    Task(Json),
}

/// What an invocation came to.
pub enum InvocationOutcome {
    /// An answer for API Gateway.
    Response(Response),
    /// The same, and what the function does after it, while the environment is still its own.
    Answered(Response, Pin<Box<dyn Future<Output = ()>>>),
    /// The ids of what a batch's function could not take; none when it failed as a whole.
    Batch(Option<FailedIds>),
    /// Whether all was well.
    Done(bool),
    /// A task's answer.
    Task(Result<Json, TaskError>),
}

/// An invocation on its way.
pub type Answering = Pin<Box<dyn Future<Output = InvocationOutcome>>>;

/// What an environment does with an event: made once when the environment starts, as a function's `main` does.
pub type Handle = Rc<dyn Fn(Event, Context) -> Answering>;

/// How a function is set up.
#[derive(Debug, Clone, Copy)]
pub struct LambdaSettings {
    /// Its role.
    pub role: &'static str,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Its memory, for the price, in megabytes.
    pub memory: u32,
    /// How many invocations there may be at once; none where only the account's limit counts.
    pub reserved: Option<u32>,
    /// How often an event that it was invoked with asynchronously comes again after it has failed, 0 to 2
    /// (`MaximumRetryAttempts`).
    pub retries: usize,
    /// For how long such an event is kept (`MaximumEventAgeInSeconds`): at most six hours.
    pub event_age: Duration,
}

impl LambdaSettings {
    /// A function with no reservation and what Lambda has by default for asynchronous invocations.
    #[must_use]
    pub const fn new(role: &'static str, timeout: Duration, memory: u32) -> Self {
        Self { role, timeout, memory, reserved: None, retries: 2, event_age: Duration::from_hours(6) }
    }
}

/// What an invocation is for.
pub(super) enum Purpose {
    Request {
        arrived: Nanos,
    },
    /// A request that was answered, and whose function goes on.
    Answered,
    Messages(MessageBatch),
    Records {
        source: usize,
        batch: Batch,
    },
    Event(Box<AsyncEvent>),
    Task(TaskOf),
}

/// Messages that a poller has taken for its function.
#[derive(Debug, Clone)]
pub(super) struct MessageBatch {
    pub source: usize,
    pub deliveries: Vec<Delivery>,
    /// Until when nobody else sees them.
    pub hidden: Nanos,
}

/// An event that Lambda has taken to invoke a function with, and tries until it is done or given up.
#[derive(Debug, Clone)]
pub(super) struct AsyncEvent {
    pub function: usize,
    pub event: Event,
    /// How often the function has failed, and how often there were too many at once.
    pub failed: usize,
    pub refused: u32,
    /// When Lambda has taken it.
    pub taken: Nanos,
}

/// An environment, which is kept and holds one invocation at a time.
pub(super) struct Environment {
    pub function: usize,
    pub generation: u32,
    pub mailbox: Rc<RefCell<Mailbox<RunState>>>,
    pub handle: Handle,
    pub task: Option<Answering>,
    pub purpose: Option<Purpose>,
    /// What it is to begin with.
    pub event: Option<Event>,
    pub begun: Nanos,
    /// How many calls of services outside are on their way, since when, and for how long there were any before.
    pub outside: (u32, Nanos, Nanos),
}

/// A function: how it starts, and its environments.
pub(super) struct Function {
    pub settings: LambdaSettings,
    pub boot: Rc<dyn Fn(Env) -> Handle>,
    /// Environments that wait and since when, the last used last.
    pub idle: VecDeque<(u32, Nanos)>,
    pub busy: u32,
    /// How many environments there are.
    pub kept: u32,
    /// Tokens for environments that start, and for synchronous invocations.
    pub startable: TokenBucket,
    pub requests: TokenBucket,
    /// When invocations are out of time, the first first.
    pub deadlines: VecDeque<(Nanos, InvocationId)>,
    /// Whether somebody looks at the first of them.
    pub watched: bool,
    pub counts: FunctionCounts,
}

/// What a function came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FunctionCounts {
    pub invocations: u64,
    pub cold: u64,
    pub refused: u64,
    pub timed_out: u64,
    /// Events that were given up.
    pub given_up: u64,
    /// Time that is paid for, in milliseconds: starts too.
    pub milliseconds: u64,
    pub most_busy: u32,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl fmt::Debug for InvocationOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response(response) | Self::Answered(response, _) => {
                f.debug_tuple("Response").field(response).finish()
            }
            Self::Batch(failed) => f.debug_tuple("Batch").field(failed).finish(),
            Self::Done(well) => f.debug_tuple("Done").field(well).finish(),
            Self::Task(answer) => f.debug_tuple("Task").field(answer).finish(),
        }
    }
}
