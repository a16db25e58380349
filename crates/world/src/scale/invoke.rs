//! Invocations: which environment takes one, what it does, and its end.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};

use jiff::SignedDuration;
use tenfold_ports::Context;

use super::agenda::Happening;
use super::function::{Environment, Event, InvocationOutcome, Purpose};
use super::ids::InvocationId;
use super::nanos::{MILLISECOND, Nanos, SECOND};
use super::simulation::Simulation;
use crate::aws::rates::Rate;
use crate::kernel::call::{CallAnswer, Mailbox};
use crate::run::env::Env;

/// In how many seconds Lambda lets as many environments of a function start as `lambda.scaling` says.
const SCALING: f64 = 10.0;

impl Simulation {
    /// Invokes a function. Gives the event back where Lambda refuses: too many at once.
    pub(super) fn invoke(
        &mut self,
        function: usize,
        event: Event,
        purpose: Purpose,
    ) -> Result<(), (Event, Purpose)> {
        if !self.may_run(function, matches!(purpose, Purpose::Event(_))) {
            self.functions[function].counts.refused += 1;
            return Err((event, purpose));
        }
        self.forget_idle(function);
        let (place, cold) = if let Some((place, _)) = self.functions[function].idle.pop_back() {
            (place, 0)
        } else if let Some(place) = self.start(function) {
            (place, self.draw("lambda.cold"))
        } else {
            self.functions[function].counts.refused += 1;
            return Err((event, purpose));
        };
        let after = self.through_server("lambda.warm") + self.draw("lambda.warm") + cold;
        let of = &mut self.functions[function];
        of.busy += 1;
        of.counts.invocations += 1;
        of.counts.cold += u64::from(cold > 0);
        of.counts.milliseconds += cold.div_ceil(MILLISECOND);
        of.counts.most_busy = of.counts.most_busy.max(of.busy);
        self.busy += 1;
        let environment = &mut self.environments[place as usize];
        environment.generation += 1;
        environment.event = Some(event);
        environment.purpose = Some(purpose);
        let invocation = InvocationId { environment: place, generation: environment.generation };
        self.agenda.add(self.now + after, Happening::Begin(invocation));
        Ok(())
    }

    /// Whether Lambda lets one more invocation of a function run. What a function has reserved is its own, and others share
    /// what is left.
    fn may_run(&mut self, function: usize, asynchronous: bool) -> bool {
        let now = self.clock();
        let (mut account, mut others) = (self.figures.most("lambda.concurrency"), self.busy);
        for (function, reserved) in self.functions.iter().filter_map(|f| Some((f, f.settings.reserved?))) {
            account -= f64::from(reserved);
            others -= function.busy;
        }
        let a_second = self.figures.most("lambda.requests_an_environment");
        let of = &mut self.functions[function];
        let (busy, most) = of.settings.reserved.map_or((others, account), |most| (of.busy, f64::from(most)));
        let rate = Rate { a_second: a_second * most, burst: a_second * most };
        f64::from(busy) < most && (asynchronous || of.requests.take(rate, 1.0, now))
    }

    /// Lets environments go that nobody has used for long.
    fn forget_idle(&mut self, function: usize) {
        let kept = (self.figures.most("lambda.idle") * SECOND as f64) as Nanos;
        let of = &mut self.functions[function];
        while let Some((place, since)) = of.idle.front().copied()
            && self.now - since > kept
        {
            of.idle.pop_front();
            of.kept -= 1;
            self.free.push(place);
        }
    }

    /// Starts an environment; none where Lambda starts no more yet.
    fn start(&mut self, function: usize) -> Option<u32> {
        let most = self.figures.most("lambda.scaling");
        let now = self.clock();
        let of = &mut self.functions[function];
        if !of.startable.take(Rate { a_second: most / SCALING, burst: most }, 1.0, now) {
            return None;
        }
        of.kept += 1;
        let mailbox = Rc::new(RefCell::new(Mailbox { remembers: false, ..Mailbox::default() }));
        mailbox.borrow_mut().now = now;
        let of = &self.functions[function];
        let env = Env::new(Rc::clone(&mailbox), self.started, of.settings.role, SignedDuration::ZERO);
        self.started += 1;
        let handle = (of.boot)(env);
        let new = |generation| Environment {
            function,
            generation,
            mailbox,
            handle,
            task: None,
            purpose: None,
            event: None,
            begun: 0,
            outside: (0, 0, 0),
        };
        if let Some(place) = self.free.pop() {
            let generation = self.environments[place as usize].generation;
            self.environments[place as usize] = new(generation);
            return Some(place);
        }
        self.environments.push(new(0));
        Some(self.environments.len() as u32 - 1)
    }

