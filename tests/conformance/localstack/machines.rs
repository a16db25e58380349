//! State machines, run by LocalStack's Step Functions and by the world's interpreter.

mod definition;
mod local;
mod plan;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenfold_world::flow::{
    AslMachine, Execution, ExecutionOutcome, ExecutionStep, Happening, Resource, TaskError,
};

use crate::both::Both;
use crate::suite::{Compared, Failure};
use definition::{RETRY, THERE, Targets, definition};
pub use plan::{Plan, plan};

/// What became of a machine, as far as both sides must agree.
struct Seen {
    outcome: Result<String, String>,
    /// The states of each scope, in the order in which they were entered.
    states: BTreeMap<String, Vec<String>>,
    /// What was called with which parameters, in no order: branches take turns as they like. None where a
    /// branch was ended by another's failure: how far it had come is left to chance.
    calls: Option<Vec<String>>,
    /// None for the same reason.
    transitions: Option<u32>,
}

/// What one side noted of an execution.
#[derive(Debug, Default)]
struct Notes {
    outcome: Option<Result<Value, String>>,
    entered: Vec<String>,
    calls: Vec<(String, Value)>,
    transitions: u32,
}

impl Notes {
    /// What both sides must agree on, when a branch of each of the `torn` Parallels has failed.
    fn seen(self, torn: &[String]) -> Seen {
        let mut states: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.entered {
            let scope = name.rsplit_once('S').map_or("", |(scope, _)| scope);
            if !torn.iter().any(|torn| holds(torn, scope)) {
                states.entry(scope.to_owned()).or_default().push(name);
            }
        }
        // Iterations of a Map take turns as they like.
        for (_, names) in states.iter_mut().filter(|(scope, _)| scope.contains('m')) {
            names.sort_unstable();
        }
        let mut calls: Vec<String> = self.calls.iter().map(|(what, with)| format!("{what} {with}")).collect();
        calls.sort_unstable();
        let outcome = self
            .outcome
            .unwrap_or_else(|| Err("none".to_owned()))
            .map(|output| without_causes(output).to_string());
        let whole = torn.is_empty();
        Seen {
            outcome,
            states,
            calls: whole.then_some(calls),
            transitions: whole.then_some(self.transitions),
        }
    }
}

/// Whether a scope is a branch of a state, or within one.
fn holds(state: &str, scope: &str) -> bool {
    scope.strip_prefix(state).is_some_and(|rest| rest.starts_with('b'))
}

/// An output without what only the service itself can say: its words about an error.
fn without_causes(mut output: Value) -> Value {
    match &mut output {
        Value::Object(fields) => {
            if fields.contains_key("Error") && fields.contains_key("Cause") {
                fields.remove("Cause");
            }
            fields.values_mut().for_each(|value| *value = without_causes(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_causes(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    output
}

pub fn run(both: &Both, plan: &Plan) -> Compared {
    let targets = local::targets(both)?;
    let definition = definition(plan, &targets);
    let name = Both::name();
    let machine = AslMachine::parse(&definition.to_string(), &[])
        .map_err(|why| Failure::Differs(format!("the interpreter refuses {definition:#}: {why}")))?;
    let (here, torn) = interpreted(&machine, &name, &plan.input, &targets);
    let there = local::execute(both, &name, &definition, &plan.input)?.seen(&torn);
    let here = here.seen(&torn);
    let compared = [
        ("outcome", pair(&here.outcome, &there.outcome)),
        ("states", pair(&here.states, &there.states)),
        ("calls", pair(&here.calls, &there.calls)),
        ("transitions", pair(&here.transitions, &there.transitions)),
    ];
    let differences =
        compared.into_iter().filter_map(|(what, differs)| Some(format!("{what}: {}", differs?)));
    let differences: Vec<String> = differences.collect();
    if differences.is_empty() {
        return Ok(here.states.values().map(Vec::len).sum());
    }
    let (input, differences) = (&plan.input, differences.join("\n"));
    Err(Failure::Differs(format!("{differences}\ninput: {input}\ndefinition: {definition:#}")))
}

/// What both sides saw, where it differs.
fn pair<T: PartialEq + fmt::Debug>(here: &T, there: &T) -> Option<String> {
    (here != there).then(|| format!("\n  interpreter {here:?}\n  LocalStack  {there:?}"))
}

/// Runs a machine in the interpreter, with calls that are answered as the services answer them. Gives also
/// which Parallels had a branch that failed.
fn interpreted(machine: &AslMachine, name: &str, input: &Value, targets: &Targets) -> (Notes, Vec<String>) {
    let mut now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let mut execution = Execution::start(machine, Both::full_name(name), input.clone(), now);
    let (mut notes, mut failed) = (Notes::default(), Vec::new());
    let outcome = loop {
        let step = execution.next(now, &mut || 0.5);
        for event in execution.take_events() {
            match event.what {
                Happening::Entered { state } => notes.entered.push(state.to_string()),
                Happening::Failed { state, .. } => failed.push(state.to_string()),
                _ => {}
            }
        }
        match step {
            ExecutionStep::Invoke { task, resource, input, .. } => {
                let answer = answer(&resource, &input, targets);
                let what = match resource {
                    Resource::SendMessage => "sendMessage",
                    Resource::UpdateItem => "updateItem",
                    other => panic!("{other:?} is in no plan"),
                };
                notes.calls.push((what.to_owned(), input.into_value()));
                assert!(execution.resume(task, answer, now), "nobody else answers it");
            }
            ExecutionStep::Wait(until) => now = until,
            ExecutionStep::Ended(outcome) => break outcome,
        }
    };
    notes.transitions = execution.transitions();
    notes.outcome = Some(match outcome {
        ExecutionOutcome::Succeeded(output) => Ok(output.into_value()),
        ExecutionOutcome::Failed(error) => Err(error.error.to_string()),
        ExecutionOutcome::TimedOut => Err("timed out".to_owned()),
    });
    failed.retain(|state| notes.entered.iter().any(|name| holds(state, name)));
    (notes, failed)
}

/// What the services answer.
fn answer(resource: &Resource, input: &Value, targets: &Targets) -> Result<Value, TaskError> {
    if *resource == Resource::SendMessage {
        return if input["QueueUrl"] == format!("{}1", targets.queue) {
            Ok(json!({"MessageId": "one's own", "MD5OfMessageBody": "one's own"}))
        } else {
            // So LocalStack names it; the name goes through whatever it is.
            Err(TaskError::new("SQS.SdkClientException", "The specified queue does not exist."))
        };
    }
    let row = input["Key"]["sk"]["S"].as_str().unwrap();
    if row == THERE || row == format!("{RETRY}1") {
        Ok(json!({"Attributes": {"told": input["ExpressionAttributeValues"][":told"]}}))
    } else {
        Err(TaskError::new("DynamoDB.ConditionalCheckFailedException", "The conditional request failed"))
    }
}
