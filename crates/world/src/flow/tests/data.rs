//! How data goes through states.

use super::*;

/// States Language, "Input/Output Processing Examples".
#[test]
fn paths_choose_what_a_task_is_given_and_where_its_result_goes() {
    let state = task(json!({"InputPath": "$.numbers", "ResultPath": "$.sum"}));
    let input = json!({"title": "Numbers to add", "numbers": {"val1": 3, "val2": 4}});
    let ran = run(&one(state), input, |_, input| {
        assert_eq!(*input, json!({"val1": 3, "val2": 4}));
        Ok(json!(7))
    });
    let output = json!({"title": "Numbers to add", "numbers": {"val1": 3, "val2": 4}, "sum": 7});
    assert_eq!(*ran.output(), output);
}

#[test]
fn parameters_selector_and_paths_apply_in_their_order() {
    let state = task(json!({
        "InputPath": "$.in",
        "Parameters": {"x.$": "$.x", "fixed": true},
        "ResultSelector": {"doubled.$": "$.twice", "state.$": "$$.State.Name"},
        "ResultPath": "$.out",
        "OutputPath": "$.out.doubled",
    }));
    let ran = run(&one(state), json!({"in": {"x": 4}}), |_, input| {
        assert_eq!(*input, json!({"x": 4, "fixed": true}));
        Ok(json!({"twice": 8}))
    });
    assert_eq!(*ran.output(), json!(8));
}

/// States Language, "Input and Output Processing".
#[test]
fn null_paths_give_nothing_or_keep_the_input() {
    let ran = run(&one(task(json!({"InputPath": null}))), json!({"a": 1}), |_, input| {
        assert_eq!(*input, json!({}));
        Ok(json!(2))
    });
    assert_eq!(*ran.output(), json!(2));
    let ran = run(&one(task(json!({"ResultPath": null}))), json!({"a": 1}), |_, _| Ok(json!(2)));
    assert_eq!(*ran.output(), json!({"a": 1}));
    let ran = run(&one(task(json!({"OutputPath": null}))), json!({"a": 1}), |_, _| Ok(json!(2)));
    assert_eq!(*ran.output(), json!({}));
}

/// States Language, "Pass State".
#[test]
fn a_pass_puts_fixed_data_in() {
    let coordinates = json!({"x-datum": 0.381_018, "y-datum": 622.226_992_639_735_5});
    let state = json!({"Type": "Pass", "Result": coordinates, "ResultPath": "$.coords", "End": true});
    let ran = pass(&one(state), json!({"georefOf": "Home"}));
    assert_eq!(*ran.output(), json!({"georefOf": "Home", "coords": coordinates}));
    let copies = pass(&one(json!({"Type": "Pass", "End": true})), json!([1]));
    assert_eq!(*copies.output(), json!([1]));
    let state = json!({"Type": "Pass", "Parameters": {"b.$": "$.a"}, "ResultPath": "$.c", "End": true});
    assert_eq!(*pass(&one(state), json!({"a": 1})).output(), json!({"a": 1, "c": {"b": 1}}));
}

/// States Language, "Choice State".
#[test]
fn a_choice_goes_where_its_first_matching_rule_leads() {
    let machine = machine(&json!({"StartAt": "DispatchEvent", "States": {
        "DispatchEvent": {
            "Type": "Choice",
            "Choices": [
                {"Not": {"Variable": "$.type", "StringEquals": "Private"}, "Next": "Public"},
                {
                    "And": [
                        {"Variable": "$.value", "IsPresent": true},
                        {"Variable": "$.value", "IsNumeric": true},
                        {"Variable": "$.value", "NumericGreaterThanEquals": 20},
                        {"Variable": "$.value", "NumericLessThan": 30},
                    ],
                    "Next": "ValueInTwenties",
                },
                {"Variable": "$.rating", "NumericGreaterThanPath": "$.auditThreshold", "Next": "StartAudit"},
            ],
            "Default": "RecordEvent",
        },
        "Public": {"Type": "Succeed"},
        "ValueInTwenties": {"Type": "Succeed"},
        "StartAudit": {"Type": "Succeed"},
        "RecordEvent": {"Type": "Succeed"},
    }}));
    for (input, state) in [
        (json!({"type": "Private", "value": 22}), "ValueInTwenties"),
        (json!({"type": "Open"}), "Public"),
        (json!({"type": "Private", "rating": 2, "auditThreshold": 1}), "StartAudit"),
        (json!({"type": "Private", "rating": 1, "auditThreshold": 1}), "RecordEvent"),
        (json!({"type": "Private", "value": 30, "rating": 0, "auditThreshold": 1}), "RecordEvent"),
    ] {
        let ran = pass(&machine, input.clone());
        assert_eq!(ran.states(), ["DispatchEvent", state], "{input}");
        assert_eq!(*ran.output(), input);
        assert_eq!(ran.execution.transitions(), 2);
    }
}

