//! Who runs next: the world owns every invocation's future and polls one at a time.

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHashSet;

use crate::choice::{self, Choices, Rest};
use crate::downstream::Service;
use crate::env::Env;
use crate::fault::Fault;
use crate::queue::Messages;
use crate::services::Services;
use crate::table::Items;
use crate::trace::{Event, Site};

/// Names an invocation within a run.
pub type Actor = usize;

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What a run may do beyond letting all go well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many calls may go wrong.
    pub faults: usize,
    /// How often an invocation may be interrupted by another although it could go on; none for no bound.
    pub switches: Option<usize>,
    /// Whether eventual reads may be stale.
    pub stale_reads: bool,
}

/// A call that waits for its turn.
pub(crate) struct Waiting {
    pub id: u64,
    pub actor: Actor,
    pub site: Site,
    pub waker: Waker,
    pub not_before: Timestamp,
    pub turn: Turn,
}

/// Whether a call's turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Later,
    Now(Option<Fault>),
}

/// All that there is in a run.
pub(crate) struct State {
    pub now: Timestamp,
    pub choices: Choices,
    pub limits: Limits,
    pub faults_left: usize,
    pub waiting: Vec<Waiting>,
    pub next_call: u64,
    pub dead: Option<Actor>,
    pub table: Items,
    pub queues: Vec<Messages>,
    pub service: Service,
    pub services: Services,
    pub trace: Option<Vec<Event>>,
    pub covered: Vec<(Site, Option<Fault>)>,
    options: Vec<(Actor, Option<u64>)>,
    switches_left: usize,
    last: Option<Actor>,
    calm: bool,
}

/// One run of the world.
pub struct World {
    pub(crate) state: Rc<RefCell<State>>,
    tasks: RefCell<Vec<Option<Task>>>,
    starts: RefCell<Vec<Timestamp>>,
    settled: Settled,
}

