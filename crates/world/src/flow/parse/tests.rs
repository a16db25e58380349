use serde_json::{Value, json};

use super::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:Pay";

fn refused(definition: &Value) -> (String, DefinitionFault) {
    match super::definition(&definition.to_string(), &[]) {
        Ok(_) => panic!("was read: {definition}"),
        Err(MachineError { at, fault }) => (at, fault),
    }
}

/// A machine with one state of these fields, which begins and ends it.
fn one(state: Value) -> Value {
    json!({"StartAt": "A", "States": {"A": state}})
}

fn task(more: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": FUNCTION, "End": true});
    for (name, value) in more.as_object().unwrap() {
        state[name] = value.clone();
    }
    state
}

#[test]
fn a_machine_says_where_it_begins_and_what_there_is() {
    assert_eq!(refused(&json!([])).0, "");
    let end = json!({"Type": "Succeed"});
    assert_eq!(refused(&json!({"States": {"A": end}})), (String::new(), DefinitionFault::Missing("StartAt")));
    assert_eq!(refused(&json!({"StartAt": "A"})), (String::new(), DefinitionFault::Missing("States")));
    let nowhere = json!({"StartAt": "B", "States": {"A": end}});
    assert_eq!(refused(&nowhere), ("/StartAt".to_owned(), DefinitionFault::NoSuchState("B".to_owned())));
    let unknown = json!({"StartAt": "A", "States": {"A": end}, "Timeout": 1});
    assert_eq!(refused(&unknown), (String::new(), DefinitionFault::Unknown("Timeout".to_owned())));
    let version = json!({"Version": "2.0", "StartAt": "A", "States": {"A": end}});
    assert_eq!(refused(&version).0, "/Version");
    let language = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": end}});
    assert_eq!(refused(&language).0, "/QueryLanguage");
    assert_eq!(
        refused(&json!({"StartAt": "A", "States": {"A": end}, "TimeoutSeconds": 0})).0,
        "/TimeoutSeconds"
    );
}

#[test]
fn a_text_says_nothing_twice() {
    let twice = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}, "A": {"Type": "Fail"}}}"#;
    let error = super::definition(twice, &[]).unwrap_err();
    assert!(error.to_string().starts_with("the definition: it is not JSON: the field `A` is there twice"));
    assert!(matches!(super::definition("{", &[]).unwrap_err().fault, DefinitionFault::NotJson(_)));
}

#[test]
fn substitutions_replace_text_and_none_is_left() {
    let text = r#"{"StartAt": "A", "TimeoutSeconds": ${Limit}, "States": {"A": {"Type": "Task", "Resource": "${PayArn}", "End": true}}}"#;
    let read = super::definition(text, &[("PayArn", FUNCTION), ("Limit", "30"), ("Unused", "x")]).unwrap();
    assert_eq!(read.timeout, SignedDuration::from_secs(30));
    let error = super::definition(text, &[("Limit", "30")]).unwrap_err();
    assert_eq!(error, MachineError::new("", DefinitionFault::NotSubstituted("PayArn".to_owned())));
    assert_eq!(error.to_string(), "the definition: `${PayArn}` has no substitution");
}

#[test]
fn every_state_is_reached() {
    let machine = |choices: Value, catch: Value| {
        let first = task(json!({"Catch": catch}));
        json!({"StartAt": "A", "States": {
            "A": {"Type": "Choice", "Choices": choices, "Default": "B"},
            "B": first,
            "C": {"Type": "Succeed"},
        }})
    };
    let to = |next: &str| json!([{"Variable": "$.x", "IsPresent": true, "Next": next}]);
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "C"}]);
    assert!(super::definition(&machine(to("C"), json!([])).to_string(), &[]).is_ok());
    assert!(super::definition(&machine(to("B"), catch).to_string(), &[]).is_ok());
    assert_eq!(refused(&machine(to("B"), json!([]))), ("/States/C".to_owned(), DefinitionFault::Unreachable));
}

#[test]
fn a_branch_is_a_world_of_its_own_but_for_its_names() {
    let branch = |name: &str, next: &str| json!({"StartAt": name, "States": {name: {"Type": "Pass", "Next": next}, "Z": {"Type": "Succeed"}}});
    let machine = |branch: Value| {
        json!({"StartAt": "A", "States": {
            "A": {"Type": "Parallel", "Branches": [branch], "Next": "B"},
            "B": {"Type": "Succeed"},
        }})
    };
    assert!(super::definition(&machine(branch("X", "Z")).to_string(), &[]).is_ok());
    let (at, fault) = refused(&machine(branch("X", "B")));
    assert_eq!(
        (at.as_str(), fault),
        ("/States/A/Branches[0]/States/X/Next", DefinitionFault::NoSuchState("B".to_owned()))
    );
    assert_eq!(refused(&machine(branch("B", "Z"))).1, DefinitionFault::SameName("B".to_owned()));
}

