//! All there is in a run: what handlers' calls act upon, and how far each handler is.
//!
//! A state is cheap to copy, so that a search can go back to it, and has a print, so that a search sees where it
//! has been. Not here: choosing what happens next.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;

use tenfold_ports::CallError;
use tenfold_ports::queue::Rejected;

use crate::choice::Choices;
use crate::downstream::Service;
use crate::executor::Actor;
use crate::fault::Fault;
use crate::machines::Machines;
use crate::memory::{Answer, Call, NodeId, Report, Takes, print};
use crate::queue::Messages;
use crate::services::Services;
use crate::shared::Shared;
use crate::sources::{Begin, Job, Source};
use crate::table::Items;
use crate::trace::{Event, Site};
use crate::trail::Trail;

/// In which orders the calls of invocations that run at once are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In every order of the invocations; each makes its own calls in the order in which it began them.
    Invocations,
    /// An invocation is interrupted at most so often although it could go on: by another, or by a call of its
    /// own that it began later.
    Interrupted(usize),
    /// In every order of the calls.
    Calls,
}

/// What a run may do beyond letting all go well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many calls may go wrong.
    pub faults: usize,
    /// Who may go on before whom.
    pub order: Order,
    /// Whether eventual reads may be stale.
    pub stale_reads: bool,
}

/// How far a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Waits,
    Runs,
    Over,
}

/// An invocation, and how far it is.
#[derive(Clone)]
pub(crate) struct ActorState {
    /// What came to it.
    pub node: NodeId,
    pub stage: Stage,
    pub asked: Rc<Asked>,
}

/// What an invocation is to do.
pub(crate) struct Asked {
    /// When it may begin.
    pub start: Timestamp,
    pub begin: Begin,
    /// What it works on for a source, and what stands for that; none for one that the run has begun itself.
    pub job: Option<(Job, u64)>,
}

impl Hash for ActorState {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let job = self.asked.job.as_ref().filter(|_| self.stage != Stage::Over).map(|(_, print)| print);
        (self.node, self.stage, job).hash(state);
        if self.stage == Stage::Waits {
            self.asked.start.hash(state);
        }
    }
}

/// Who waits for a call that outlives its invocation.
pub(crate) const NOBODY: Actor = Actor::MAX;

/// A call that waits for its turn.
#[derive(Clone)]
pub(crate) struct Waiting {
    /// Whose it is; [`NOBODY`]'s when who made it has died since.
    pub actor: Actor,
    /// What its handler was when it made the call.
    pub made_by: NodeId,
    pub call: Rc<Call>,
    pub not_before: Timestamp,
}

/// What happened in a run so far.
#[derive(Clone)]
pub(crate) struct State {
    pub now: Timestamp,
    pub choices: Choices,
    pub limits: Limits,
    pub faults_left: usize,
    pub switches_left: usize,
    pub calm: bool,
    pub last: Option<Actor>,
    /// Whether the batch that is being sent loses its last entry.
    pub rejects: bool,
    pub actors: Shared<Vec<ActorState>>,
    pub sources: Shared<Vec<Source>>,
    pub machines: Shared<Vec<Machines>>,
    /// In the order of actors and calls.
    pub waiting: Shared<Vec<Waiting>>,
    pub table: Items,
    pub queues: Shared<Vec<Messages>>,
    pub service: Shared<Service>,
    pub services: Shared<Services>,
    pub calls: Trail<(Site, Option<Fault>)>,
    pub reports: Trail<Report>,
    pub trace: Option<Vec<Event>>,
}

