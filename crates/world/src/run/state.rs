//! All there is in a run: what handlers' calls act upon, and how far each handler is.
//!
//! A state is cheap to copy, so that a search can go back to it, and has a fingerprint, so that a search sees
//! where it has been. Not here: choosing what happens next.

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use tenfold_ports::CallError;
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::queue::Rejected;

use super::actor::{ActorState, Stage, Waiting};
use super::limits::{Limits, Order};
use super::machine::Machines;
use super::source::EventSource;
use super::timed::Timed;
use crate::aws::downstream::DownstreamService;
use crate::aws::queue::Messages;
use crate::aws::services::Services;
use crate::aws::table::Items;
use crate::kernel::actor::{Actor, NOBODY};
use crate::kernel::call::{CallAnswer, PortCall, Takes};
use crate::kernel::choice::Choices;
use crate::kernel::fault::CallFault;
use crate::kernel::fingerprint::fingerprint;
use crate::kernel::memory::NodeId;
use crate::kernel::report::Report;
use crate::kernel::shared::Shared;
use crate::kernel::site::Site;
use crate::kernel::trace::TraceEvent;
use crate::kernel::trail::Trail;

/// What happened in a run so far.
#[derive(Clone)]
pub(crate) struct RunState {
    pub now: Timestamp,
    pub choices: Choices,
    pub limits: Limits,
    pub faults_left: usize,
    pub switches_left: usize,
    pub quiescent: bool,
    pub last: Option<Actor>,
    /// Whether the batch that is being sent loses its last entry.
    pub rejects: bool,
    pub actors: Shared<Vec<ActorState<Self>>>,
    pub sources: Shared<Vec<EventSource<Self>>>,
    pub machines: Shared<Vec<Machines<Self>>>,
    /// In the order of actors and calls.
    pub waiting: Shared<Vec<Waiting<Self>>>,
    pub table: Items,
    pub queues: Shared<Vec<Messages>>,
    pub service: Shared<DownstreamService>,
    pub services: Shared<Services>,
    pub calls: Trail<(Site, Option<CallFault>)>,
    pub reports: Trail<Report>,
    pub trace: Option<Vec<TraceEvent>>,
    /// How long invocations of a function may take, where runs go by time.
    pub time_limits: Shared<Vec<(&'static str, SignedDuration)>>,
    /// What there is besides where time matters.
    pub timed: Option<Box<Timed>>,
}

/// When every run begins.
fn begin() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl RunState {
    pub fn new(choices: Choices, limits: Limits, traced: bool) -> Self {
        Self {
            now: begin(),
            choices,
            limits,
            faults_left: limits.faults,
            switches_left: if let Order::Interrupted(most) = limits.order { most } else { usize::MAX },
            quiescent: false,
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
            time_limits: Shared::default(),
            timed: None,
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
    pub fn fingerprint(&self) -> u64 {
        let waiting = |w: &Waiting<Self>| {
            (w.actor, w.made_by, w.call.id, w.not_before, w.answer.as_ref().map(|answer| answer.fingerprint))
        };
        let waiting: Vec<_> = self.waiting.iter().map(waiting).collect();
        // Who ran last matters only where interruptions are counted.
        let counted = matches!(self.limits.order, Order::Interrupted(_));
        let order = counted.then_some((self.switches_left, self.last));
        fingerprint(&(self.settled(), self.faults_left, order, &self.actors, waiting))
    }

    /// Stands for the outcome, once nobody runs any more.
    pub fn settled(&self) -> u64 {
        let reports = self.reports.fingerprint();
        let of_services = (&self.queues, &self.service, &self.services, &self.machines);
        fingerprint(&(
            self.now,
            self.table.fingerprint(),
            &self.table.stream,
            of_services,
            reports,
            self.quiescent,
        ))
    }

    /// Adds calls that a handler has made.
    pub fn waits_for(&mut self, actor: Actor, made_by: NodeId, calls: &[Rc<PortCall<Self>>]) {
        if self.limits.order == Order::Timed {
            return calls.iter().for_each(|call| self.goes_out(actor, made_by, call));
        }
        for call in calls {
            let takes = match &call.takes {
                Takes::NoTime | Takes::Receive { .. } => SignedDuration::ZERO,
                Takes::Service { most, .. } => self.service.latency.min(*most),
            };
            let not_before = self.now + takes;
            self.wait(Waiting {
                actor,
                made_by,
                call: Rc::clone(call),
                not_before,
                until: not_before,
                answer: None,
            });
        }
    }

    /// Adds a call that waits for its turn.
    pub fn wait(&mut self, waiting: Waiting<Self>) {
        let is_service = waiting.call.takes.is_service();
        let all = &mut self.waiting;
        let at = all.partition_point(|w| (w.actor, w.call.id) < (waiting.actor, waiting.call.id));
        all.insert(at, waiting);
        if is_service {
            let on_their_way = all.iter().filter(|w| w.call.takes.is_service()).count();
            let service = &mut self.service;
            service.most_in_flight = service.most_in_flight.max(on_their_way as u32);
        }
    }

    /// Takes back calls that are not waited for any more.
    pub fn withdraw(&mut self, gone: impl Fn(&Waiting<Self>) -> bool) {
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
            trace.push(TraceEvent { at: self.now, actor, site, fault: None, what: report.show() });
        }
    }

    /// Lets alarms take in what a handler recorded.
    pub fn measure(&mut self, dimensions: &[Dimension], metrics: &[Metric], at: Timestamp) {
        if self.services.alarms.is_empty() {
            return;
        }
        self.services.alarms.iter_mut().for_each(|alarm| alarm.record(dimensions, metrics, at));
    }

    /// Chooses what goes wrong with a call, if anything.
    pub fn fault(&mut self, site: Site) -> Option<CallFault> {
        if self.faults_left == 0 || self.quiescent {
            return None;
        }
        let faults = CallFault::of(site);
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
    pub fn make(&mut self, waiting: &Waiting<Self>, fault: Option<CallFault>) -> Option<CallAnswer> {
        let call = &waiting.call;
        let mut what = String::new();
        let mut apply = |state: &mut Self| {
            let (answer, text) = (call.effect)(state);
            what = text;
            answer
        };
        let answer = match fault {
            None => Some(apply(self)),
            Some(CallFault::CrashBefore) => None,
            Some(CallFault::AppliedLate) => {
                self.waiting.push(Waiting { actor: NOBODY, ..waiting.clone() });
                None
            }
            Some(CallFault::CrashAfter) => {
                apply(self);
                None
            }
            Some(CallFault::AnswerLost) => {
                apply(self);
                Some((call.fails)(CallError::Unknown))
            }
            Some(CallFault::Throttled) => Some((call.fails)(CallError::Throttled)),
            Some(CallFault::Unavailable) => Some((call.fails)(CallError::Unavailable)),
            Some(CallFault::Rejected) => {
                self.rejects = true;
                Some(apply(self))
            }
            Some(CallFault::Conflict) => Some((call.conflicts)()),
            Some(CallFault::Twice) => {
                apply(self);
                Some(apply(self))
            }
        };
        self.calls.push((call.site, fault));
        if let Some(trace) = &mut self.trace {
            trace.push(TraceEvent { at: self.now, actor: waiting.actor, site: call.site, fault, what });
        }
        answer
    }
}

/// What an event of the trace says, made up only where somebody will read it.
pub(crate) fn detail(state: &RunState, what: impl FnOnce() -> String) -> String {
    if state.trace.is_some() { what() } else { String::new() }
}