#[test]
fn a_choice_without_a_way_fails() {
    let rule = json!({"Variable": "$.x", "IsNull": true, "Next": "B"});
    let states = json!({"A": {"Type": "Choice", "Choices": [rule]}, "B": {"Type": "Succeed"}});
    let machine = machine(&json!({"StartAt": "A", "States": states}));
    assert_eq!(pass(&machine, json!({"x": 1})).error(), error::NO_CHOICE_MATCHED);
    assert_eq!(pass(&machine, json!({})).error(), error::RUNTIME, "its variable is missing");
    assert_eq!(*pass(&machine, json!({"x": null})).output(), json!({"x": null}));
}

#[test]
fn a_succeed_may_choose_its_output() {
    let state = json!({"Type": "Succeed", "InputPath": "$.a", "OutputPath": "$.b"});
    assert_eq!(*pass(&one(state), json!({"a": {"b": 1}})).output(), json!(1));
}

#[test]
fn a_fail_says_why() {
    let ran = pass(&one(json!({"Type": "Fail", "Error": "ErrorA", "Cause": "Kaiju attack"})), json!({}));
    assert_eq!(ran.outcome, ExecutionOutcome::Failed(TaskError::new("ErrorA", "Kaiju attack")));
    assert_eq!(
        pass(&one(json!({"Type": "Fail"})), json!({})).outcome,
        ExecutionOutcome::Failed(TaskError::new("", ""))
    );
}

/// Developer guide, "Invoke an AWS Lambda function with Step Functions".
#[test]
fn the_lambda_integration_names_its_function_and_wraps_the_answer() {
    let state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": {"FunctionName.$": "$.who", "Payload": {"a.$": "$.a"}},
    });
    let input = json!({"who": FUNCTION, "a": 1});
    let ran = run(&one(state), input, |_, _| Ok(json!("done")));
    assert_eq!(ran.calls, [(Resource::Function(FUNCTION.into()), json!({"a": 1}).into())]);
    assert_eq!(*ran.output(), json!({"ExecutedVersion": "$LATEST", "Payload": "done", "StatusCode": 200}));
}

#[test]
fn other_integrations_hand_over_their_parameters() {
    for (resource, parameters, expected) in [
        ("sqs:sendMessage", json!({"QueueUrl": "u", "MessageBody": {"a": 1}}), Resource::SendMessage),
        ("dynamodb:updateItem", json!({"TableName": "t", "Key": {"pk": {"S": "1"}}}), Resource::UpdateItem),
        ("states:startExecution", json!({"StateMachineArn": "m", "Name": "n"}), Resource::StartExecution),
    ] {
        let resource = format!("arn:aws:states:::{resource}");
        let state = json!({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true});
        let ran = run(&one(state), json!({}), |_, _| Ok(json!({"ok": true})));
        assert_eq!(ran.calls, [(expected, parameters.into())]);
        assert_eq!(*ran.output(), json!({"ok": true}));
    }
}

#[test]
fn the_context_object_knows_the_execution() {
    let state = json!({"Type": "Pass", "End": true, "Parameters": {
        "name.$": "$$.Execution.Name", "id.$": "$$.Execution.Id", "input.$": "$$.Execution.Input.a",
        "began.$": "$$.Execution.StartTime", "state.$": "$$.State.Name",
    }});
    let ran = pass(&one(state).named("trips"), json!({"a": 1}));
    let id = "arn:aws:states:us-east-1:000000000000:execution:trips:one";
    let output = json!({
        "name": "one", "id": id, "input": 1, "began": "2026-01-02T03:04:05.000Z", "state": "A",
    });
    assert_eq!(*ran.output(), output);
}

#[test]
fn what_is_larger_than_the_quota_ends_the_execution() {
    let all = json!([{"ErrorEquals": ["States.ALL"], "Next": "B"}]);
    let states = json!({"A": task(json!({"Catch": all})), "B": {"Type": "Succeed"}});
    let machine = machine(&json!({"StartAt": "A", "States": states}));
    let text = |bytes: usize| json!("x".repeat(bytes - 2));
    assert_eq!(run(&machine, json!({}), |_, _| Ok(text(262_144))).output().size(), 262_144);
    let ran = run(&machine, json!({}), |_, _| Ok(text(262_145)));
    assert_eq!(ran.error(), error::DATA_LIMIT_EXCEEDED);
    assert_eq!(ran.states(), ["A"], "States.ALL does not match it");
}