    /// The environment of an invocation; none where it has come to its end.
    fn under_way(&mut self, invocation: InvocationId) -> Option<&mut Environment> {
        let environment = &mut self.environments[invocation.environment as usize];
        (environment.generation == invocation.generation && environment.purpose.is_some())
            .then_some(environment)
    }

    /// Whether an invocation still waits for a call's answer.
    pub(super) fn is_awaited(&mut self, invocation: InvocationId, call: u32) -> bool {
        self.under_way(invocation).is_some_and(|environment| {
            environment.mailbox.borrow().calls.iter().any(|(made, _)| made.id == call)
        })
    }

    /// An environment takes up its invocation.
    pub(super) fn begin(&mut self, invocation: InvocationId) {
        let now = self.tell_time();
        let at = self.now;
        let function = self.environments[invocation.environment as usize].function;
        let timeout = self.functions[function].settings.timeout;
        let Some(environment) = self.under_way(invocation) else { return };
        let Some(event) = environment.event.take() else { return };
        environment.begun = at;
        environment.outside = (0, 0, 0);
        environment.mailbox.borrow_mut().now = now;
        let deadline = now + timeout;
        environment.task = Some((environment.handle)(event, Context::until(deadline)));
        let function = &mut self.functions[function];
        let ends = at + timeout.as_nanos() as Nanos;
        function.deadlines.push_back((ends, invocation));
        if !std::mem::replace(&mut function.watched, true) {
            let index = self.environments[invocation.environment as usize].function;
            self.agenda.add(ends, Happening::Timeout(index));
        }
        self.go_on(invocation);
    }

    /// A call's answer reaches its handler.
    pub(super) fn answer(&mut self, invocation: InvocationId, call: u32, answer: CallAnswer, outside: bool) {
        let now = self.clock();
        let at = self.now;
        let Some(environment) = self.under_way(invocation) else { return };
        if outside {
            let (open, since, before) = &mut environment.outside;
            *open = open.saturating_sub(1);
            if *open == 0 {
                *before += at - *since;
            }
        }
        {
            let mut mailbox = environment.mailbox.borrow_mut();
            // Given up meanwhile.
            let Some((_, waker)) = mailbox.calls.iter().find(|(made, _)| made.id == call) else { return };
            waker.wake_by_ref();
            mailbox.answers.push((call, answer));
            mailbox.now = now;
        }
        self.state().now = now;
        self.go_on(invocation);
    }

    /// Lets a handler go on: it makes calls, and perhaps comes to its end.
    fn go_on(&mut self, invocation: InvocationId) {
        let Some(environment) = self.under_way(invocation) else { return };
        let first = environment.mailbox.borrow().next;
        let Some(task) = &mut environment.task else { return };
        let ready = pin!(task).poll(&mut TaskContext::from_waker(Waker::noop()));
        let (calls, measured) = {
            let mut mailbox = environment.mailbox.borrow_mut();
            mailbox.reports.clear();
            let made = mailbox.calls.iter().filter(|(call, _)| call.id >= first);
            (made.map(|(call, _)| Rc::clone(call)).collect::<Vec<_>>(), std::mem::take(&mut mailbox.measured))
        };
        for call in calls {
            self.send(invocation, call);
        }
        for measured in measured {
            let sets = 1 + usize::from(!measured.dimensions.is_empty());
            measured.metrics.iter().for_each(|metric| self.take_in(metric.name, sets));
            self.recorder.take(&measured.metrics);
        }
        match ready {
            Poll::Pending => {}
            Poll::Ready(InvocationOutcome::Answered(response, after)) => {
                self.answer_early(invocation, response.status, after);
            }
            Poll::Ready(outcome) => self.end(invocation, Some(outcome)),
        }
    }

