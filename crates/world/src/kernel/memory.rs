//! What handlers have done so far in an exploration.
//!
//! A handler is a function of what it was asked, of the time, and of the answers to its calls. So it runs
//! once for each history of answers; the next run that comes to the same history goes on from what is
//! remembered, and a handler's code runs only where something new can come of it. This is what makes a
//! schedule cheap.
//!
//! Owns the histories and the handlers that are being run. Not here: whose turn it is, what a call does, and
//! what it acts upon.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use super::call::{Input, Mailbox, Measured, PortCall};
use super::report::Report;

pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = ()>>>;
pub(crate) type NodeId = u32;

/// A handler's state: all that came to it, in order.
pub(crate) struct HistoryNode<S> {
    before: Option<(NodeId, Input)>,
    /// The calls that it made then.
    pub made: Vec<Rc<PortCall<S>>>,
    /// The calls that it gave up then, without waiting for their answers.
    pub gone: Vec<u32>,
    pub reports: Vec<Report>,
    pub measured: Vec<Measured>,
    /// What it answered, where it has ended.
    pub returned: Option<Report>,
    pub ended: bool,
}

impl<S> Default for HistoryNode<S> {
    fn default() -> Self {
        Self {
            before: None,
            made: Vec::new(),
            gone: Vec::new(),
            reports: Vec::new(),
            measured: Vec::new(),
            returned: None,
            ended: false,
        }
    }
}

/// A handler that runs.
pub(crate) struct Live<S> {
    task: HandlerFuture,
    mailbox: Rc<RefCell<Mailbox<S>>>,
    pub node: NodeId,
}

impl<S> Live<S> {
    pub fn new(node: NodeId, begin: impl FnOnce(Rc<RefCell<Mailbox<S>>>) -> HandlerFuture) -> Self {
        let mailbox = Rc::new(RefCell::new(Mailbox::default()));
        Self { task: begin(Rc::clone(&mailbox)), mailbox, node }
    }

    /// Lets something come to it. Gives whether it has ended.
    fn meet(&mut self, input: &Input) -> bool {
        {
            let mut mailbox = self.mailbox.borrow_mut();
            mailbox.now = input.now;
            if let Some(call) = input.call {
                mailbox.answers.push((call, input.answer.clone()));
                if let Some((_, waker)) = mailbox.calls.iter().find(|(c, _)| c.id == call) {
                    waker.wake_by_ref();
                }
            }
        }
        self.task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}

/// The histories of all handlers of an exploration.
pub(crate) struct Histories<S> {
    nodes: Vec<HistoryNode<S>>,
    roots: FxHashMap<u64, NodeId>,
    next: FxHashMap<(NodeId, Option<u32>, Timestamp, u64), NodeId>,
}

impl<S> Default for Histories<S> {
    fn default() -> Self {
        Self { nodes: Vec::new(), roots: FxHashMap::default(), next: FxHashMap::default() }
    }
}

impl<S> fmt::Debug for Histories<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histories").field("histories", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl<S> Histories<S> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn node(&self, id: NodeId) -> &HistoryNode<S> {
        &self.nodes[id as usize]
    }

    /// The state of a handler that has not begun, by what it was asked; a new one where that is not said.
    pub fn root(&mut self, asked: Option<u64>) -> NodeId {
        let known = asked.and_then(|asked| self.roots.get(&asked));
        if let Some(known) = known {
            return *known;
        }
        let id = self.nodes.len() as NodeId;
        self.nodes.push(HistoryNode::default());
        if let Some(asked) = asked {
            self.roots.insert(asked, id);
        }
        id
    }

    /// Where `input` leads from `node`, if it has happened before.
    pub fn after(&self, node: NodeId, input: &Input) -> Option<NodeId> {
        self.next.get(&(node, input.call, input.now, input.answer.fingerprint)).copied()
    }

    /// Brings a handler that was just begun to where it is remembered to be.
    pub fn revive(&self, live: &mut Live<S>, node: NodeId) {
        let mut path = Vec::new();
        let mut at = node;
        while let Some((before, input)) = &self.nodes[at as usize].before {
            path.push(input);
            at = *before;
        }
        for input in path.into_iter().rev() {
            live.meet(input);
        }
        let mailbox = &mut *live.mailbox.borrow_mut();
        mailbox.reports.clear();
        mailbox.measured.clear();
        live.node = node;
    }

    /// Lets something new come to a handler, and remembers what it does then.
    pub fn discover(&mut self, live: &mut Live<S>, input: Input) -> NodeId {
        let known = live.mailbox.borrow().next;
        let open: Vec<u32> = live.mailbox.borrow().calls.iter().map(|(call, _)| call.id).collect();
        let ended = live.meet(&input);
        let mut mailbox = live.mailbox.borrow_mut();
        let made = mailbox.calls.iter().filter(|(c, _)| c.id >= known).map(|(c, _)| Rc::clone(c)).collect();
        let is_open = |id: &u32| mailbox.calls.iter().any(|(c, _)| c.id == *id);
        let gone = open.into_iter().filter(|id| input.call != Some(*id) && !is_open(id)).collect();
        let mailbox = &mut *mailbox;
        let (reports, measured) =
            (std::mem::take(&mut mailbox.reports), std::mem::take(&mut mailbox.measured));
        let returned = mailbox.returned.take();
        let key = (live.node, input.call, input.now, input.answer.fingerprint);
        let node = self.nodes.len() as NodeId;
        self.nodes.push(HistoryNode {
            before: Some((live.node, input)),
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