/// When every run begins.
fn begin() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl State {
    pub fn new(choices: Choices, limits: Limits, traced: bool) -> Self {
        Self {
            now: begin(),
            choices,
            limits,
            faults_left: limits.faults,
            switches_left: if let Order::Interrupted(most) = limits.order { most } else { usize::MAX },
            calm: false,
            last: None,
            rejects: false,
            actors: Shared::default(),
            sources: Shared::default(),
            machines: Shared::default(),
            waiting: Shared::default(),
            table: Items::default(),
            queues: Shared::default(),
            service: Shared::default(),
            services: Shared::default(),
            calls: Trail::default(),
            reports: Trail::default(),
            trace: traced.then(Vec::new),
        }
    }

    /// A copy to come back to: all but the choices.
    pub fn snapshot(&mut self) -> Self {
        let choices = std::mem::take(&mut self.choices);
        let copy = self.clone();
        self.choices = choices;
        copy
    }

    /// Stands for everything that what follows can depend on.
    pub fn print(&self) -> u64 {
        let waiting = |w: &Waiting| (w.actor, w.made_by, w.call.id, w.not_before);
        let waiting: Vec<_> = self.waiting.iter().map(waiting).collect();
        // Who ran last matters only where interruptions are counted.
        let counted = matches!(self.limits.order, Order::Interrupted(_));
        let order = counted.then_some((self.switches_left, self.last));
        print(&(self.settled(), self.faults_left, order, &self.actors, waiting))
    }

    /// Stands for the outcome, once nobody runs any more.
    pub fn settled(&self) -> u64 {
        let reports = self.reports.print();
        let of_services = (&self.queues, &self.service, &self.services, &self.machines);
        print(&(self.now, self.table.print(), &self.table.stream, of_services, reports, self.calm))
    }

    /// Adds calls that a handler has made.
    pub fn waits_for(&mut self, actor: Actor, made_by: NodeId, calls: &[Rc<Call>]) {
        for call in calls {
            let takes = match call.takes {
                Takes::NoTime => jiff::SignedDuration::ZERO,
                Takes::Service(most) => self.service.latency.min(most),
            };
            let waiting = Waiting { actor, made_by, call: Rc::clone(call), not_before: self.now + takes };
            let all = &mut self.waiting;
            let at = all.partition_point(|w| (w.actor, w.call.id) < (actor, call.id));
            all.insert(at, waiting);
            if call.takes != Takes::NoTime {
                let on_their_way = all.iter().filter(|w| w.call.takes != Takes::NoTime).count();
                let service = &mut self.service;
                service.most_in_flight = service.most_in_flight.max(on_their_way as u32);
            }
        }
    }

    /// Takes back calls that are not waited for any more.
    pub fn withdraw(&mut self, gone: impl Fn(&Waiting) -> bool) {
        if self.waiting.iter().any(&gone) {
            self.waiting.retain(|w| !gone(w));
        }
    }

    pub fn goes_to(&mut self, actor: Actor, node: NodeId, stage: Stage) {
        let actor = &mut self.actors[actor];
        (actor.node, actor.stage) = (node, stage);
    }

    /// Keeps what a handler reports.
    pub fn report(&mut self, actor: Actor, report: &Report) {
        self.reports.push(Rc::clone(report));
        if let Some(trace) = &mut self.trace {
            let site = Site { role: "", call: "reports", about: "" };
            trace.push(Event { at: self.now, actor, site, fault: None, what: report.show() });
        }
    }

    /// Chooses what goes wrong with a call, if anything.
    pub fn fault(&mut self, site: Site) -> Option<Fault> {
        if self.faults_left == 0 || self.calm {
            return None;
        }
        let faults = Fault::of(site);
        let fault = match self.choices.pick_rarely(1 + faults.len(), 8) {
            0 => None,
            n => Some(faults[n - 1]),
        };
        self.faults_left -= usize::from(fault.is_some());
        fault
    }

    /// Sends a batch: whole, or all but the last entry, which is rejected for itself.
    pub fn sends<T>(
        &mut self,
        all: &[T],
        send: impl FnOnce(&mut Self, &[T]) -> Result<Rejected, CallError>,
    ) -> Result<Rejected, CallError> {
        let rejects = std::mem::take(&mut self.rejects);
        let Some((_, taken)) = all.split_last().filter(|_| rejects) else { return send(self, all) };
        let mut rejected = if taken.is_empty() { Rejected::new() } else { send(self, taken)? };
        rejected.push(taken.len());
        Ok(rejected)
    }

    /// Makes a call whose turn has come. No answer when the handler is dead then.
    pub fn make(&mut self, waiting: &Waiting, fault: Option<Fault>) -> Option<Answer> {
        let call = &waiting.call;
        let mut what = String::new();
        let mut apply = |state: &mut Self| {
            let (answer, text) = (call.effect)(state);
            what = text;
            answer
        };
        let answer = match fault {
            None => Some(apply(self)),
            Some(Fault::CrashBefore) => None,
            Some(Fault::AppliedLate) => {
                self.waiting.push(Waiting { actor: NOBODY, ..waiting.clone() });
                None
            }
            Some(Fault::CrashAfter) => {
                apply(self);
                None
            }
            Some(Fault::AnswerLost) => {
                apply(self);
                Some((call.fails)(CallError::Unknown))
            }
            Some(Fault::Throttled) => Some((call.fails)(CallError::Throttled)),
            Some(Fault::Unavailable) => Some((call.fails)(CallError::Unavailable)),
            Some(Fault::Rejected) => {
                self.rejects = true;
                Some(apply(self))
            }
            Some(Fault::Conflict) => Some((call.conflicts)()),
            Some(Fault::Twice) => {
                apply(self);
                Some(apply(self))
            }
        };
        self.calls.push((call.site, fault));
        if let Some(trace) = &mut self.trace {
            trace.push(Event { at: self.now, actor: waiting.actor, site: call.site, fault, what });
        }
        answer
    }
}