/// The states that runs of one exploration have come to.
pub(crate) type Settled = Rc<RefCell<FxHashSet<u64>>>;

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// When every run begins.
fn begin() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl World {
    pub(crate) fn new(given: Vec<u32>, rest: Rest, limits: Limits, traced: bool, settled: Settled) -> Self {
        let state = State {
            now: begin(),
            choices: Choices::new(given, rest),
            limits,
            faults_left: limits.faults,
            waiting: Vec::new(),
            next_call: 0,
            dead: None,
            table: Items::default(),
            queues: Vec::new(),
            service: Service::default(),
            services: Services::default(),
            trace: traced.then(Vec::new),
            covered: Vec::new(),
            options: Vec::new(),
            switches_left: limits.switches.unwrap_or(usize::MAX),
            last: None,
            calm: false,
        };
        let (tasks, starts) = (RefCell::default(), RefCell::default());
        Self { state: Rc::new(RefCell::new(state)), tasks, starts, settled }
    }

    /// Whether another run has come to just this state before: the same rows, messages, effects and time, and
    /// the same `seen` of the workload's own. What follows in calm is then the same too, and was looked at.
    pub fn settled_before(&self, seen: &impl Hash) -> bool {
        let state = self.state.borrow();
        if state.trace.is_some() {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        seen.hash(&mut hasher);
        state.now.hash(&mut hasher);
        for item in state.table.all() {
            item.hash(&mut hasher);
        }
        state.queues.hash(&mut hasher);
        state.service.hash(&mut hasher);
        state.services.hash(&mut hasher);
        state.table.stream.hash(&mut hasher);
        !self.settled.borrow_mut().insert(hasher.finish())
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    /// Lets time pass.
    pub fn pass(&self, time: SignedDuration) {
        self.state.borrow_mut().now += time;
    }

    /// From now on nothing goes wrong and nobody is interrupted, so that what was promised can be asked for.
    pub fn calm(&self) {
        self.set_calm(true);
    }

    /// Runs something during which nothing goes wrong, for what a run takes for granted.
    pub fn calm_while<R>(&self, act: impl FnOnce(&Self) -> R) -> R {
        self.set_calm(true);
        let result = act(self);
        self.set_calm(false);
        result
    }

    fn set_calm(&self, calm: bool) {
        let mut state = self.state.borrow_mut();
        state.calm = calm;
        state.choices.calm(calm);
    }

    /// Looks at or changes the service that the handlers call.
    pub fn service<R>(&self, look: impl FnOnce(&mut Service) -> R) -> R {
        look(&mut self.state.borrow_mut().service)
    }

    /// How many calls have gone wrong so far.
    #[must_use]
    pub fn faults(&self) -> usize {
        let state = self.state.borrow();
        state.limits.faults - state.faults_left
    }

    /// All calls that were made so far, in their order, and what went wrong with each.
    #[must_use]
    pub fn calls(&self) -> Vec<(Site, Option<Fault>)> {
        self.state.borrow().covered.clone()
    }

    /// Changes the table, without a call.
    pub fn edit<R>(&self, change: impl FnOnce(&mut Items) -> R) -> R {
        change(&mut self.state.borrow_mut().table)
    }

    /// Looks at the table.
    pub fn table<R>(&self, look: impl FnOnce(&Items) -> R) -> R {
        look(&self.state.borrow().table)
    }

    /// An environment of its own for `role`, with its clock off by `skew`.
    #[must_use]
    pub fn env(&self, role: &'static str, skew: SignedDuration) -> Env {
        Env { state: Rc::clone(&self.state), actor: 0, role, skew, rng: Rc::default() }
    }

    /// Adds an invocation that may begin now.
    pub fn spawn<F: Future<Output = ()> + 'static>(
        &self,
        role: &'static str,
        body: impl FnOnce(Env) -> F,
    ) -> Actor {
        self.spawn_at(self.now(), SignedDuration::ZERO, role, body)
    }

    /// Adds an invocation that may begin at `start` on a machine whose clock is off by `skew`.
    pub fn spawn_at<F: Future<Output = ()> + 'static>(
        &self,
        start: Timestamp,
        skew: SignedDuration,
        role: &'static str,
        body: impl FnOnce(Env) -> F,
    ) -> Actor {
        let actor = self.tasks.borrow().len();
        // Each environment draws its own numbers, so that who was first does not change what they are.
        // The seed is mixed first: seeds a step of the generator apart would give the same numbers, shifted.
        let rng = Rc::new(Cell::new(choice::next(&mut (actor as u64))));
        let env = Env { actor, rng, ..self.env(role, skew) };
        self.tasks.borrow_mut().push(Some(Box::pin(body(env))));
        self.starts.borrow_mut().push(start);
        actor
    }

    /// Runs until every invocation has ended or died.
    pub fn run(&self) {
        loop {
            let Some(actor) = self.choose() else { return };
            let Some(mut task) = self.tasks.borrow_mut()[actor].take() else { continue };
            let mut context = Context::from_waker(Waker::noop());
            let ended = task.as_mut().poll(&mut context).is_ready();
            let died = self.state.borrow_mut().dead.take() == Some(actor);
            if ended || died {
                // Dropping the future is the death: its waiting calls are withdrawn with it.
                drop(task);
                let mut state = self.state.borrow_mut();
                if state.last == Some(actor) {
                    state.last = None;
                }
            } else {
                self.tasks.borrow_mut()[actor] = Some(task);
            }
        }
    }

    /// Chooses what happens next and grants it. Gives whom to poll; none when nothing is left.
    fn choose(&self) -> Option<Actor> {
        let tasks = self.tasks.borrow();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        // What could happen, the one that went on last first: an option is a waiting call or a start.
        let mut options: Vec<(Actor, Option<u64>)> =
            state.waiting.iter().map(|w| (w.actor, Some(w.id))).collect();
        for (actor, task) in tasks.iter().enumerate() {
            if task.is_some() && state.waiting.iter().all(|w| w.actor != actor) {
                options.push((actor, None));
            }
        }
        options.sort_unstable_by_key(|(actor, call)| (state.last != Some(*actor), *actor, *call));
        let can_go_on = options.first().is_some_and(|(actor, _)| state.last == Some(*actor));
        // Going on means the oldest call: taking another one of the same invocation first interrupts it too.
        if can_go_on && state.switches_left == 0 {
            options.truncate(1);
        }
        let picked = state.choices.pick(options.len());
        let chosen = options.get(picked).copied();
        state.options = options;
        let (actor, call) = chosen?;
        if can_go_on && picked > 0 {
            state.switches_left = state.switches_left.saturating_sub(1);
        }
        state.last = Some(actor);
        match call {
            None => state.now = state.now.max(self.starts.borrow()[actor]),
            Some(id) => state.grant(id),
        }
        Some(actor)
    }
}

impl State {
    fn grant(&mut self, id: u64) {
        let Some(at) = self.waiting.iter().position(|w| w.id == id) else { return };
        let fault = if self.faults_left == 0 || self.calm {
            None
        } else {
            let faults = Fault::of(self.waiting[at].site);
            match self.choices.pick_rarely(1 + faults.len(), 8) {
                0 => None,
                n => Some(faults[n - 1]),
            }
        };
        self.faults_left -= usize::from(fault.is_some());
        let waiting = &mut self.waiting[at];
        self.now = self.now.max(waiting.not_before);
        waiting.turn = Turn::Now(fault);
        waiting.waker.wake_by_ref();
        self.covered.push((waiting.site, fault));
    }
}
