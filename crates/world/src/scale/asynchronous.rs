//! Asynchronous invocations and transports: schedules, what buses send to functions, and what topics and buses send to
//! queues.

use std::time::Duration;

use super::agenda::Happening;
use super::function::{AsyncEvent, Event, Purpose};
use super::nanos::{Nanos, SECOND};
use super::simulation::{FunctionId, Simulation};
use super::sources::{Source, SourceKind};
use crate::aws::invocations::{FunctionSettings, PAUSES};
use crate::run::timed::Transport;

impl Simulation {
    /// A schedule invokes a function.
    pub fn schedule(&mut self, every: Duration, function: FunctionId) {
        let every = every.as_nanos() as Nanos;
        let kind = SourceKind::Schedule { every, next: every };
        self.sources.push(Source { function: function.0, kind });
    }

    /// What a bus's rule names to invoke this function.
    pub fn target_of_rules(&mut self, function: FunctionId) -> usize {
        let role = self.functions[function.0].settings.role;
        let target = self.world.add_function(role, FunctionSettings::default());
        self.targets.insert(target, function.0);
        target
    }

    /// A schedule's time: its event is a little late, and then it is Lambda's.
    pub(super) fn tick(&mut self, source: usize) {
        let now = self.now;
        let Source { function, kind: SourceKind::Schedule { every, next } } = &mut self.sources[source]
        else {
            return;
        };
        *next += *every;
        let (function, next) = (*function, *next);
        self.agenda.add(next, Happening::Tick(source));
        let late = self.draw("schedule.tick") + self.draw("lambda.async");
        self.agenda.add(now + late, Happening::Event(Box::new(new_event(function, Event::Tick, now + late))));
    }

    /// Lets what topics and buses have taken set out.
    pub(super) fn send_off(&mut self) {
        let Some(timed) = &mut self.world.state.get_mut().timed else { return };
        if timed.to_queues.is_empty() && timed.to_functions.is_empty() {
            return;
        }
        let (messages, events) =
            (std::mem::take(&mut timed.to_queues), std::mem::take(&mut timed.to_functions));
        for (transport, message) in messages {
            let name = if transport == Transport::Topic { "topic.delivery" } else { "bus.delivery" };
            let after = self.through_server(name) + self.draw(name);
            self.agenda.add(self.now + after, Happening::Post(Box::new(message)));
        }
        for (target, body) in events {
            let Some(function) = self.targets.get(&target).copied() else { continue };
            let after =
                self.through_server("bus.delivery") + self.draw("bus.delivery") + self.draw("lambda.async");
            self.agenda.add(
                self.now + after,
                Happening::Event(Box::new(new_event(function, Event::Event(body), self.now + after))),
            );
        }
    }

    /// An event reaches the function that is invoked with it asynchronously.
    pub(super) fn invoke_with(&mut self, event: AsyncEvent) {
        let (function, of) = (event.function, event.event.clone());
        let Err((_, Purpose::Event(mut event))) = self.invoke(function, of, Purpose::Event(Box::new(event)))
        else {
            return;
        };
        // The pauses double up to five minutes.
        let pause = (SECOND << event.refused.min(9)).min(300 * SECOND);
        event.refused += 1;
        self.try_again(event, pause);
    }

    /// An event comes again after a pause, or is given up as it is too old then.
    fn try_again(&mut self, event: Box<AsyncEvent>, pause: Nanos) {
        let function = &mut self.functions[event.function];
        let age = function.settings.event_age.as_nanos() as Nanos;
        if self.now + pause - event.taken > age {
            return function.counts.given_up += 1;
        }
        self.agenda.add(self.now + pause, Happening::Event(event));
    }

    /// What came of an event.
    pub(super) fn event_done(&mut self, mut event: Box<AsyncEvent>, well: bool) {
        if well {
            return;
        }
        let function = &mut self.functions[event.function];
        let retries = function.settings.retries.min(PAUSES.len());
        let Some(pause) = PAUSES[..retries].get(event.failed) else {
            return function.counts.given_up += 1;
        };
        let pause = pause.as_nanos() as Nanos;
        event.failed += 1;
        self.try_again(event, pause);
    }
}

const fn new_event(function: usize, event: Event, taken: Nanos) -> AsyncEvent {
    AsyncEvent { function, event, failed: 0, refused: 0, taken }
}
