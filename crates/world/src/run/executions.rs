//! Executions that go on: the very definitions that ship, interpreted by [`crate::flow`].
//!
//! Executions are Step Functions' own and never die. Their tasks are invocations like all others; the calls
//! that Step Functions makes itself (`sqs:sendMessage`) can fail like a handler's.

use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value as Json;
use tenfold_ports::Bytes;

use super::machine::{Callees, TaskRef};
use super::source::SourceJob;
use super::state::RunState;
use crate::aws::queue::Posted;
use crate::flow::{ExecutionStep, Resource, TaskError};
use crate::kernel::choice;
use crate::kernel::fault::CallFault;
use crate::kernel::fingerprint::fingerprint;
use crate::kernel::memory::Histories;
use crate::kernel::site::Site;
use crate::kernel::trace::TraceEvent;

impl RunState {
    /// When executions go on by themselves.
    pub fn machines_due(&self) -> impl Iterator<Item = Timestamp> {
        self.machines.iter().flat_map(|machines| machines.all.iter().filter_map(|running| running.wakes))
    }

    /// Lets all executions go on that can.
    pub fn run_machines(&mut self, memory: &mut Histories<Self>) {
        for machine in 0..self.machines.len() {
            for execution in 0..self.machines[machine].all.len() {
                if self.machines[machine].all[execution].wakes.is_some_and(|at| at <= self.now) {
                    self.go_on(memory, machine, execution);
                }
            }
        }
    }

    fn go_on(&mut self, memory: &mut Histories<Self>, machine: usize, execution: usize) {
        loop {
            let now = self.now;
            let running = &mut self.machines[machine].all[execution];
            // Jitter is chance; what it is drawn from is the execution and how far it is.
            let mut seed = fingerprint(&(running.execution.name(), running.execution.transitions()));
            let mut chance = || (choice::next(&mut seed) >> 11) as f64 / (1_u64 << 53) as f64;
            let step = running.execution.next(now, &mut chance);
            let events = running.execution.take_events();
            if let Some(trace) = &mut self.trace {
                let site = Site { role: "step functions", call: "execution", about: "" };
                let tell = |what: String| TraceEvent { at: now, actor: execution, site, fault: None, what };
                trace.extend(events.iter().map(|event| tell(event.to_string())));
            }
            let running = &mut self.machines[machine].all[execution];
            match step {
                ExecutionStep::Ended(_) => return running.wakes = None,
                ExecutionStep::Wait(until) => return running.wakes = Some(until),
                ExecutionStep::Invoke { task, resource, input, .. } => {
                    let task = TaskRef { machine, execution, task };
                    self.call_of_task(memory, task, &resource, input.into_value());
                }
            }
        }
    }

    fn call_of_task(
        &mut self,
        memory: &mut Histories<Self>,
        task: TaskRef,
        resource: &Resource,
        input: Json,
    ) {
        let callees = Rc::clone(&self.machines[task.machine].callees);
        let answer = match resource {
            Resource::Function(arn) => {
                if let Some((arn, role, handler)) = callees.functions.iter().find(|(known, ..)| known == arn)
                {
                    let asked = fingerprint(&(role, arn, input.to_string()));
                    return self.invoke(memory, (asked, role), handler(input), SourceJob::Task(task));
                }
                Err(TaskError::new("Lambda.ResourceNotFoundException", arn.clone()))
            }
            Resource::SendMessage => self.send_of_task(&callees, task, &input),
            other => Err(TaskError::new("States.Runtime", format!("the world does not carry out {other:?}"))),
        };
        let now = self.now;
        self.machines[task.machine].all[task.execution].execution.resume(task.task, answer, now);
    }

    /// Step Functions' own call: it can be refused, or done without Step Functions knowing.
    pub fn send_of_task(
        &mut self,
        callees: &Callees<Self>,
        task: TaskRef,
        input: &Json,
    ) -> Result<Json, TaskError> {
        let url = input["QueueUrl"].as_str().unwrap_or_default();
        let Some((_, queue)) = callees.queues.iter().find(|(known, _)| known == url) else {
            return Err(TaskError::new("Sqs.QueueDoesNotExistException", url));
        };
        let site = Site { role: self.machines[task.machine].name, call: "flow.send", about: queue.name };
        let fault = self.fault(site);
        if self.timed.is_none() {
            self.calls.push((site, fault));
        }
        if fault != Some(CallFault::Throttled) {
            let body = match &input["MessageBody"] {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            self.post(Posted { queue: *queue, body: Bytes::from(body), fifo: None });
        }
        match fault {
            None => Ok(serde_json::json!({ "MessageId": "message" })),
            Some(fault) => Err(TaskError::new("Sqs.SdkClientException", fault.name())),
        }
    }

    /// Brings a task's answer; none when its invocation died.
    pub fn answer_task(
        &mut self,
        memory: &mut Histories<Self>,
        task: TaskRef,
        answer: Option<Result<Json, TaskError>>,
    ) {
        let died = || Err(TaskError::new("Lambda.Unknown", "the function died"));
        let now = self.now;
        let running = &mut self.machines[task.machine].all[task.execution];
        running.execution.resume(task.task, answer.unwrap_or_else(died), now);
        self.go_on(memory, task.machine, task.execution);
    }
}
