//! State machines of a run and their executions: the very definitions that ship, interpreted by [`crate::flow`].
//!
//! Executions are Step Functions' own and never die. Their tasks are invocations like all others; the calls that
//! Step Functions makes itself (`sqs:sendMessage`) can fail like a handler's.

use std::fmt;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value as Json;
use smol_str::SmolStr;
use tenfold_ports::flow::{Flow, MAX_INPUT, Started};
use tenfold_ports::{Bytes, CallError};

use crate::choice;
use crate::env::Env;
use crate::executor::World;
use crate::fault::Fault;
use crate::flow::{Execution, Machine, Resource, Step, TaskError, TaskId};
use crate::ids::{MachineId, QueueId};
use crate::memory::{Memory, print};
use crate::queue::Posted;
use crate::sources::{Begin, Job, invocation};
use crate::state::State;
use crate::trace::{Event, Site, told};

/// A task of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TaskRef {
    machine: usize,
    execution: usize,
    task: TaskId,
}

/// A machine and its executions.
#[derive(Clone)]
pub(crate) struct Machines {
    name: &'static str,
    machine: Machine,
    tasks: Rc<Tasks>,
    all: Vec<Running>,
}

/// An execution, and until when nothing happens in it by itself.
#[derive(Debug, Clone, Hash)]
struct Running {
    execution: Execution,
    wakes: Option<Timestamp>,
}

/// Makes an invocation of a task's input.
type Called = Rc<dyn Fn(Json) -> Begin>;

/// What the tasks of a machine call.
#[derive(Default)]
pub struct Tasks {
    functions: Vec<(SmolStr, &'static str, Called)>,
    queues: Vec<(SmolStr, QueueId)>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.functions.iter().map(|(arn, ..)| arn);
        f.debug_list().entries(functions).entries(self.queues.iter().map(|(url, _)| url)).finish()
    }
}

impl Tasks {
    /// The function with this ARN.
    #[must_use]
    pub fn function<F: Future<Output = Result<Json, TaskError>> + 'static>(
        mut self,
        arn: &str,
        role: &'static str,
        handler: impl Fn(Env, Json) -> F + 'static,
    ) -> Self {
        self.functions.push((arn.into(), role, invocation(role, handler)));
        self
    }

    /// The queue with this URL.
    #[must_use]
    pub fn queue(mut self, url: &str, queue: QueueId) -> Self {
        self.queues.push((url.into(), queue));
        self
    }
}

impl std::hash::Hash for Machines {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.all.hash(state);
    }
}

impl World {
    /// Adds a state machine.
    pub fn add_machine(&self, name: &'static str, machine: Machine, tasks: Tasks) -> MachineId {
        let machines = &mut self.state.borrow_mut().machines;
        machines.push(Machines {
            name,
            machine: machine.named(name),
            tasks: Rc::new(tasks),
            all: Vec::new(),
        });
        MachineId { index: machines.len() - 1, name }
    }

    /// All executions of a machine so far, in the order of their starts.
    #[must_use]
    pub fn executions(&self, machine: MachineId) -> Vec<Execution> {
        let state = self.state.borrow();
        state.machines[machine.index].all.iter().map(|running| running.execution.clone()).collect()
    }
}

/// A state machine as a handler holds it.
#[derive(Debug, Clone)]
pub struct FlowOf {
    env: Env,
    machine: MachineId,
}

impl Env {
    /// The port of a state machine.
    #[must_use]
    pub fn flow(&self, machine: MachineId) -> FlowOf {
        FlowOf { env: self.clone(), machine }
    }
}

impl Flow for FlowOf {
    async fn start(&self, name: &str, input: &str) -> Result<Started, CallError> {
        let (machine, called) = (self.machine.index, SmolStr::new(name));
        let input = input.to_owned();
        let effect = move |state: &mut State| {
            let result = state.start(machine, &called, &input);
            let what = told(state, || format!("{called} {input} -> {result:?}"));
            (result, what)
        };
        self.env.call(self.env.site("flow.start", self.machine.name), effect).await
    }
}

