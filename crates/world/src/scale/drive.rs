//! Letting things happen, one after the other.

use super::agenda::{Happening, Nanos, SECOND};
use super::host::OutsideService;
use super::scenario::{Becomes, ChangedFunction, ChangedService};
use super::simulation::Simulation;
use crate::aws::queue::Messages;

impl Simulation {
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
            Becomes::Host(ChangedService { name, settings }) => {
                self.hosts.entry(name).or_insert_with(|| OutsideService::new(settings)).become_(settings);
            }
            Becomes::Function(ChangedFunction { role, reserved }) => {
                let of_role = self.functions.iter_mut().filter(|function| function.settings.role == role);
                of_role.for_each(|function| function.settings.reserved = reserved);
            }
        }
    }

    /// A second has passed.
    fn second(&mut self) {
        self.agenda.add(self.now + SECOND, Happening::Second);
        let now = self.tell_time();
        self.state().table.expire_all(now);
        let running = self.flows.started - self.flows.ended;
        let state = self.state();
        let waiting: usize = state.queues.iter().map(Messages::len).sum();
        let hottest = state.timed.as_ref().map_or(0.0, |timed| timed.capacity.hottest_now.units);
        self.recorder.end_second(waiting as f64 + running as f64, self.busy, hottest);
    }
}
