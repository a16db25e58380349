//! Calls on their way: to a service, what it makes of them, and back.

use std::rc::Rc;

use rand::RngExt;
use smol_str::SmolStr;

use super::agenda::{Going, Happening};
use super::host::{OutsideService, ServiceSettings};
use super::ids::InvocationId;
use super::nanos::{MILLISECOND, Nanos};
use super::simulation::Simulation;
use crate::aws::capacity::CapacityCheck;
use crate::kernel::call::{CallAnswer, PortCall, Takes};
use crate::run::state::RunState;

/// How often a call is made again, and the pause before the first of these; it doubles, and each is drawn from none to
/// all of it.
#[derive(Debug, Clone, Copy)]
struct Again {
    times: u32,
    pause: Nanos,
}

/// The SDK, of what was throttled (`tenfold-aws`, `client.rs`).
const BY_SDK: Again = Again { times: 2, pause: 100 * MILLISECOND };
/// The adapter, of a transaction that met another one (`tenfold-aws`, `table/write.rs`).
const BY_ADAPTER: Again = Again { times: 4, pause: 50 * MILLISECOND };
const NEVER: Again = Again { times: 0, pause: 0 };

impl Simulation {
    /// A handler has made a call.
    pub(super) fn send(&mut self, invocation: InvocationId, call: Rc<PortCall<RunState>>) {
        if let Takes::Service { url, most } = &call.takes {
            self.recorder.call(call.site.call);
            let most = most.as_nanos().max(0) as Nanos;
            let host = host_of(url);
            self.call_host(invocation, &call, &host, most);
        } else {
            self.set_out(Going { invocation, call, again: 0, back: 0, until: None });
        }
    }

    /// A call sets out for its service, for the first time or again.
    pub(super) fn set_out(&mut self, mut going: Going) {
        let call = going.call.site.call;
        self.recorder.call(call);
        let server = self.through_server(call);
        let whole = if let Some(latency) = self.figures.latency(call) {
            latency.time.draw(&mut self.random)
        } else {
            self.recorder.unknown.insert(call);
            0
        };
        let there = (whole as f64 * self.random.random::<f64>()) as Nanos;
        going.back = whole - there;
        self.agenda.add(self.now + server + there, Happening::Apply(going));
    }

    /// A call of a service outside: what comes of it is known when it begins.
    fn call_host(
        &mut self,
        invocation: InvocationId,
        call: &Rc<PortCall<RunState>>,
        host: &str,
        most: Nanos,
    ) {
        let environment = &mut self.environments[invocation.environment as usize];
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
        let event = Happening::Answer { invocation, call: call.id, answer, outside: true };
        self.agenda.add(self.now + after, event);
    }

    /// A call reaches its service.
    pub(super) fn apply(&mut self, mut going: Going) {
        self.tell_time();
        if let Takes::Receive { queue, wait } = &going.call.takes {
            let (queue, wait) = (*queue, *wait);
            let until = *going.until.get_or_insert(self.now + wait.as_nanos() as Nanos);
            self.queues.entry(queue).or_default();
            if !self.has_message(queue) && self.now < until {
                return self.wait_for(queue, going, until);
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
        if verdict != CapacityCheck::Made {
            self.recorder.refused += 1;
            let again = who_makes_again(verdict, going.call.site.call);
            if going.again < again.times && self.is_awaited(going.invocation, going.call.id) {
                let pause = ((again.pause << going.again) as f64 * self.random.random::<f64>()) as Nanos;
                going.again += 1;
                return self.agenda.add(self.now + going.back + pause, Happening::Again(going));
            }
            if verdict == CapacityCheck::Busy && going.call.site.call == "table.transact" {
                answer = (going.call.conflicts)();
            }
        }
        self.take_back(going, answer);
        self.look_around();
    }

    fn take_back(&mut self, going: Going, answer: CallAnswer) {
        let Going { invocation, call, back, .. } = going;
        self.agenda
            .add(self.now + back, Happening::Answer { invocation, call: call.id, answer, outside: false });
    }
}

/// Who makes a call again that a service has not let through. A cancelled transaction is no throttled call to the SDK,
/// and a write that meets a transaction neither.
fn who_makes_again(verdict: CapacityCheck, call: &str) -> Again {
    match (verdict, call) {
        (CapacityCheck::Busy, "table.transact") => BY_ADAPTER,
        (CapacityCheck::Throttled, call) if call != "table.transact" => BY_SDK,
        _ => NEVER,
    }
}

/// The host of a URL.
fn host_of(url: &str) -> SmolStr {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['/', ':', '?']).unwrap_or(rest.len());
    SmolStr::new(&rest[..end])
}
