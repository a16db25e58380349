//! Letting things happen, one after the other.

use super::agenda::Happening;
use super::host::OutsideService;
use super::nanos::{Nanos, SECOND};
use super::scenario::{Becomes, ChangedFunction, ChangedService};
use super::simulation::Simulation;
use super::sources::SourceKind;

impl Simulation {
    /// Lets all happen until a time. `each_second` is told after each second.
    pub(super) fn run(&mut self, until: Nanos, mut each_second: impl FnMut(&Self)) {
        self.agenda.add(0, Happening::Arrival);
        self.agenda.add(SECOND, Happening::Second);
        for (line, (at, ..)) in self.script.iter().enumerate() {
            self.agenda.add(*at, Happening::Script(line));
        }
        for queue in self.world.state.get_mut().queues.iter_mut() {
            queue.limit_in_flight(self.figures.in_flight(queue.is_fifo()));
        }
        for source in 0..self.sources.len() {
            match &self.sources[source].kind {
                SourceKind::Queue(_) => {}
                SourceKind::Stream { .. } => self.begin_polls(source),
                SourceKind::Schedule { every, .. } => self.agenda.add(*every, Happening::Tick(source)),
            }
        }
        while let Some(next) = self.agenda.first() {
            let wakes = self.flows.wakes.first().map(|(at, _)| *at).filter(|at| *at <= next);
            if wakes.unwrap_or(next) > until {
                break;
            }
            if let Some(at) = wakes {
                self.now = at;
                self.wake();
                continue;
            }
            let Some((at, what)) = self.agenda.next() else { break };
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
            Happening::Client => self.come_in(),
            Happening::Request { request, arrived } => self.request(request, arrived),
            Happening::Begin(invocation) => self.begin(invocation),
            Happening::Apply(going) => self.apply(going),
            Happening::Again(going) => self.set_out(going),
            Happening::Answer { invocation, call, answer, outside } => {
                self.answer(invocation, call, answer, outside);
            }
            Happening::Timeout(function) => self.time_out(function),
            Happening::Waited { queue, id } => self.waited(queue, id),
            Happening::Due(queue) => self.due(queue),
            Happening::Poll { source, shard } => self.poll_shard(source, shard),
            Happening::Deliver(delivery) => self.deliver(*delivery),
            Happening::Tick(source) => self.tick(source),
            Happening::Event(event) => self.invoke_with(*event),
            Happening::Post(message) => self.post(*message),
            Happening::Task(task) => self.begin_task(*task),
            Happening::Resume(task, answer) => self.resume(task, *answer),
            Happening::Second => self.second(),
            Happening::Script(line) => self.play(line),
        }
    }

    fn play(&mut self, line: usize) {
        let was_well = self.hosts.values().all(OutsideService::is_well);
        self.recorder.change(self.now, was_well);
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
        let backlog = self.backlog();
        let hottest = self.state().timed.as_mut().map_or(0.0, |timed| {
            timed.capacity.turn(now);
            timed.capacity.hottest_now.units
        });
        self.recorder.end_second(backlog as f64, self.busy, hottest);
    }

    /// What waits: messages of the queues that somebody receives from (or the rows that the stack says), records that not
    /// all have read, and executions that run. Dead letters wait for people.
    fn backlog(&mut self) -> u64 {
        let state = self.world.state.get_mut();
        let messages: usize = match self.waits {
            Some((index, partition)) => state.table.places(index, partition),
            None => self.queues.keys().map(|queue| state.queues[*queue].len()).sum(),
        };
        let records = state.table.stream.as_ref().map_or(0, |stream| stream.unread());
        (messages + records) as u64 + self.flows.started - self.flows.ended
    }
}