impl State {
    fn start(&mut self, machine: usize, name: &SmolStr, input: &str) -> Result<Started, CallError> {
        if input.len() > MAX_INPUT {
            return Err(CallError::Refused("InvalidExecutionInput: more than 256 KiB".to_owned()));
        }
        let input: Json = serde_json::from_str(input)
            .map_err(|error| CallError::Refused(format!("InvalidExecutionInput: {error}")))?;
        let now = self.now;
        let machines = &mut self.machines[machine];
        if let Some(there) = machines.all.iter().find(|there| there.execution.name() == name.as_str()) {
            let same = there.execution.outcome().is_none() && **there.execution.input() == input;
            return Ok(if same { Started::Running } else { Started::Exists });
        }
        let execution = Execution::start(&machines.machine, name.clone(), input, now);
        // It goes on as soon as somebody looks at what is due.
        machines.all.push(Running { execution, wakes: Some(now) });
        Ok(Started::Running)
    }

    /// When executions go on by themselves.
    pub fn machines_due(&self) -> impl Iterator<Item = Timestamp> {
        self.machines.iter().flat_map(|machines| machines.all.iter().filter_map(|running| running.wakes))
    }

    /// Lets all executions go on that can.
    pub fn run_machines(&mut self, memory: &mut Memory) {
        for machine in 0..self.machines.len() {
            for execution in 0..self.machines[machine].all.len() {
                if self.machines[machine].all[execution].wakes.is_some_and(|at| at <= self.now) {
                    self.go_on(memory, machine, execution);
                }
            }
        }
    }

    fn go_on(&mut self, memory: &mut Memory, machine: usize, execution: usize) {
        loop {
            let now = self.now;
            let running = &mut self.machines[machine].all[execution];
            // Jitter is chance; what it is drawn from is the execution and how far it is.
            let mut seed = print(&(running.execution.name(), running.execution.transitions()));
            let mut chance = || (choice::next(&mut seed) >> 11) as f64 / (1_u64 << 53) as f64;
            let step = running.execution.next(now, &mut chance);
            let events = running.execution.take_events();
            if let Some(trace) = &mut self.trace {
                let site = Site { role: "step functions", call: "execution", about: "" };
                let tell = |what: String| Event { at: now, actor: execution, site, fault: None, what };
                trace.extend(events.iter().map(|event| tell(event.to_string())));
            }
            let running = &mut self.machines[machine].all[execution];
            match step {
                Step::Ended(_) => return running.wakes = None,
                Step::Wait(until) => return running.wakes = Some(until),
                Step::Invoke { task, resource, input, .. } => {
                    let task = TaskRef { machine, execution, task };
                    self.call_of_task(memory, task, &resource, input.into_value());
                }
            }
        }
    }

    fn call_of_task(&mut self, memory: &mut Memory, task: TaskRef, resource: &Resource, input: Json) {
        let tasks = Rc::clone(&self.machines[task.machine].tasks);
        let answer = match resource {
            Resource::Function(arn) => {
                if let Some((arn, role, handler)) = tasks.functions.iter().find(|(known, ..)| known == arn) {
                    let asked = print(&(role, arn, input.to_string()));
                    return self.invoke(memory, asked, handler(input), Job::Task(task));
                }
                Err(TaskError::new("Lambda.ResourceNotFoundException", arn.clone()))
            }
            Resource::SendMessage => self.send_of_task(&tasks, task, &input),
            other => Err(TaskError::new("States.Runtime", format!("the world does not carry out {other:?}"))),
        };
        let now = self.now;
        self.machines[task.machine].all[task.execution].execution.resume(task.task, answer, now);
    }

    /// Step Functions' own call: it can be refused, or done without Step Functions knowing.
    fn send_of_task(&mut self, tasks: &Tasks, task: TaskRef, input: &Json) -> Result<Json, TaskError> {
        let url = input["QueueUrl"].as_str().unwrap_or_default();
        let Some((_, queue)) = tasks.queues.iter().find(|(known, _)| known == url) else {
            return Err(TaskError::new("Sqs.QueueDoesNotExistException", url));
        };
        let site = Site { role: self.machines[task.machine].name, call: "flow.send", about: queue.name };
        let fault = self.fault(site);
        self.calls.push((site, fault));
        if fault != Some(Fault::Throttled) {
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
        memory: &mut Memory,
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
