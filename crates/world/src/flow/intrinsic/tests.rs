use serde_json::json;

use super::*;
use crate::flow::context::About;

fn called(text: &str, input: &Value) -> Result<Value, TaskError> {
    let started = "2026-01-02T03:04:05Z".parse().unwrap();
    let about = About { id: "arn:e".into(), name: "one".into(), input: json!({}).into(), started };
    let context = Context { execution: &about, state: "Pay", entered: started, retries: 0, item: None };
    Intrinsic::parse(text).unwrap().call("x.$", input, context)
}

/// States Language, Appendix B and "Intrinsic Functions".
#[test]
fn the_specifications_examples() {
    let name = json!({"name": "Foo", "zebra": "stripe", "firstName": "Ann", "lastName": "Lee"});
    for (text, input, output) in [
        (
            "States.Format('Your name is {}, we are in the year {}', $.name, 2020)",
            name.clone(),
            json!("Your name is Foo, we are in the year 2020"),
        ),
        (
            r"States.Format('Welcome to {} {}\'s playlist.', $.firstName, $.lastName)",
            name,
            json!("Welcome to Ann Lee's playlist."),
        ),
        (
            "States.StringToJson($.someString)",
            json!({"someString": "{\"number\": 20}"}),
            json!({"number": 20}),
        ),
        (
            "States.JsonToString($.someJson)",
            json!({"someJson": {"name": "Foo", "year": 2020}}),
            json!("{\"name\":\"Foo\",\"year\":2020}"),
        ),
        (
            "States.Array('Foo', 2020, $.someJson, null)",
            json!({"someJson": {"random": "abcdefg"}}),
            json!(["Foo", 2020, {"random": "abcdefg"}, null]),
        ),
    ] {
        assert_eq!(called(text, &input), Ok(output), "{text}");
    }
}

#[test]
fn calls_may_stand_in_calls_and_ask_the_context_object() {
    let text = "States.Array(States.Format('{}-{}', $$.Execution.Name, $.round), States.Array(), $.of[0])";
    assert_eq!(called(text, &json!({"round": 3, "of": [true]})), Ok(json!(["one-3", [], true])));
}

#[test]
fn what_is_reserved_is_written_with_a_backslash() {
    assert_eq!(called(r"States.Format('\{\} {} \\', 1)", &json!({})), Ok(json!(r"{} 1 \")));
    assert_eq!(called(r"States.Array('it\'s \{\}')", &json!({})), Ok(json!(["it's {}"])));
    assert_eq!(called("States.Format($.template, 'a')", &json!({"template": "<{}>"})), Ok(json!("<a>")));
}

#[test]
fn the_natural_text_of_a_value_is_put_in() {
    let text = "States.Format('{} {} {}', $.a, $.b, null)";
    assert_eq!(called(text, &json!({"a": 1.5, "b": true})), Ok(json!("1.5 true null")));
}

#[test]
fn a_function_fails_on_what_it_cannot_take() {
    for (text, input) in [
        ("States.Format('{}', $.a)", json!({"a": [1]})),
        ("States.Format($.a, 1)", json!({"a": "no place"})),
        ("States.Format($.a, 1)", json!({"a": 7})),
        ("States.StringToJson($.a)", json!({"a": "{"})),
        ("States.StringToJson($.a)", json!({"a": 1})),
    ] {
        assert_eq!(called(text, &input).unwrap_err().error, INTRINSIC_FAILURE, "{text}");
    }
    let missing = called("States.Array($.none)", &json!({})).unwrap_err();
    assert_eq!(missing.error, crate::flow::error::RUNTIME);
}

#[test]
fn what_is_no_call_is_refused() {
    for text in [
        "States.UUID()",
        "Format('a')",
        "States.Format",
        "States.Format()",
        "States.Format('{}')",
        "States.Format('a', 1)",
        "States.Format('a'",
        "States.Format('a",
        "States.Format('a') more",
        "States.JsonToString()",
        "States.StringToJson($.a, $.b)",
        r"States.Array('a\n')",
        "States.Array(a)",
        "States.Array(1 2)",
        "States.Array([1])",
    ] {
        assert!(Intrinsic::parse(text).is_err(), "{text} was read");
    }
}
