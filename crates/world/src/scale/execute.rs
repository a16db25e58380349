//! State machines: the very definitions that ship, with the time that Step Functions takes.

use std::rc::Rc;

use rand::RngExt;
use serde_json::Value as Json;
use smol_str::SmolStr;

use super::agenda::{Happening, PendingTask};
use super::function::{Event, Purpose};
use super::ids::{ExecutionId, TaskOf};
use super::nanos::{Nanos, SECOND};
use super::simulation::{FunctionId, Simulation};
use crate::flow::{ExecutionOutcome, ExecutionStep, Resource, TaskError};
use crate::run::machine::TaskRef;

impl Simulation {
    /// What the tasks with this ARN call.
    pub fn task(&mut self, arn: &str, function: FunctionId) {
        self.tasks_of.insert(SmolStr::new(arn), function.0);
    }

    /// Lets executions begin that were started just now.
    pub(super) fn begin_executions(&mut self) {
        let Some(timed) = &mut self.world.state.get_mut().timed else { return };
        if timed.started.is_empty() {
            return;
        }
        for (machine, place) in std::mem::take(&mut timed.started) {
            let run = self.flows.begin(machine, place);
            self.enter(run);
        }
    }

    /// An execution goes on, once the account's transitions have been paid off that are too many: its next state begins
    /// then, and so do its time-outs.
    fn enter(&mut self, run: ExecutionId) {
        let (rate, now) = (self.figures.transitions(), self.clock());
        let waits = self.flows.transitions.owe(rate, 0.0, now);
        let admitted = self.flows.is_admitted(run);
        if waits > 0.0 && !admitted {
            return self.flows.admit_at(run, self.now + (waits * SECOND as f64) as Nanos);
        }
        self.go(run);
    }

    /// Executions go on whose time it is.
    pub(super) fn wake(&mut self) {
        while let Some(run) = self.flows.next_due(self.now) {
            self.enter(run);
        }
    }

    /// An execution goes on as far as it can.
    fn go(&mut self, run: ExecutionId) {
        let ExecutionId { machine, place, .. } = run;
        let mut late = 0;
        loop {
            let now = self.tell_time();
            let random = &mut self.random;
            let running = &mut self.world.state.get_mut().machines[machine].all[place];
            let before = running.execution.transitions();
            let step = running.execution.next(now, &mut || random.random::<f64>());
            running.execution.take_events();
            let transitions = running.execution.transitions() - before;
            // Those of one step take their time one after the other, and branches beside each other.
            let takes = self.transitions(transitions);
            late = late.max(takes);
            match step {
                // It says so again when its last states have taken their time.
                ExecutionStep::Ended(_) if late > 0 => return self.flows.wake_at(run, Some(self.now + late)),
                ExecutionStep::Ended(outcome) => {
                    self.flows.end(run);
                    self.flows.failed += u64::from(!matches!(outcome, ExecutionOutcome::Succeeded(_)));
                    return self.state().machines[machine].forget(place, now);
                }
                ExecutionStep::Wait(until) => {
                    let at = self.nanos(until);
                    return self.flows.wake_at(run, Some(at.max(self.now + late)));
                }
                ExecutionStep::Invoke { task, resource, input, .. } => {
                    let after = takes + self.way_of_task(&resource);
                    let task = TaskOf { run, task };
                    let pending = PendingTask { task, resource, input: input.into_value() };
                    self.agenda.add(self.now + after, Happening::Task(Box::new(pending)));
                }
            }
        }
    }

    /// How long so many transitions take.
    fn transitions(&mut self, transitions: u32) -> Nanos {
        if transitions == 0 {
            return 0;
        }
        self.flows.paid += u64::from(transitions);
        let (rate, now) = (self.figures.transitions(), self.clock());
        self.flows.transitions.owe(rate, f64::from(transitions), now);
        (0..transitions).map(|_| self.through_server("flow.transition") + self.draw("flow.transition")).sum()
    }

    /// How long a task is on its way, in one direction.
    fn way_of_task(&mut self, resource: &Resource) -> Nanos {
        let name = if *resource == Resource::SendMessage { "flow.send" } else { "flow.task" };
        self.through_server(name) + self.draw(name) / 2
    }

    /// A task reaches what it calls.
    pub(super) fn begin_task(&mut self, pending: PendingTask) {
        let PendingTask { task, resource, input } = pending;
        self.tell_time();
        let answer = match &resource {
            Resource::Function(arn) => match self.tasks_of.get(arn.as_str()) {
                Some(function) => match self.invoke(*function, Event::Task(input), Purpose::Task(task)) {
                    Ok(()) => return,
                    Err(_) => Err(TaskError::new("Lambda.TooManyRequestsException", "too many at once")),
                },
                None => Err(TaskError::new("Lambda.ResourceNotFoundException", arn.to_string())),
            },
            Resource::SendMessage => {
                let state = self.world.state.get_mut();
                let callees = Rc::clone(&state.machines[task.run.machine].callees);
                let of = TaskRef { machine: task.run.machine, execution: task.run.place, task: task.task };
                let answer = state.send_of_task(&callees, of, &input);
                self.recorder.call("queue.send");
                self.look_around();
                answer
            }
            other => Err(TaskError::new("States.Runtime", format!("the world does not carry out {other:?}"))),
        };
        let back = self.way_of_task(&resource);
        self.answer_task(task, answer, back);
    }

    /// A task's function has answered.
    pub(super) fn task_done(&mut self, task: TaskOf, answer: Result<Json, TaskError>) {
        let back = self.draw("flow.task") / 2;
        self.answer_task(task, answer, back);
    }

    fn answer_task(&mut self, task: TaskOf, answer: Result<Json, TaskError>, after: Nanos) {
        self.agenda.add(self.now + after, Happening::Resume(task, Box::new(answer)));
    }

    /// A task's answer reaches its execution.
    pub(super) fn resume(&mut self, TaskOf { run, task }: TaskOf, answer: Result<Json, TaskError>) {
        if !self.flows.has(run) {
            return;
        }
        let now = self.tell_time();
        let running = &mut self.state().machines[run.machine].all[run.place];
        running.execution.resume(task, answer, now);
        self.flows.wake_at(run, None);
        self.enter(run);
    }
}