    /// A server that all share has work of what handlers measure, for which nobody waits: of each metric for each set of
    /// dimensions. As LocalStack does it here, what comes while it is at work on a metric it takes in together.
    fn take_in(&mut self, metric: &'static str, sets: usize) {
        if self.lanes.is_none() {
            return;
        }
        let now = self.now;
        let under_way = self.taken_in.entry(metric).or_default();
        under_way.retain(|done| *done > now);
        if under_way.len() < 2 {
            let ends = (0..sets).map(|_| self.through_server("metrics.put")).max().unwrap_or(0);
            self.taken_in.entry(metric).or_default().push(now + ends);
        }
    }

    /// The first of a function's invocations may be out of time.
    pub(super) fn time_out(&mut self, function: usize) {
        loop {
            let now = self.now;
            let Some((ends, invocation)) = self.functions[function].deadlines.front().copied() else {
                self.functions[function].watched = false;
                return;
            };
            let over = self.under_way(invocation).is_none();
            if !over && ends > now {
                return self.agenda.add(ends, Happening::Timeout(function));
            }
            self.functions[function].deadlines.pop_front();
            if !over {
                self.functions[function].counts.timed_out += 1;
                self.end(invocation, None);
            }
        }
    }

    /// An invocation comes to its end; without an outcome its environment is gone with it.
    fn end(&mut self, invocation: InvocationId, outcome: Option<InvocationOutcome>) {
        let now = self.now;
        let Some(environment) = self.under_way(invocation) else { return };
        let Some(purpose) = environment.purpose.take() else { return };
        environment.task = None;
        let (open, since, before) = environment.outside;
        let called = before + if open > 0 { now - since } else { 0 };
        let (function, took) = (environment.function, now - environment.begun);
        let of = &mut self.functions[function];
        of.busy -= 1;
        self.busy -= 1;
        of.counts.milliseconds += took.div_ceil(MILLISECOND).max(1);
        if outcome.is_some() {
            of.idle.push_back((invocation.environment, now));
        } else {
            of.kept -= 1;
            self.free.push(invocation.environment);
        }
        self.finished(purpose, outcome, took, called);
    }

    /// A request is answered, and its function goes on.
    fn answer_early(
        &mut self,
        invocation: InvocationId,
        status: u16,
        after: Pin<Box<dyn Future<Output = ()>>>,
    ) {
        let now = self.now;
        let Some(environment) = self.under_way(invocation) else { return };
        let (open, since, before) = environment.outside;
        let called = before + if open > 0 { now - since } else { 0 };
        let took = now - environment.begun;
        environment.task = Some(Box::pin(async move {
            after.await;
            InvocationOutcome::Done(true)
        }));
        let arrived = match environment.purpose.replace(Purpose::Answered) {
            Some(Purpose::Request { arrived }) => arrived,
            other => {
                environment.purpose = other;
                return;
            }
        };
        self.answered(arrived, status, took.saturating_sub(called));
        self.go_on(invocation);
    }

    /// Tells who has invoked a function what came of it.
    fn finished(&mut self, purpose: Purpose, outcome: Option<InvocationOutcome>, took: Nanos, called: Nanos) {
        match purpose {
            Purpose::Request { arrived } => {
                let status = match outcome {
                    Some(InvocationOutcome::Response(response)) => response.status,
                    _ => 502,
                };
                self.answered(arrived, status, took.saturating_sub(called));
            }
            Purpose::Answered => {}
            Purpose::Messages(batch) => {
                let failed = match outcome {
                    Some(InvocationOutcome::Batch(failed)) => failed,
                    _ => None,
                };
                self.messages_done(&batch, failed.as_deref());
            }
            Purpose::Records { source, batch } => {
                let failed = match outcome {
                    Some(InvocationOutcome::Batch(failed)) => failed,
                    _ => None,
                };
                self.records_done(source, &batch, failed);
            }
            Purpose::Event(event) => {
                self.event_done(event, matches!(outcome, Some(InvocationOutcome::Done(true))));
            }
            Purpose::Task(task) => {
                let answer = match outcome {
                    Some(InvocationOutcome::Task(answer)) => answer,
                    _ => Err(crate::flow::TaskError::new("Sandbox.Timedout", "the function's time was up")),
                };
                self.task_done(task, answer);
            }
        }
    }
}
