//! Port calls, and where a handler's calls meet their answers.
//!
//! A call acts on a state `S`, of which nothing is known here. Not here: whose turn it is.

use std::any::Any;
use std::hash::Hash;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::metrics::{Dimension, Metric};

use super::fingerprint::fingerprint;
use super::report::Report;
use super::site::Site;

/// The answer to a call, of whatever type.
#[derive(Clone)]
pub(crate) struct CallAnswer {
    pub value: Rc<dyn Any>,
    pub fingerprint: u64,
}

impl CallAnswer {
    pub fn new<R: Hash + 'static>(value: R) -> Self {
        Self { fingerprint: fingerprint(&value), value: Rc::new(value) }
    }

    /// The same where nobody remembers it, and so nothing has to stand for it.
    pub fn once<R: 'static>(value: R) -> Self {
        Self { fingerprint: 0, value: Rc::new(value) }
    }
}

/// How long a call is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Takes {
    /// No time worth telling.
    NoTime,
    /// As long as the service takes that this URL names, at most so much.
    Service { url: SmolStr, most: jiff::SignedDuration },
    /// Until this queue has a message, at most so long.
    Receive { queue: usize, wait: Duration },
}

impl Takes {
    pub const fn is_service(&self) -> bool {
        matches!(self, Self::Service { .. })
    }
}

/// What a call does: its answer, and what to tell of it.
type Effect<S> = Box<dyn Fn(&mut S) -> (CallAnswer, String)>;

/// A port call that a handler has made.
pub(crate) struct PortCall<S> {
    /// Which of its handler's calls.
    pub id: u32,
    pub site: Site,
    pub takes: Takes,
    pub effect: Effect<S>,
    /// The answer when it fails.
    pub fails: fn(CallError) -> CallAnswer,
    /// The answer when it meets another transaction.
    pub conflicts: fn() -> CallAnswer,
}

/// Metrics that a handler recorded.
pub(crate) struct Measured {
    pub dimensions: Vec<Dimension>,
    pub metrics: Vec<Metric>,
    pub at: Timestamp,
}

/// What happened to a handler: it was begun, or a call of its was answered.
#[derive(Clone)]
pub(crate) struct Input {
    /// The call; none for the beginning.
    pub call: Option<u32>,
    pub now: Timestamp,
    pub answer: CallAnswer,
}

/// Where a handler's calls meet their answers.
pub(crate) struct Mailbox<S> {
    pub now: Timestamp,
    pub calls: Vec<(Rc<PortCall<S>>, Waker)>,
    /// The answers that have come and were not taken: a handler may be busy with others of its calls meanwhile.
    pub answers: Vec<(u32, CallAnswer)>,
    pub next: u32,
    pub reports: Vec<Report>,
    pub measured: Vec<Measured>,
    pub returned: Option<Report>,
    /// Whether what comes of calls is remembered for other runs.
    pub remembers: bool,
}

impl<S> Default for Mailbox<S> {
    fn default() -> Self {
        Self {
            now: Timestamp::default(),
            calls: Vec::new(),
            answers: Vec::new(),
            next: 0,
            reports: Vec::new(),
            measured: Vec::new(),
            returned: None,
            remembers: true,
        }
    }
}
