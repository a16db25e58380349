//! A run as its driver holds it: time, invocations, and what came of them.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::Hash;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::actor::{ActorState, Assignment, Stage};
use super::begin::Begin;
use super::env::Env;
use super::search::Search;
use super::state::RunState;
use super::stop::Stop;
use crate::kernel::actor::Actor;
use crate::kernel::fault::CallFault;
use crate::kernel::fingerprint::fingerprint;
use crate::kernel::memory::{HandlerFuture, Live};
use crate::kernel::site::Site;

/// One run of the world.
pub struct World {
    pub(crate) state: RefCell<RunState>,
    pub(super) search: Rc<RefCell<Search>>,
    /// Handlers that run in this run; the others are only remembered.
    pub(super) lives: RefCell<Vec<Option<Live<RunState>>>>,
    /// How often the run was let run.
    pub(super) phase: Cell<usize>,
    /// What stands for the state after each time that it was, where that is wanted.
    pub(super) ends: RefCell<Option<Vec<u64>>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl World {
    pub(crate) fn new(state: RunState, search: Rc<RefCell<Search>>) -> Self {
        let state = RefCell::new(state);
        Self { state, search, lives: RefCell::default(), phase: Cell::new(0), ends: RefCell::default() }
    }

    /// Whether another run has come to just this state before: the same rows, messages, effects, reports and
    /// time. What follows in quiescence is then the same too, and was looked at. To be asked once a run, just
    /// before it becomes quiescent for good.
    pub fn settled_before(&self) -> bool {
        let state = self.state.borrow();
        // A run in which something went wrong may be judged otherwise; and who calls what in quiescence draws
        // from its own place among the invocations.
        let fingerprint = fingerprint(&(state.settled(), state.faults_left, state.actors.len()));
        state.trace.is_none() && !self.search.borrow_mut().settled.insert(fingerprint)
    }

    pub(crate) fn keep_ends(&self) {
        *self.ends.borrow_mut() = Some(Vec::new());
    }

    pub(crate) fn ends(&self) -> Vec<u64> {
        self.ends.borrow().clone().unwrap_or_default()
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.state.borrow().now
    }

    /// Whether things take their time in this run, and none takes longer than it may.
    #[must_use]
    pub fn goes_by_time(&self) -> bool {
        self.state.borrow().goes_by_time()
    }

    /// Says how long invocations of a function may take, where runs go by time.
    pub fn limit_time(&self, role: &'static str, limit: SignedDuration) {
        self.state.borrow_mut().time_limits.push((role, limit));
    }

    /// Lets time pass.
    pub fn pass(&self, time: SignedDuration) {
        self.state.borrow_mut().now += time;
    }

    /// From now on nothing goes wrong and nobody is interrupted, so that what was promised can be asked for.
    pub fn quiesce(&self) {
        self.set_quiescent(true);
    }

    /// Runs something during which nothing goes wrong, for what a run takes for granted.
    pub fn quiesce_while<R>(&self, act: impl FnOnce(&Self) -> R) -> R {
        self.set_quiescent(true);
        let result = act(self);
        self.set_quiescent(false);
        result
    }

    fn set_quiescent(&self, quiescent: bool) {
        let mut state = self.state.borrow_mut();
        state.quiescent = quiescent;
        state.choices.quiesce(quiescent);
    }

    /// How many calls have gone wrong so far.
    #[must_use]
    pub fn faults(&self) -> usize {
        let state = self.state.borrow();
        state.limits.faults - state.faults_left
    }

    /// All calls that were made so far, in their order, and what went wrong with each. For counting, and not
    /// for invariants: a run ends where another has been in the same state, whatever calls led there.
    #[must_use]
    pub fn calls(&self) -> Vec<(Site, Option<CallFault>)> {
        self.state.borrow().calls.all()
    }

    /// What handlers [reported](Env::report) of this type so far, in their order.
    #[must_use]
    pub fn reports<T: Clone + 'static>(&self) -> Vec<T> {
        let reports = self.state.borrow().reports.all();
        reports.iter().filter_map(|report| report.any().downcast_ref::<T>()).cloned().collect()
    }

    /// Adds an invocation that may begin now: see [`World::spawn_at`].
    pub fn spawn<I: Hash + Clone + 'static, F: Future<Output = ()> + 'static>(
        &self,
        role: &'static str,
        input: I,
        body: impl Fn(Env, I) -> F + 'static,
    ) -> Actor {
        self.spawn_at(self.now(), SignedDuration::ZERO, role, input, body)
    }

    /// Adds an invocation that may begin at `start` on a machine whose clock is off by `skew`.
    ///
    /// What it does depends on its input and its calls' answers only: `body` captures nothing but what is the
    /// same in all runs of the workload, and leaves nothing behind but calls and [reports](Env::report).
    pub fn spawn_at<
        I: Hash + Clone + 'static,
        F: Future<Output = ()> + 'static,
        B: Fn(Env, I) -> F + 'static,
    >(
        &self,
        start: Timestamp,
        skew: SignedDuration,
        role: &'static str,
        input: I,
        body: B,
    ) -> Actor {
        let actor = self.state.borrow().actors.len();
        let asked = fingerprint(&(std::any::TypeId::of::<B>(), actor, role, skew, fingerprint(&input)));
        let begin = move |actor, mailbox| -> HandlerFuture {
            Box::pin(body(Env::new(mailbox, actor, role, skew), input.clone()))
        };
        self.add(role, start, Some(asked), Rc::new(begin))
    }

    /// Makes calls outside of any invocation, for tests of the ports themselves in a run that is made once
    /// ([`crate::replay`]). Gives none where the call died.
    ///
    /// # Errors
    /// An invariant that is [watched](crate::table::Items::watch) does not hold.
    pub fn ask<R: 'static, F: Future<Output = R> + 'static>(
        &self,
        calls: impl FnOnce(Env) -> F + 'static,
    ) -> Result<Option<R>, Stop> {
        let answer = Rc::new(RefCell::new(None));
        let (asked, calls) = (Rc::clone(&answer), Cell::new(Some(calls)));
        let begin = move |actor, mailbox| -> HandlerFuture {
            let env = Env::new(mailbox, actor, "test", SignedDuration::ZERO);
            let (asked, calls) = (Rc::clone(&asked), calls.take().map(|calls| calls(env)));
            Box::pin(async move {
                if let Some(calls) = calls {
                    *asked.borrow_mut() = Some(calls.await);
                }
            })
        };
        self.add("test", self.now(), None, Rc::new(begin));
        self.run()?;
        Ok(answer.take())
    }

    /// Adds an invocation. What it was asked is what it is remembered by; without, it is not remembered.
    fn add(&self, role: &'static str, start: Timestamp, asked: Option<u64>, begin: Begin<RunState>) -> Actor {
        let node = self.search.borrow_mut().memory.root(asked);
        let mut state = self.state.borrow_mut();
        let asked = Rc::new(Assignment { role, start, begin, job: None });
        state.actors.push(ActorState { node, stage: Stage::Waits, began: start, asked });
        state.actors.len() - 1
    }
}
