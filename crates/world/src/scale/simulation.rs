//! A stack in a world with time: what it is made of, and letting things happen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::agenda::Agenda;
use super::figures::Figures;
use super::function::{Environment, Function, FunctionCounts, Handle, LambdaSettings};
use super::host::OutsideService;
use super::lanes::Lanes;
use super::load::Load;
use super::machines::FlowRuns;
use super::nanos::Nanos;
use super::recorder::Recorder;
use super::scenario::Becomes;
use super::sources::{PollerLimits, QueueInterest, Source};
use crate::aws::capacity::Capacity;
use crate::aws::rates::{Rates, TokenBucket};
use crate::kernel::choice::Choices;
use crate::run::env::Env;
use crate::run::limits::{Limits, Order};
use crate::run::state::RunState;
use crate::run::timed::Timed;
use crate::run::world::World;

/// Names a function of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionId(pub(super) usize);

/// The rows that wait: an index, and which of its partitions.
pub(super) type WaitingRows = (&'static str, fn(&str) -> bool);

/// A stack in a world with time.
pub struct Simulation {
    pub(super) world: World,
    pub(super) figures: Figures,
    pub(super) agenda: Agenda,
    pub(super) now: Nanos,
    pub(super) begin: Timestamp,
    pub(super) random: Pcg64Mcg,
    pub(super) functions: Vec<Function>,
    pub(super) environments: Vec<Environment>,
    /// Places of environments that are gone.
    pub(super) free: Vec<u32>,
    /// How many environments there have been, which names the next one.
    pub(super) started: usize,
    /// How many invocations there are in the account.
    pub(super) busy: u32,
    pub(super) api: Option<usize>,
    pub(super) sources: Vec<Source>,
    pub(super) queues: BTreeMap<usize, QueueInterest>,
    /// Where work waits: in the partitions of an index; none: in the queues.
    pub(super) waits: Option<WaitingRows>,
    /// How many pollers Lambda has for a queue: they are looked at after each call.
    pub(super) pollers: PollerLimits,
    pub(super) hosts: BTreeMap<SmolStr, OutsideService>,
    /// The hosts that the stack calls.
    pub(super) called: BTreeSet<SmolStr>,
    pub(super) tasks_of: FxHashMap<SmolStr, usize>,
    /// The functions that buses' rules name.
    pub(super) targets: FxHashMap<usize, usize>,
    pub(super) flows: FlowRuns,
    pub(super) load: Load,
    pub(super) lanes: Option<Lanes>,
    /// Until when a server that all share is at work on what was measured, by the metric's name.
    pub(super) taken_in: FxHashMap<&'static str, Vec<Nanos>>,
    /// How many messages topics and buses have put into queues.
    pub(super) brought: u64,
    pub(super) recorder: Recorder,
    pub(super) script: Vec<(Nanos, Becomes)>,
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Simulation {
    pub(super) fn new(figures: Figures, seed: u64, load: Load) -> Self {
        let limits = Limits { faults: 0, order: Order::Calls, stale_reads: false };
        let mut state = RunState::new(Choices::default(), limits, false);
        state.quiescent = true;
        state.choices.quiesce(true);
        state.timed =
            Some(Box::new(Timed::new(Capacity::new(figures.of_table()), Rates::new(figures.rates()))));
        state.table.scale(&[]);
        let begin = state.now;
        let lanes = figures.lanes.map(Lanes::new);
        let pollers = figures.pollers();
        Self {
            world: World::new(state, Rc::default()),
            figures,
            agenda: Agenda::default(),
            now: 0,
            begin,
            random: Pcg64Mcg::seed_from_u64(seed),
            functions: Vec::new(),
            environments: Vec::new(),
            free: Vec::new(),
            started: 0,
            busy: 0,
            api: None,
            sources: Vec::new(),
            queues: BTreeMap::new(),
            waits: None,
            pollers,
            hosts: BTreeMap::new(),
            called: BTreeSet::new(),
            tasks_of: FxHashMap::default(),
            targets: FxHashMap::default(),
            flows: FlowRuns::default(),
            load,
            lanes,
            taken_in: FxHashMap::default(),
            brought: 0,
            recorder: Recorder::default(),
            script: Vec::new(),
        }
    }

    /// The world: what there is of queues, topics, rows and machines.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Which indexes the table has, each named by its partition attribute; to be said before rows are put.
    pub fn indexes(&mut self, indexes: &[&'static str]) {
        self.state().table.scale(indexes);
    }

    /// Adds a function: `boot` is what its `main` does when an environment starts.
    pub fn function(
        &mut self,
        settings: LambdaSettings,
        boot: impl Fn(Env) -> Handle + 'static,
    ) -> FunctionId {
        self.functions.push(Function {
            settings,
            boot: Rc::new(boot),
            idle: std::collections::VecDeque::new(),
            busy: 0,
            kept: 0,
            startable: TokenBucket::default(),
            requests: TokenBucket::default(),
            deadlines: std::collections::VecDeque::new(),
            watched: false,
            counts: FunctionCounts::default(),
        });
        FunctionId(self.functions.len() - 1)
    }

    /// Says that the stack calls this host: a scenario may say how it behaves.
    pub fn calls(&mut self, host: &str) {
        self.called.insert(SmolStr::new(host));
    }

    /// Which function answers the API's requests.
    pub const fn serve(&mut self, function: FunctionId) {
        self.api = Some(function.0);
    }

    pub(super) fn state(&mut self) -> &mut RunState {
        self.world.state.get_mut()
    }

    /// The world's time.
    pub(super) fn clock(&self) -> Timestamp {
        self.begin + SignedDuration::from_nanos(self.now as i64)
    }

    /// The same for a time of the world; one that is past is now.
    pub(super) fn nanos(&self, at: Timestamp) -> Nanos {
        (at.duration_since(self.begin).as_nanos().max(0) as Nanos).max(self.now)
    }

    /// Tells the state what time it is.
    pub(super) fn tell_time(&mut self) -> Timestamp {
        let now = self.clock();
        self.state().now = now;
        now
    }

    /// How long something takes this time, of this name among the latencies; nothing where there is none.
    pub(super) fn draw(&mut self, name: &str) -> Nanos {
        self.figures.latency(name).map_or(0, |latency| latency.time.draw(&mut self.random))
    }

    /// When something that begins now is through the server that all share, where there is one.
    pub(super) fn through_server(&mut self, name: &str) -> Nanos {
        let Some(lanes) = &mut self.lanes else { return 0 };
        let busy = self.figures.latency(name).map_or(0, |latency| latency.busy);
        lanes.take(self.now, busy) - self.now
    }
}
