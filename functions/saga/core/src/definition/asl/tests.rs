//! Where each error leads, read off the generated text as Step Functions would.

use serde_json::Value;

use crate::trip;

fn machine() -> Value {
    serde_json::from_str(&super::machine(&trip::definition().unwrap(), "Saga")).unwrap()
}

/// Where the state goes when it fails with `error`, as its first catcher says.
fn caught<'a>(machine: &'a Value, state: &str, error: &str) -> &'a str {
    let catchers = machine["States"][state]["Catch"].as_array().unwrap();
    let names = |c: &Value| c["ErrorEquals"].as_array().unwrap().clone();
    let hit = catchers.iter().find(|c| names(c).iter().any(|n| n == error || n == "States.ALL"));
    hit.unwrap()["Next"].as_str().unwrap()
}

#[test]
fn success_is_one_task_a_step() {
    let machine = machine();
    let mut path = vec![machine["StartAt"].as_str().unwrap()];
    while let Some(next) = machine["States"][path[path.len() - 1]]["Next"].as_str() {
        path.push(next);
    }
    assert_eq!(path, ["Do flight", "Do hotel", "Do car"]);
    assert!(path.iter().all(|state| machine["States"][state]["Type"] == "Task"));
    assert_eq!(machine["States"]["Do car"]["End"], true);
}

#[test]
fn a_step_without_an_answer_counts_as_done_and_a_refused_one_does_not() {
    let machine = machine();
    for (state, error, next) in [
        ("Do flight", "StepRefused", "Settle"),
        ("Do hotel", "StepRefused", "Undo flight"),
        ("Do car", "StepRefused", "Undo hotel"),
        ("Do flight", "SagaNotRunning", "Undo car"),
        ("Do car", "SagaNotRunning", "Undo car"),
        ("Do flight", "States.Timeout", "Undo flight"),
        ("Do hotel", "Lambda.Unknown", "Undo hotel"),
        ("Do car", "States.Timeout", "Undo car"),
        ("Undo car", "SagaCommitted", "Committed"),
        ("Undo hotel", "UndoRefused", "Report hotel"),
        ("Undo flight", "States.Timeout", "Report flight"),
        ("Settle", "SagaStuck", "Stuck"),
        ("Settle", "SagaCommitted", "Committed"),
        ("Settle", "States.Timeout", "Unsettled"),
    ] {
        assert_eq!(caught(&machine, state, error), next, "{state}: {error}");
    }
}

#[test]
fn undoing_goes_on_to_the_end_whatever_fails() {
    let machine = machine();
    let chain = ["Undo car", "Undo hotel", "Undo flight", "Settle"];
    for pair in chain.windows(2) {
        let [undo, next] = pair else { panic!("pairs") };
        let report = caught(&machine, undo, "States.TaskFailed");
        assert_eq!(machine["States"][undo]["Next"], *next);
        assert_eq!(machine["States"][report]["Next"], *next);
        assert_eq!(caught(&machine, report, "SQS.AmazonSQSException"), *next);
    }
    assert_eq!(machine["States"]["Settle"]["Next"], "Compensated");
}

#[test]
fn what_is_certain_is_not_tried_again_and_all_else_is_with_full_jitter() {
    let machine = machine();
    let retry = machine["States"]["Do hotel"]["Retry"].as_array().unwrap();
    assert_eq!(retry[0]["MaxAttempts"], 0);
    assert!(retry[0]["ErrorEquals"].as_array().unwrap().contains(&"StepRefused".into()));
    assert_eq!(retry[1]["ErrorEquals"], serde_json::json!(["States.ALL"]));
    assert_eq!(retry[1]["JitterStrategy"], "FULL");
}

#[test]
fn a_task_keeps_its_input_for_those_after_it() {
    let machine = machine();
    for (name, state) in machine["States"].as_object().unwrap() {
        if state["Type"] == "Task" {
            assert_eq!(state.get("ResultPath"), Some(&Value::Null), "{name}");
            for catcher in state["Catch"].as_array().unwrap() {
                assert_eq!(catcher["ResultPath"], "$.error", "{name}");
            }
        }
    }
}
