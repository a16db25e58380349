//! Who goes on next: a run of the world, step by step.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::Hash;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use tenfold_ports::table::Write;

use crate::downstream::Service;
use crate::env::Env;
use crate::fault::Fault;
use crate::memory::{Answer, Came, Live, Measured, Memory, Report, Task, print};
use crate::options::{Choice, What, options};
use crate::search::Search;
use crate::sources::Begin;
pub(crate) use crate::state::State;
use crate::state::{ActorState, Asked, NOBODY, Stage};
use crate::table::Items;
use crate::trace::Site;

/// Names an invocation within a run.
pub type Actor = usize;

/// How many calls and beginnings there may be in a run before it is taken to be endless.
const MOST_STEPS: usize = 100_000;

/// Why a run ends before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// An invariant does not hold: what, for a person.
    Broken(String),
    /// Another run has come to just this state, and all that can follow was looked at.
    Seen,
}

impl From<String> for Stop {
    fn from(what: String) -> Self {
        Self::Broken(what)
    }
}

impl From<&str> for Stop {
    fn from(what: &str) -> Self {
        Self::Broken(what.to_owned())
    }
}

/// What a run comes to: an invariant that does not hold, or nothing to say.
pub type Outcome = Result<(), Stop>;

/// One run of the world.
pub struct World {
    pub(crate) state: RefCell<State>,
    search: Rc<RefCell<Search>>,
    /// Handlers that run in this run; the others are only remembered.
    lives: RefCell<Vec<Option<Live>>>,
    /// How often the run was let run.
    phase: Cell<usize>,
    /// What stands for the state after each time that it was, where that is wanted.
    ends: RefCell<Option<Vec<u64>>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl World {
    pub(crate) fn new(state: State, search: Rc<RefCell<Search>>) -> Self {
        let state = RefCell::new(state);
        Self { state, search, lives: RefCell::default(), phase: Cell::new(0), ends: RefCell::default() }
    }

    /// Whether another run has come to just this state before: the same rows, messages, effects, reports and
    /// time. What follows in calm is then the same too, and was looked at. To be asked once a run, just before it
    /// becomes calm for good.
    pub fn settled_before(&self) -> bool {
        let state = self.state.borrow();
        // A run in which something went wrong may be judged otherwise; and who calls what in calm draws from its
        // own place among the invocations.
        let print = print(&(state.settled(), state.faults_left, state.actors.len()));
        state.trace.is_none() && !self.search.borrow_mut().settled.insert(print)
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

    /// All calls that were made so far, in their order, and what went wrong with each. For counting, and not for
    /// invariants: a run ends where another has been in the same state, whatever calls led there.
    #[must_use]
    pub fn calls(&self) -> Vec<(Site, Option<Fault>)> {
        self.state.borrow().calls.all()
    }

    /// What handlers [reported](Env::report) of this type so far, in their order.
    #[must_use]
    pub fn reports<T: Clone + 'static>(&self) -> Vec<T> {
        let reports = self.state.borrow().reports.all();
        reports.iter().filter_map(|report| report.any().downcast_ref::<T>()).cloned().collect()
    }

    /// Changes the table, without a call.
    pub fn edit<R>(&self, change: impl FnOnce(&mut Items) -> R) -> R {
        change(&mut self.state.borrow_mut().table)
    }

    /// Makes writes in one transaction, without a call; a stream tells of them. Gives whether they were made.
    pub fn write(&self, writes: &[Write]) -> bool {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        state.table.transact(writes, now).is_ok()
    }

    /// Looks at the table.
    pub fn table<R>(&self, look: impl FnOnce(&Items) -> R) -> R {
        look(&self.state.borrow().table)
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
        let asked = print(&(std::any::TypeId::of::<B>(), actor, role, skew, print(&input)));
        let begin =
            move |actor, desk| -> Task { Box::pin(body(Env::new(desk, actor, role, skew), input.clone())) };
        self.add(start, Some(asked), Rc::new(begin))
    }

    /// Makes calls outside of any invocation, for tests of the ports themselves in a run that is made once
    /// ([`crate::replay`]). Gives none where the call died.
    ///
    /// # Errors
    /// An invariant that is [watched](Items::watch) does not hold.
    pub fn ask<R: 'static, F: Future<Output = R> + 'static>(
        &self,
        calls: impl FnOnce(Env) -> F + 'static,
    ) -> Result<Option<R>, Stop> {
        let answer = Rc::new(RefCell::new(None));
        let (asked, calls) = (Rc::clone(&answer), Cell::new(Some(calls)));
        let begin = move |actor, desk| -> Task {
            let env = Env::new(desk, actor, "test", SignedDuration::ZERO);
            let (asked, calls) = (Rc::clone(&asked), calls.take().map(|calls| calls(env)));
            Box::pin(async move {
                if let Some(calls) = calls {
                    *asked.borrow_mut() = Some(calls.await);
                }
            })
        };
        self.add(self.now(), None, Rc::new(begin));
        self.run()?;
        Ok(answer.take())
    }

    /// Adds an invocation. What it was asked is what it is remembered by; without, it is not remembered.
    fn add(&self, start: Timestamp, asked: Option<u64>, begin: Begin) -> Actor {
        let node = self.search.borrow_mut().memory.root(asked);
        let mut state = self.state.borrow_mut();
        let asked = Rc::new(Asked { start, begin, job: None });
        state.actors.push(ActorState { node, stage: Stage::Waits, asked });
        state.actors.len() - 1
    }

    /// Runs until every invocation has ended or died.
    ///
    /// # Errors
    /// The run is over: hand it on with `?`.
    pub fn run(&self) -> Outcome {
        let phase = self.phase.replace(self.phase.get() + 1);
        let mut state = self.state.borrow_mut();
        let mut search = self.search.borrow_mut();
        if search.skip(phase, &mut state) {
            return Ok(());
        }
        let mut resumed = search.resume(phase, &mut state);
        let mut steps = 0;
        loop {
            let options = options(&state);
            if options.is_empty() {
                let Some(due) = state.next_due() else { break };
                state.now = state.now.max(due);
                state.run_machines(&mut search.memory);
                continue;
            }
            if !resumed && search.been_here(phase, &mut state) {
                return Err(Stop::Seen);
            }
            resumed = false;
            self.step(&mut state, &mut search.memory, &options);
            state.run_machines(&mut search.memory);
            if let Some(what) = state.table.broken() {
                return Err(Stop::Broken(what));
            }
            steps += 1;
            if steps > MOST_STEPS {
                return Err(Stop::Broken(format!("{MOST_STEPS} calls, and no end to it")));
            }
        }
        search.ended(&mut state);
        if let Some(ends) = &mut *self.ends.borrow_mut() {
            ends.push(state.settled());
        }
        Ok(())
    }

    /// Chooses what happens next and lets it happen.
    fn step(&self, state: &mut State, memory: &mut Memory, options: &[Choice]) {
        let can_go_on = options.first().is_some_and(|choice| state.last == Some(choice.actor));
        // Going on means the oldest call: taking another one of the same invocation first interrupts it too.
        let most = if can_go_on && state.switches_left == 0 { 1 } else { options.len() };
        let picked = state.choices.pick(most);
        let Choice { actor, what } = options[picked];
        if can_go_on && picked > 0 {
            state.switches_left = state.switches_left.saturating_sub(1);
        }
        state.last = Some(actor).filter(|actor| *actor != NOBODY);
        let (call, answer) = match what {
            What::Delivery(source) => {
                state.last = None;
                return state.deliver(memory, source);
            }
            What::Time => {
                let due = state.next_due().unwrap_or(state.now);
                state.now = state.now.max(due);
                return;
            }
            What::Beginning => {
                state.now = state.now.max(state.actors[actor].asked.start);
                (None, Some(Answer::new(())))
            }
            What::Call(at) => {
                let waiting = state.waiting.remove(at);
                state.now = state.now.max(waiting.not_before);
                if actor == NOBODY {
                    state.make(&waiting, None);
                    return;
                }
                let fault = state.fault(waiting.call.site);
                (Some(waiting.call.id), state.make(&waiting, fault))
            }
        };
        match answer {
            Some(answer) => {
                let came = Came { call, now: state.now, answer };
                self.come(state, memory, actor, came);
            }
            None => {
                // Its death: the calls that it waits for are nobody's any more.
                self.over(state, memory, actor, None);
            }
        }
    }

    /// Lets something come to a handler: from memory, where it has come before.
    fn come(&self, state: &mut State, memory: &mut Memory, actor: Actor, came: Came) {
        let before = state.actors[actor].node;
        let known = if state.trace.is_some() { None } else { memory.after(before, &came) };
        let node = known.unwrap_or_else(|| {
            let mut lives = self.lives.borrow_mut();
            if lives.len() <= actor {
                lives.resize_with(actor + 1, || None);
            }
            let live = match &mut lives[actor] {
                Some(live) if live.node == before => live,
                other => {
                    let begin = &state.actors[actor].asked.begin;
                    let live = other.insert(Live::new(before, |desk| begin(actor, desk)));
                    memory.revive(live, before);
                    live
                }
            };
            memory.discover(live, came)
        });
        let after = memory.node(node);
        if !after.gone.is_empty() {
            state.withdraw(|w| w.actor == actor && after.gone.contains(&w.call.id));
        }
        for report in &after.reports {
            state.report(actor, report);
        }
        for Measured { dimensions, metrics, at } in &after.measured {
            state.measure(dimensions, metrics, *at);
        }
        if after.ended {
            let returned = after.returned.clone();
            self.over(state, memory, actor, returned.as_ref());
        } else {
            state.goes_to(actor, node, Stage::Runs);
            state.waits_for(actor, node, &after.made);
        }
    }

    fn over(&self, state: &mut State, memory: &mut Memory, actor: Actor, returned: Option<&Report>) {
        // How it came to its end is of no consequence any more.
        state.goes_to(actor, 0, Stage::Over);
        state.withdraw(|w| w.actor == actor);
        if state.last == Some(actor) {
            state.last = None;
        }
        if let Some(live) = self.lives.borrow_mut().get_mut(actor) {
            *live = None;
        }
        let asked = Rc::clone(&state.actors[actor].asked);
        if let Some((job, _)) = &asked.job {
            state.finish(memory, job, returned);
        }
    }
}
