//! State machines: the very definitions that ship, with the time that Step Functions takes.

use std::rc::Rc;

use rand::RngExt;
use serde_json::Value as Json;
use smol_str::SmolStr;

use super::agenda::{Happening, Nanos, PendingTask, SECOND, TaskOf};
use super::function::{Event, Purpose};
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
            self.flows.next += 1;
            let number = self.flows.next;
            let numbers = &mut self.flows.numbers;
            if numbers.len() <= machine {
                numbers.resize_with(machine + 1, Vec::new);
            }
            if numbers[machine].len() <= place {
                numbers[machine].resize(place + 1, 0);
            }
            numbers[machine][place] = number;
            self.flows.started += 1;
            let after = self.through_server("flow.transition") + self.draw("flow.transition");
            self.agenda.add(self.now + after, Happening::Go { machine, place, number });
        }
    }

    /// An execution goes on as far as it can.
    pub(super) fn go(&mut self, machine: usize, place: usize, number: u64) {
        if self.flows.numbers[machine][place] != number {
            return;
        }
        loop {
            let now = self.tell_time();
            let random = &mut self.random;
            let running = &mut self.world.state.get_mut().machines[machine].all[place];
            let before = running.execution.transitions();
            let step = running.execution.next(now, &mut || random.random::<f64>());
            running.execution.take_events();
            let transitions = running.execution.transitions() - before;
            self.flows.paid += u64::from(transitions);
            let wait = self.transitions(transitions);
            match step {
                ExecutionStep::Ended(outcome) => {
                    self.flows.numbers[machine][place] = 0;
                    self.flows.ended += 1;
                    self.flows.failed += u64::from(!matches!(outcome, ExecutionOutcome::Succeeded(_)));
                    self.state().machines[machine].forget(place);
                    return;
                }
                ExecutionStep::Wait(until) => {
                    let at = self.nanos(until);
                    return self.agenda.add(at, Happening::Go { machine, place, number });
                }
                ExecutionStep::Invoke { task, resource, input, .. } => {
                    let task = TaskOf { machine, place, number, task };
                    let each: Nanos = (0..transitions).map(|_| self.draw("flow.transition")).sum();
                    let server = self.through_server("flow.task");
                    let after = wait + each + server + self.draw("flow.task") / 2;
                    let pending = PendingTask { task, resource, input: input.into_value() };
                    self.agenda.add(self.now + after, Happening::Task(Box::new(pending)));
                }
            }
        }
    }

    /// How long so many transitions wait where there are too many.
    fn transitions(&mut self, transitions: u32) -> Nanos {
        let most = self.figures.most("flow.transitions");
        let (used, second) = &mut self.flows.transitions;
        let now = self.now / SECOND;
        if *second < now {
            *used = (*used - most * (now - *second) as f64).max(0.0);
            *second = now;
        }
        *used += f64::from(transitions);
        if *used <= most { 0 } else { ((*used - most) / most * SECOND as f64) as Nanos }
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
                let callees = Rc::clone(&state.machines[task.machine].callees);
                let of = TaskRef { machine: task.machine, execution: task.place, task: task.task };
                let answer = state.send_of_task(&callees, of, &input);
                self.recorder.call("queue.send");
                self.look_around();
                answer
            }
            other => Err(TaskError::new("States.Runtime", format!("the world does not carry out {other:?}"))),
        };
        self.task_done(task, answer);
    }

    pub(super) fn task_done(&mut self, task: TaskOf, answer: Result<Json, TaskError>) {
        let after = self.draw("flow.task") / 2;
        self.agenda.add(self.now + after, Happening::Resume(task, Box::new(answer)));
    }

    /// A task's answer reaches its execution.
    pub(super) fn resume(&mut self, task: TaskOf, answer: Result<Json, TaskError>) {
        let TaskOf { machine, place, number, task } = task;
        if self.flows.numbers[machine][place] != number {
            return;
        }
        let now = self.tell_time();
        let running = &mut self.state().machines[machine].all[place];
        running.execution.resume(task, answer, now);
        self.go(machine, place, number);
    }
}
