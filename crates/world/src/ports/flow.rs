//! The port of a state machine, and the state machines of a run.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use serde_json::Value as Json;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::flow::{Flow, MAX_INPUT, Started};

use crate::flow::{AslMachine, Execution, TaskError};
use crate::kernel::ids::{MachineId, QueueId};
use crate::run::env::Env;
use crate::run::invocation::invocation;
use crate::run::machine::{Callees, Machines, Over, Running};
use crate::run::state::{RunState, detail};
use crate::run::world::World;

/// What the tasks of a machine call.
#[derive(Debug, Default)]
pub struct Tasks(Callees<RunState>);

impl Tasks {
    /// The function with this ARN.
    #[must_use]
    pub fn function<F: Future<Output = Result<Json, TaskError>> + 'static>(
        mut self,
        arn: &str,
        role: &'static str,
        handler: impl Fn(Env, Json) -> F + 'static,
    ) -> Self {
        self.0.functions.push((arn.into(), role, invocation(role, handler)));
        self
    }

    /// The queue with this URL.
    #[must_use]
    pub fn queue(mut self, url: &str, queue: QueueId) -> Self {
        self.0.queues.push((url.into(), queue));
        self
    }
}

impl World {
    /// Adds a state machine.
    pub fn add_machine(&self, name: &'static str, machine: AslMachine, tasks: Tasks) -> MachineId {
        let machines = &mut self.state.borrow_mut().machines;
        machines.push(Machines {
            name,
            machine: machine.named(name),
            callees: Rc::new(tasks.0),
            all: Vec::new(),
            names: FxHashMap::default(),
            free: Vec::new(),
            over: Over::default(),
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
        let effect = move |state: &mut RunState| {
            let started = state.spend_rate("flow.starts", "", 1);
            let result = started.and_then(|()| state.start(machine, &called, &input));
            let what = detail(state, || format!("{called} {input} -> {result:?}"));
            (result, what)
        };
        self.env.call(self.env.site("flow.start", self.machine.name), effect).await
    }
}

impl RunState {
    fn start(&mut self, machine: usize, name: &SmolStr, input: &str) -> Result<Started, CallError> {
        if input.len() > MAX_INPUT {
            return Err(CallError::Refused("InvalidExecutionInput: more than 256 KiB".to_owned()));
        }
        let input: Json = serde_json::from_str(input)
            .map_err(|error| CallError::Refused(format!("InvalidExecutionInput: {error}")))?;
        let now = self.now;
        let machines = &mut self.machines[machine];
        if machines.is_over(name) {
            return Ok(Started::Exists);
        }
        if let Some(there) = machines.named(name) {
            let same = there.execution.outcome().is_none() && **there.execution.input() == input;
            return Ok(if same { Started::Running } else { Started::Exists });
        }
        let execution = Execution::start(&machines.machine, name.clone(), input, now);
        // It goes on as soon as somebody looks at what is due.
        let place = machines.add(name, Running { execution, wakes: Some(now) });
        if let Some(timed) = &mut self.timed {
            timed.started.push((machine, place));
        }
        Ok(Started::Running)
    }
}
