//! Whole executions, driven by hand.

mod data;
mod errors;
mod forks;
mod laws;
mod time;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

/// The function that most machines here call.
const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:Pay";

fn begin() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn machine(definition: &Value) -> AslMachine {
    AslMachine::parse(&definition.to_string(), &[]).unwrap_or_else(|why| panic!("{why}"))
}

fn error(name: &str) -> TaskError {
    TaskError::new(name, format!("{name} happened"))
}

/// A task with more fields, which ends its scope unless they say otherwise.
fn task(more: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": FUNCTION, "End": true});
    if more.get("Next").is_some() {
        state.as_object_mut().unwrap().remove("End");
    }
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    state
}

/// A machine of one state.
fn one(state: Value) -> AslMachine {
    machine(&json!({"StartAt": "A", "States": {"A": state}}))
}

/// What became of a machine whose calls are answered at once.
struct Ran {
    outcome: ExecutionOutcome,
    execution: Execution,
    calls: Vec<(Resource, SharedJson)>,
    /// How long it slept, in seconds, each time.
    slept: Vec<f64>,
    events: Vec<HistoryEvent>,
}

impl Ran {
    fn states(&self) -> Vec<&str> {
        let entered = self.events.iter().filter_map(|event| match &event.what {
            Happening::Entered { state } => Some(state.as_str()),
            _ => None,
        });
        entered.collect()
    }

    fn output(&self) -> &SharedJson {
        match &self.outcome {
            ExecutionOutcome::Succeeded(output) => output,
            other => panic!("{other}"),
        }
    }

    fn error(&self) -> &str {
        match &self.outcome {
            ExecutionOutcome::Failed(error) => &error.error,
            other => panic!("{other}"),
        }
    }
}

/// Runs a machine to its end; `answer` answers its calls, the first with 0.
fn run(
    machine: &AslMachine,
    input: Value,
    mut answer: impl FnMut(usize, &SharedJson) -> Result<Value, TaskError>,
) -> Ran {
    let mut now = begin();
    let mut execution = Execution::start(machine, "one", input, now);
    let (mut calls, mut slept, mut events) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let step = execution.next(now, &mut || 0.5);
        events.extend(execution.take_events());
        match step {
            ExecutionStep::Invoke { task, resource, input, deadline } => {
                assert!(deadline > now);
                let answer = answer(calls.len(), &input);
                assert!(execution.resume(task, answer, now));
                calls.push((resource, input));
            }
            ExecutionStep::Wait(until) => {
                assert!(until > now, "waits for what is past");
                slept.push(until.duration_since(now).as_secs_f64());
                now = until;
            }
            ExecutionStep::Ended(outcome) => {
                assert_eq!(execution.outcome(), Some(&outcome));
                return Ran { outcome, execution, calls, slept, events };
            }
        }
    }
}

/// Runs a machine without calls.
fn pass(machine: &AslMachine, input: Value) -> Ran {
    run(machine, input, |_, _| panic!("nothing is called"))
}

#[test]
fn a_machine_of_one_task_gives_its_answer() {
    let ran = run(&one(task(json!({}))), json!({"val1": 3, "val2": 4}), |_, input| {
        Ok(json!(input["val1"].as_i64().unwrap() + input["val2"].as_i64().unwrap()))
    });
    assert_eq!(*ran.output(), json!(7));
    assert_eq!(ran.calls, [(Resource::Function(FUNCTION.into()), json!({"val1": 3, "val2": 4}).into())]);
    assert_eq!(ran.execution.transitions(), 1);
}

#[test]
fn an_ended_execution_stays_ended() {
    let mut ran = run(&one(task(json!({}))), json!({}), |_, _| Ok(json!(1)));
    assert_eq!(
        ran.execution.next(begin(), &mut || 0.0),
        ExecutionStep::Ended(ExecutionOutcome::Succeeded(json!(1).into()))
    );
    assert!(ran.execution.take_events().is_empty());
}

/// Everything that there is to read of a run, as a person reads it.
#[test]
fn a_timeline_says_what_happened() {
    let retry =
        json!([{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 1.5, "MaxAttempts": 2}]);
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}]);
    let machine = machine(&json!({"StartAt": "Pay", "States": {
        "Pay": task(json!({"Retry": retry, "Catch": catch})),
        "Sorry": {"Type": "Fail", "Error": "NotPaid", "Cause": "we tried"},
    }}));
    let ran = run(&machine, json!({}), |_, _| Err(error("Busy")));
    let lines: Vec<String> = ran.events.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "Pay: entered",
            "Pay: calls, as task 1",
            "Pay: failed, Busy: Busy happened",
            "Pay: retry 1 in 2.0 s",
            "Pay: calls, as task 2",
            "Pay: failed, Busy: Busy happened",
            "Pay: retry 2 in 3.0 s",
            "Pay: calls, as task 3",
            "Pay: failed, Busy: Busy happened",
            "Pay: Busy caught by Sorry",
            "Sorry: entered",
            "Sorry: failed, NotPaid: we tried",
            "failed, NotPaid: we tried",
        ]
    );
    assert_eq!(ran.execution.transitions(), 4, "Pay, its two retries, and Sorry");
    let times: Vec<f64> = ran.events.iter().map(|e| e.at.duration_since(begin()).as_secs_f64()).collect();
    assert_eq!(times, [0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]);
}