#[test]
fn names_have_1_to_80_characters() {
    for name in [String::new(), "é".repeat(81)] {
        let machine = json!({"StartAt": name, "States": {name.clone(): {"Type": "Succeed"}}});
        assert!(matches!(refused(&machine).1, DefinitionFault::Wrong { .. }), "{name}");
    }
    let name = "é".repeat(80);
    let machine = json!({"StartAt": name, "States": {name.clone(): {"Type": "Succeed"}}});
    assert!(super::definition(&machine.to_string(), &[]).is_ok());
}

/// What is wrong with a state, and the place in it.
#[test]
fn a_state_has_what_its_kind_has_and_nothing_else() {
    let rule = |rule: Value| {
        let states = json!({"A": {"Type": "Choice", "Choices": [rule]}, "B": {"Type": "Succeed"}});
        json!({"StartAt": "A", "States": states})
    };
    let retry = |retry: Value| one(task(json!({"Retry": retry})));
    let catch = |catch: Value| one(task(json!({"Catch": catch})));
    let invoke = |parameters: Value| {
        let resource = "arn:aws:states:::lambda:invoke";
        one(json!({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true}))
    };
    for (machine, at) in [
        (one(json!({})), ""),
        (one(json!({"Type": "Dance"})), ""),
        (one(json!({"Type": "Jump", "End": true})), "/Type"),
        (one(json!({"Type": "Pass"})), ""),
        (one(json!({"Type": "Pass", "End": false})), ""),
        (one(json!({"Type": "Pass", "End": true, "Next": "A"})), ""),
        (one(json!({"Type": "Pass", "End": "true"})), "/End"),
        (one(json!({"Type": "Pass", "Next": "Z"})), "/Next"),
        (one(json!({"Type": "Pass", "End": true, "Retry": []})), ""),
        (one(json!({"Type": "Pass", "End": true, "Assign": {}})), ""),
        (one(json!({"Type": "Pass", "End": true, "InputPath": "x"})), "/InputPath"),
        (one(json!({"Type": "Pass", "End": true, "InputPath": "$$.Map.Item.Value"})), "/InputPath"),
        (one(json!({"Type": "Pass", "End": true, "ResultPath": "$.a[*]"})), "/ResultPath"),
        (one(json!({"Type": "Pass", "End": true, "ResultPath": "$$.a"})), "/ResultPath"),
        (one(json!({"Type": "Pass", "End": true, "Parameters": {"a": {"b.$": "c"}}})), "/Parameters/a/b.$"),
        (one(json!({"Type": "Pass", "End": true, "Parameters": {}, "Result": 1})), "/Parameters"),
        (one(json!({"Type": "Succeed", "End": true})), ""),
        (one(json!({"Type": "Fail", "Next": "A"})), ""),
        (one(json!({"Type": "Fail", "Error": 7})), "/Error"),
        (one(json!({"Type": "Fail", "ErrorPath": "$.a"})), ""),
        (one(json!({"Type": "Wait", "End": true})), ""),
        (one(json!({"Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": true})), ""),
        (one(json!({"Type": "Wait", "Seconds": -1, "End": true})), "/Seconds"),
        (one(json!({"Type": "Wait", "Timestamp": "2016-03-14 01:59:00Z", "End": true})), "/Timestamp"),
        (one(task(json!({"Resource": 7}))), "/Resource"),
        (one(task(json!({"Resource": "arn:aws:states:::sns:publish"}))), "/Resource"),
        (one(task(json!({"Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken"}))), "/Resource"),
        (one(task(json!({"Resource": "arn:aws:states:::sqs:sendMessage"}))), "/Parameters"),
        (one(task(json!({"TimeoutSeconds": 0}))), "/TimeoutSeconds"),
        (one(task(json!({"TimeoutSecondsPath": "$.t"}))), ""),
        (one(task(json!({"HeartbeatSeconds": 1}))), ""),
        (one(task(json!({"ResultSelector": []}))), "/ResultSelector"),
        (one(task(json!({"Parameters": {"x.$": "$$.Map.Item.Index"}}))), "/Parameters"),
        (invoke(json!({"Payload": {}})), "/Parameters"),
        (invoke(json!({"FunctionName": FUNCTION, "InvocationType": "HistoryEvent"})), "/Parameters"),
        (retry(json!({})), "/Retry"),
        (retry(json!([{}])), "/Retry[0]"),
        (retry(json!([{"ErrorEquals": []}])), "/Retry[0]/ErrorEquals"),
        (retry(json!([{"ErrorEquals": [7]}])), "/Retry[0]/ErrorEquals[0]"),
        (retry(json!([{"ErrorEquals": ["States.TaskFail"]}])), "/Retry[0]/ErrorEquals[0]"),
        (retry(json!([{"ErrorEquals": ["States.ALL", "A"]}])), "/Retry[0]/ErrorEquals"),
        (retry(json!([{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}])), "/Retry[0]/ErrorEquals"),
        (retry(json!([{"ErrorEquals": ["A"], "IntervalSeconds": 0}])), "/Retry[0]/IntervalSeconds"),
        (retry(json!([{"ErrorEquals": ["A"], "IntervalSeconds": 1.5}])), "/Retry[0]/IntervalSeconds"),
        (retry(json!([{"ErrorEquals": ["A"], "MaxAttempts": -1}])), "/Retry[0]/MaxAttempts"),
        (retry(json!([{"ErrorEquals": ["A"], "BackoffRate": 0.5}])), "/Retry[0]/BackoffRate"),
        (retry(json!([{"ErrorEquals": ["A"], "MaxDelaySeconds": 0}])), "/Retry[0]/MaxDelaySeconds"),
        (retry(json!([{"ErrorEquals": ["A"], "JitterStrategy": "SOME"}])), "/Retry[0]/JitterStrategy"),
        (retry(json!([{"ErrorEquals": ["A"], "Next": "A"}])), "/Retry[0]"),
        (catch(json!([{"ErrorEquals": ["A"]}])), "/Catch[0]"),
        (catch(json!([{"ErrorEquals": ["A"], "Next": "Z"}])), "/Catch[0]/Next"),
        (catch(json!([{"ErrorEquals": ["A"], "Next": "A", "OutputPath": "$"}])), "/Catch[0]"),
        (catch(json!([{"ErrorEquals": ["A"], "Next": "A", "ResultPath": "error"}])), "/Catch[0]/ResultPath"),
        (one(json!({"Type": "Choice", "Choices": []})), "/Choices"),
        (one(json!({"Type": "Choice", "Next": "A", "Choices": []})), "/Choices"),
        (rule(json!({"Variable": "$.x", "IsNull": true})), "/Choices[0]"),
        (rule(json!({"Next": "B"})), "/Choices[0]"),
        (rule(json!({"Variable": "$.x", "Next": "B"})), "/Choices[0]"),
        (rule(json!({"Variable": "$.x", "IsNull": true, "IsString": true, "Next": "B"})), "/Choices[0]"),
        (rule(json!({"Variable": "$.x", "IsNull": 1, "Next": "B"})), "/Choices[0]/IsNull"),
        (rule(json!({"Variable": "$.x", "IsMissing": true, "Next": "B"})), "/Choices[0]"),
        (rule(json!({"Variable": "$.x", "NumericEquals": "1", "Next": "B"})), "/Choices[0]/NumericEquals"),
        (
            rule(json!({"Variable": "$.x", "NumericEqualsPath": 1, "Next": "B"})),
            "/Choices[0]/NumericEqualsPath",
        ),
        (rule(json!({"Variable": "$.x", "StringMatches": "a\\b", "Next": "B"})), "/Choices[0]/StringMatches"),
        (rule(json!({"And": [], "Next": "B"})), "/Choices[0]/And"),
        (
            rule(json!({"Or": [{"Variable": "$.x", "IsNull": true, "Next": "B"}], "Next": "B"})),
            "/Choices[0]/Or[0]",
        ),
        (rule(json!({"Not": {}, "Next": "B"})), "/Choices[0]/Not"),
        (one(json!({"Type": "Parallel", "Branches": [], "End": true})), "/Branches"),
        (one(json!({"Type": "Parallel", "Branches": [{"States": {}}], "End": true})), "/Branches[0]"),
        (one(json!({"Type": "Map", "End": true})), ""),
        (
            one(json!({"Type": "Map", "ItemReader": {}, "ItemProcessor": {
            "StartAt": "X", "States": {"X": {"Type": "Succeed"}}}, "End": true})),
            "",
        ),
        (
            one(json!({"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"},
            "StartAt": "X", "States": {"X": {"Type": "Succeed"}}}, "End": true})),
            "/ItemProcessor/ProcessorConfig/Mode",
        ),
    ] {
        assert_eq!(refused(&machine).0, format!("/States/A{at}"), "{machine}");
    }
}

#[test]
fn comments_may_stand_everywhere() {
    let comment = json!("why");
    let machine = json!({
        "Comment": comment, "Version": "1.0", "QueryLanguage": "JSONPath", "StartAt": "A",
        "States": {
            "A": {"Type": "Choice", "Comment": comment, "Default": "B", "Choices": [
                {"Variable": "$.x", "IsPresent": true, "Comment": comment, "Next": "B"}]},
            "B": task(json!({"Comment": comment, "Retry": [{"ErrorEquals": ["X"], "Comment": comment}]})),
        },
    });
    assert!(super::definition(&machine.to_string(), &[]).is_ok());
}
