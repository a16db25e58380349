//! Calls on their way: to a service, what it makes of them, and back.

use std::rc::Rc;

use rand::RngExt;
use smol_str::SmolStr;

use super::agenda::{Going, Happening, InvocationId, MILLISECOND, Nanos};
use super::host::{OutsideService, ServiceSettings};
use super::simulation::Simulation;
use crate::aws::capacity::CapacityCheck;
use crate::kernel::call::{CallAnswer, PortCall, Takes};
use crate::run::state::RunState;

/// How often the SDK makes a call again that was refused for load, and how often the adapter a transaction that
/// met another one (`tenfold-aws`).
const AGAIN: u32 = 2;
const CONFLICTS: u32 = 4;
/// The pause before the first of them; it doubles, and each is drawn from none to all of it.
const PAUSE: Nanos = 50 * MILLISECOND;

impl Simulation {
    /// A handler has made a call.
    pub(super) fn send(&mut self, turn: InvocationId, call: Rc<PortCall<RunState>>) {
        self.recorder.call(call.site.call);
        match &call.takes {
            Takes::Service { url, most } => {
                let most = most.as_nanos().max(0) as Nanos;
                let host = host_of(url);
                self.call_host(turn, &call, &host, most);
            }
            Takes::NoTime | Takes::Receive { .. } => {
                let server = self.through_server(call.site.call);
                let whole = self.draw(call.site.call);
                let there = (whole as f64 * self.random.random::<f64>()) as Nanos;
                let going = Going { turn, call, refused: 0, back: whole - there };
                self.agenda.add(self.now + server + there, Happening::Apply(going));
            }
        }
    }

    /// A call of a service outside: what comes of it is known when it begins.
    fn call_host(&mut self, turn: InvocationId, call: &Rc<PortCall<RunState>>, host: &str, most: Nanos) {
        let environment = &mut self.environments[turn.environment as usize];
        let (open, since, _) = &mut environment.outside;
        if *open == 0 {
            *since = self.now;
        }
        *open += 1;
        let name = SmolStr::new(host);
        let service =
            self.hosts.entry(name).or_insert_with(|| OutsideService::new(ServiceSettings::default()));
        let (answer, after) = service.call(self.now, most, &mut self.random);
        let state = self.world.state.get_mut();
        if let Some(timed) = &mut state.timed {
            timed.answer = Some(answer);
        }
        let (answer, _) = (call.effect)(state);
        let event = Happening::Answer { turn, call: call.id, answer, outside: true };
        self.agenda.add(self.now + after, event);
    }

    /// A call reaches its service.
    pub(super) fn apply(&mut self, going: Going) {
        self.tell_time();
        if let Takes::Receive { queue, wait } = &going.call.takes {
            let (queue, wait) = (*queue, *wait);
            if !wait.is_zero() && !self.has_message(queue) {
                return self.wait_for(queue, going, wait.as_nanos() as Nanos);
            }
        }
        self.make(going);
    }

    /// Lets a service make a call.
    pub(super) fn make(&mut self, mut going: Going) {
        let state = self.world.state.get_mut();
        let (mut answer, _) = (going.call.effect)(state);
        let verdict = state
            .timed
            .as_mut()
            .map_or(CapacityCheck::Made, |timed| std::mem::replace(&mut timed.verdict, CapacityCheck::Made));
        let most = match verdict {
            CapacityCheck::Made => 0,
            CapacityCheck::Throttled => AGAIN,
            CapacityCheck::Busy => CONFLICTS,
        };
        if verdict != CapacityCheck::Made {
            self.recorder.refused += 1;
        }
        if going.refused < most {
            let pause = (PAUSE << going.refused) as f64 * self.random.random::<f64>();
            going.refused += 1;
            return self.agenda.add(self.now + pause as Nanos, Happening::Apply(going));
        }
        if verdict == CapacityCheck::Busy && going.call.site.call == "table.transact" {
            answer = (going.call.conflicts)();
        }
        self.take_back(going, answer);
        self.look_around();
    }

    fn take_back(&mut self, going: Going, answer: CallAnswer) {
        let Going { turn, call, back, .. } = going;
        self.agenda.add(self.now + back, Happening::Answer { turn, call: call.id, answer, outside: false });
    }
}

/// The host of a URL.
fn host_of(url: &str) -> SmolStr {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', ':', '?']).unwrap_or(rest.len());
    SmolStr::new(&rest[..end])
}
