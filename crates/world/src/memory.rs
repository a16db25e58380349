//! What handlers have done so far in an exploration.
//!
//! A handler is a function of what it was asked, of the time, and of the answers to its calls. So it runs once
//! for each history of answers; the next run that comes to the same history goes on from what is remembered,
//! and a handler's code runs only where something new can come of it. This is what makes a schedule cheap.
//!
//! Owns the histories and the handlers that are being run. Not here: whose turn it is, and what a call does.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use foldhash::quality::FixedState;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use tenfold_ports::CallError;
use tenfold_ports::metrics::{Dimension, Metric};

use crate::executor::State;
use crate::trace::Site;

/// A number that stands for a value: two values with the same one are taken for the same. With 64 bits and the
/// hundred thousands of states of an exploration, two that differ meet with a likelihood of about 1 to 10⁹.
pub(crate) fn print(value: &(impl Hash + ?Sized)) -> u64 {
    FixedState::with_seed(0x7e0f_01d5).hash_one(value)
}

/// The answer to a call, of whatever type.
#[derive(Clone)]
pub(crate) struct Answer {
    pub value: Rc<dyn Any>,
    pub print: u64,
}

impl Answer {
    pub fn new<R: Hash + 'static>(value: R) -> Self {
        Self { print: print(&value), value: Rc::new(value) }
    }
}

/// How long a call is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// No time worth telling.
    NoTime,
    /// As long as the service takes, at most so much.
    Service(jiff::SignedDuration),
}

/// What a call does: its answer, and what to tell of it.
type Effect = Box<dyn Fn(&mut State) -> (Answer, String)>;

/// A port call that a handler has made.
pub(crate) struct Call {
    /// Which of its handler's calls.
    pub id: u32,
    pub site: Site,
    pub takes: Takes,
    pub effect: Effect,
    /// The answer when it fails.
    pub fails: fn(CallError) -> Answer,
    /// The answer when it meets another transaction.
    pub conflicts: fn() -> Answer,
}

/// What a handler reported.
pub(crate) type Report = Rc<dyn Told>;

/// Metrics that a handler recorded.
pub(crate) struct Measured {
    pub dimensions: Vec<Dimension>,
    pub metrics: Vec<Metric>,
    pub at: Timestamp,
}

/// Something that can be reported.
pub(crate) trait Told: Any {
    fn print(&self) -> u64;
    fn show(&self) -> String;
    fn any(&self) -> &dyn Any;
}

impl<T: Any + Hash + fmt::Debug> Told for T {
    fn print(&self) -> u64 {
        print(self)
    }
    fn show(&self) -> String {
        format!("{self:?}")
    }
    fn any(&self) -> &dyn Any {
        self
    }
}

pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;
pub(crate) type NodeId = u32;

/// What happened to a handler: it was begun, or a call of its was answered.
#[derive(Clone)]
pub(crate) struct Came {
    /// The call; none for the beginning.
    pub call: Option<u32>,
    pub now: Timestamp,
    pub answer: Answer,
}

/// A handler's state: all that came to it, in order.
#[derive(Default)]
pub(crate) struct Node {
    before: Option<(NodeId, Came)>,
    /// The calls that it made then.
    pub made: Vec<Rc<Call>>,
    /// The calls that it gave up then, without waiting for their answers.
    pub gone: Vec<u32>,
    pub reports: Vec<Report>,
    pub measured: Vec<Measured>,
    /// What it answered, where it has ended.
    pub returned: Option<Report>,
    pub ended: bool,
}

/// Where a handler's calls meet their answers.
#[derive(Default)]
pub(crate) struct Desk {
    pub now: Timestamp,
    pub calls: Vec<(Rc<Call>, Waker)>,
    pub answer: Option<(u32, Answer)>,
    pub next: u32,
    pub reports: Vec<Report>,
    pub measured: Vec<Measured>,
    pub returned: Option<Report>,
}

/// A handler that runs.
pub(crate) struct Live {
    task: Task,
    desk: Rc<RefCell<Desk>>,
    pub node: NodeId,
}

impl Live {
    pub fn new(node: NodeId, begin: impl FnOnce(Rc<RefCell<Desk>>) -> Task) -> Self {
        let desk = Rc::new(RefCell::new(Desk::default()));
        Self { task: begin(Rc::clone(&desk)), desk, node }
    }

    /// Lets something come to it. Gives whether it has ended.
    fn meet(&mut self, came: &Came) -> bool {
        {
            let mut desk = self.desk.borrow_mut();
            desk.now = came.now;
            if let Some(call) = came.call {
                desk.answer = Some((call, came.answer.clone()));
                if let Some((_, waker)) = desk.calls.iter().find(|(c, _)| c.id == call) {
                    waker.wake_by_ref();
                }
            }
        }
        let ended = self.task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        self.desk.borrow_mut().answer = None;
        ended
    }
}

/// The histories of all handlers of an exploration.
#[derive(Default)]
pub struct Memory {
    nodes: Vec<Node>,
    roots: FxHashMap<u64, NodeId>,
    next: FxHashMap<(NodeId, Option<u32>, Timestamp, u64), NodeId>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("histories", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl Memory {
    /// How many histories there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// The state of a handler that has not begun, by what it was asked; a new one where that is not said.
    pub(crate) fn root(&mut self, asked: Option<u64>) -> NodeId {
        let known = asked.and_then(|asked| self.roots.get(&asked));
        if let Some(known) = known {
            return *known;
        }
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node::default());
        if let Some(asked) = asked {
            self.roots.insert(asked, id);
        }
        id
    }

    /// Where `came` leads from `node`, if it has happened before.
    pub(crate) fn after(&self, node: NodeId, came: &Came) -> Option<NodeId> {
        self.next.get(&(node, came.call, came.now, came.answer.print)).copied()
    }

    /// Brings a handler that was just begun to where it is remembered to be.
    pub(crate) fn revive(&self, live: &mut Live, node: NodeId) {
        let mut path = Vec::new();
        let mut at = node;
        while let Some((before, came)) = &self.nodes[at as usize].before {
            path.push(came);
            at = *before;
        }
        for came in path.into_iter().rev() {
            live.meet(came);
        }
        let desk = &mut *live.desk.borrow_mut();
        desk.reports.clear();
        desk.measured.clear();
        live.node = node;
    }

    /// Lets something new come to a handler, and remembers what it does then.
    pub(crate) fn discover(&mut self, live: &mut Live, came: Came) -> NodeId {
        let known = live.desk.borrow().next;
        let open: Vec<u32> = live.desk.borrow().calls.iter().map(|(call, _)| call.id).collect();
        let ended = live.meet(&came);
        let mut desk = live.desk.borrow_mut();
        let made = desk.calls.iter().filter(|(c, _)| c.id >= known).map(|(c, _)| Rc::clone(c)).collect();
        let is_open = |id: &u32| desk.calls.iter().any(|(c, _)| c.id == *id);
        let gone = open.into_iter().filter(|id| came.call != Some(*id) && !is_open(id)).collect();
        let desk = &mut *desk;
        let (reports, measured) = (std::mem::take(&mut desk.reports), std::mem::take(&mut desk.measured));
        let returned = desk.returned.take();
        let key = (live.node, came.call, came.now, came.answer.print);
        let node = self.nodes.len() as NodeId;
        self.nodes.push(Node {
            before: Some((live.node, came)),
            made,
            gone,
            reports,
            measured,
            returned,
            ended,
        });
        self.next.insert(key, node);
        live.node = node;
        node
    }
}
