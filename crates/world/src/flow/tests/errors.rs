//! Retries and catches.

use super::*;

/// Errors by turns, then an answer.
fn failing(errors: &'static [&'static str]) -> impl FnMut(usize, &SharedJson) -> Result<Value, TaskError> {
    move |n, _| errors.get(n).map_or(Ok(json!("done")), |name| Err(error(name)))
}

/// States Language, "Complex retry scenarios".
#[test]
fn each_retrier_counts_for_itself_until_one_is_used_up() {
    let machine = machine(&json!({"StartAt": "X", "States": {
        "X": task(json!({
            "Next": "Y",
            "Retry": [
                {"ErrorEquals": ["ErrorA", "ErrorB"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 2},
                {"ErrorEquals": ["ErrorC"], "IntervalSeconds": 5},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}],
        })),
        "Y": {"Type": "Succeed"},
        "Z": {"Type": "Succeed"},
    }}));
    let ran = run(&machine, json!({}), failing(&["ErrorA", "ErrorB", "ErrorC", "ErrorB"]));
    assert_eq!(ran.slept, [1.0, 2.0, 5.0]);
    assert_eq!(ran.states(), ["X", "Z"]);
    assert_eq!(*ran.output(), json!({"Error": "ErrorB", "Cause": "ErrorB happened"}));
    assert_eq!(ran.execution.transitions(), 5, "X, three retries, Z");
}

/// States Language, "Retrying after error": any error except for time-outs.
#[test]
fn a_retrier_of_no_attempts_keeps_others_from_its_errors() {
    let retry =
        json!([{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]);
    let machine = one(task(json!({"Retry": retry})));
    assert_eq!(run(&machine, json!({}), failing(&["States.Timeout"])).calls.len(), 1);
    let ran = run(&machine, json!({}), failing(&["A", "B", "C"]));
    assert_eq!((ran.slept.as_slice(), ran.output().as_str()), ([1.0, 2.0, 4.0].as_slice(), Some("done")));
    assert_eq!(run(&machine, json!({}), failing(&["A", "B", "C", "D"])).error(), "D");
}

#[test]
fn jitter_is_asked_of_chance_and_delays_are_capped() {
    let retry = json!([{
        "ErrorEquals": ["States.ALL"], "IntervalSeconds": 4, "BackoffRate": 3, "MaxDelaySeconds": 10,
        "MaxAttempts": 3, "JitterStrategy": "FULL",
    }]);
    let ran = run(&one(task(json!({"Retry": retry}))), json!({}), failing(&["A", "A", "A"]));
    assert_eq!(ran.slept, [2.0, 5.0, 5.0], "half of 4, 10 and 10");
}

/// "Note that once the interpreter transitions to another state in any way, all the Retrier parameters
/// reset."
#[test]
fn retries_are_counted_anew_when_a_state_is_entered_again() {
    let machine = machine(&json!({"StartAt": "A", "States": {
        "A": task(json!({
            "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["Busy"], "Next": "B"}],
        })),
        "B": {"Type": "Pass", "Next": "A"},
    }}));
    let ran = run(&machine, json!({}), failing(&["Busy", "Busy", "Busy"]));
    assert_eq!(ran.states(), ["A", "B", "A"]);
    assert_eq!((ran.calls.len(), ran.slept.as_slice()), (4, [1.0, 1.0].as_slice()));
}

#[test]
fn a_retry_knows_which_it_is_and_gets_the_same_input() {
    let parameters = json!({"retry.$": "$$.State.RetryCount", "x.$": "$.x"});
    let retry = json!([{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 1}]);
    let state = task(json!({"Parameters": parameters, "Retry": retry}));
    let ran = run(&one(state), json!({"x": 7}), failing(&["A", "B"]));
    let inputs: Vec<Value> = ran.calls.into_iter().map(|(_, input)| input.into_value()).collect();
    assert_eq!(inputs, [0, 1, 2].map(|n| json!({"retry": n, "x": 7})));
}

/// States Language, "Error output": the example's hyphen and all.
#[test]
fn a_catcher_puts_the_error_where_its_result_path_says() {
    let machine = machine(&json!({"StartAt": "A", "States": {
        "A": task(json!({
            "OutputPath": "$.none",
            "Catch": [
                {"ErrorEquals": ["java.lang.Exception"], "ResultPath": "$.error-info", "Next": "RecoveryState"},
                {"ErrorEquals": ["Dropped"], "ResultPath": null, "Next": "RecoveryState"},
                {"ErrorEquals": ["States.ALL"], "Next": "EndMachine"},
            ],
        })),
        "RecoveryState": {"Type": "Succeed"},
        "EndMachine": {"Type": "Succeed"},
    }}));
    let ran = run(&machine, json!({"a": 1}), failing(&["java.lang.Exception"]));
    assert_eq!(ran.states(), ["A", "RecoveryState"]);
    let info = json!({"Error": "java.lang.Exception", "Cause": "java.lang.Exception happened"});
    assert_eq!(*ran.output(), json!({"a": 1, "error-info": info}), "the OutputPath is not applied");
    assert_eq!(*run(&machine, json!({"a": 1}), failing(&["Dropped"])).output(), json!({"a": 1}));
    let ran = run(&machine, json!({"a": 1}), failing(&["Other"]));
    assert_eq!(ran.states(), ["A", "EndMachine"]);
    assert_eq!(*ran.output(), json!({"Error": "Other", "Cause": "Other happened"}));
}

#[test]
fn what_cannot_be_found_is_neither_retried_nor_caught() {
    let state = task(json!({
        "Parameters": {"x.$": "$.none"},
        "Retry": [{"ErrorEquals": ["States.ALL"]}],
        "Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "B"}, {"ErrorEquals": ["States.ALL"], "Next": "B"}],
    }));
    let machine = machine(&json!({"StartAt": "A", "States": {"A": state, "B": {"Type": "Succeed"}}}));
    let ran = pass(&machine, json!({}));
    assert_eq!((ran.error(), ran.states()), (error::RUNTIME, vec!["A"]));
}

#[test]
fn a_result_without_a_place_is_an_error_like_others() {
    let catch = json!([{"ErrorEquals": [error::RESULT_PATH_MATCH_FAILURE], "Next": "B"}]);
    let state = task(json!({"ResultPath": "$.x", "Catch": catch}));
    let machine = machine(&json!({"StartAt": "A", "States": {"A": state, "B": {"Type": "Succeed"}}}));
    let ran = run(&machine, json!("foo"), |_, _| Ok(json!(1)));
    assert_eq!(ran.output()["Error"], error::RESULT_PATH_MATCH_FAILURE);
}

#[test]
fn an_execution_that_never_ends_by_itself_is_ended() {
    let machine = machine(&json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"},
    }}));
    let ran = pass(&machine, json!({}));
    assert_eq!(ran.error(), error::RUNTIME);
    assert!(ran.events.len() < 25_010);
}
