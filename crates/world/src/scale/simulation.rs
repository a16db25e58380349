//! A stack in a world with time: what it is made of, and letting things happen.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::agenda::{Agenda, Happening, Nanos, SECOND};
use super::figures::Figures;
use super::function::{Environment, Function, FunctionCounts, FunctionSettings, Handle};
use super::host::Host;
use super::load::Load;
use super::machines::FlowRuns;
use super::measure::Lanes;
use super::recorder::Recorder;
use super::scenario::{Becomes, ChangedFunction, ChangedHost};
use super::sources::{QueueInterest, Source};
use crate::aws::capacity::Capacity;
use crate::kernel::choice::Choices;
use crate::run::env::Env;
use crate::run::limits::{Limits, Order};
use crate::run::state::RunState;
use crate::run::timed::Timed;
use crate::run::world::World;

/// Names a function of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionId(pub(super) usize);

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
    pub(super) hosts: BTreeMap<SmolStr, Host>,
    pub(super) tasks_of: FxHashMap<SmolStr, usize>,
    pub(super) flows: FlowRuns,
    pub(super) load: Load,
    pub(super) lanes: Option<Lanes>,
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
        state.timed = Some(Box::new(Timed::new(Capacity::new(figures.of_table()))));
        state.table.scale(&[]);
        let begin = state.now;
        let lanes = figures.lanes.map(Lanes::new);
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
            hosts: BTreeMap::new(),
            tasks_of: FxHashMap::default(),
            flows: FlowRuns::default(),
            load,
            lanes,
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
        settings: FunctionSettings,
        boot: impl Fn(Env) -> Handle + 'static,
    ) -> FunctionId {
        self.functions.push(Function {
            settings,
            boot: Rc::new(boot),
            idle: Vec::new(),
            busy: 0,
            kept: 0,
            startable: (0.0, 0),
            deadlines: std::collections::VecDeque::new(),
            watched: false,
            counts: FunctionCounts::default(),
        });
        FunctionId(self.functions.len() - 1)
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
        let busy = self.figures.latency(name).map_or(0, |latency| latency.busy);
        self.lanes.as_mut().map_or(0, |lanes| lanes.take(self.now, busy) - self.now)
    }

    /// Lets all happen until a time. `each_second` is told after each second.
    pub(super) fn run(&mut self, until: Nanos, mut each_second: impl FnMut(&Self)) {
        self.agenda.add(0, Happening::Arrival);
        self.agenda.add(SECOND, Happening::Second);
        for (line, (at, ..)) in self.script.iter().enumerate() {
            self.agenda.add(*at, Happening::Script(line));
        }
        self.begin_sources();
        while let Some((at, what)) = self.agenda.next() {
            if at > until {
                break;
            }
            self.now = at;
            let second = matches!(what, Happening::Second);
            self.happen(what);
            if second {
                each_second(self);
            }
        }
        self.now = until;
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Arrival => self.arrive(),
            Happening::Request { request, arrived } => self.request(request, arrived),
            Happening::Begin(turn) => self.begin(turn),
            Happening::Apply(going) => self.apply(going),
            Happening::Answer { turn, call, answer, outside } => self.answer(turn, call, answer, outside),
            Happening::Timeout(function) => self.time_out(function),
            Happening::Waited { queue, id } => self.waited(queue, id),
            Happening::Due(queue) => self.due(queue),
            Happening::Poll { source, shard } => self.poll_shard(source, shard),
            Happening::Deliver(delivery) => self.deliver(*delivery),
            Happening::Tick { source, attempt } => self.tick(source, attempt),
            Happening::Go { machine, place, number } => self.go(machine, place, number),
            Happening::Task(task) => self.begin_task(*task),
            Happening::Resume(task, answer) => self.resume(task, *answer),
            Happening::Second => self.second(),
            Happening::Script(line) => self.play(line),
        }
    }

    fn play(&mut self, line: usize) {
        self.recorder.changed = self.now;
        match self.script[line].1.clone() {
            Becomes::Host(ChangedHost { name, settings }) => {
                self.hosts.entry(name).or_insert_with(|| Host::new(settings)).become_(settings);
            }
            Becomes::Function(ChangedFunction { role, reserved }) => {
                let of_role = self.functions.iter_mut().filter(|function| function.settings.role == role);
                of_role.for_each(|function| function.settings.reserved = reserved);
            }
        }
    }
}
