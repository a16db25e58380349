use serde_json::json;

use super::*;

#[track_caller]
fn check(pattern: &Json, events: &[(Json, bool)]) {
    let pattern = EventPattern::parse(&pattern.to_string()).unwrap();
    for (event, expected) in events {
        assert_eq!(pattern.matches(event), *expected, "{event}");
    }
}

#[track_caller]
fn refused(text: &str, at: &str) {
    let error = EventPattern::parse(text).unwrap_err();
    assert_eq!(error.at, at, "{error}");
}

#[test]
fn every_field_of_a_pattern_must_match_by_one_of_its_values() {
    check(
        &json!({"source": ["shop"], "detail": {"state": ["paid", "sent"], "n": [1], "note": [null]}}),
        &[
            (json!({"source": "shop", "detail": {"state": "sent", "n": 1.0, "note": null, "more": 1}}), true),
            (json!({"source": "shop", "detail": {"state": "open", "n": 1, "note": null}}), false),
            (json!({"source": "shop", "detail": {"state": "paid", "n": "1", "note": null}}), false),
            (json!({"source": "shop", "detail": {"state": "paid", "n": 1}}), false),
            (json!({"source": "shop", "detail": "paid"}), false),
        ],
    );
}

#[test]
fn an_array_matches_by_any_of_its_elements() {
    let events = [
        (json!({"tags": ["a", "b"]}), true),
        (json!({"tags": "b"}), true),
        (json!({"tags": ["a"]}), false),
        (json!({"tags": []}), false),
    ];
    check(&json!({"tags": ["b"]}), &events);
    let events = [
        (json!({"items": [{"sku": "x", "n": 1}, {"sku": "y", "n": 2}]}), true),
        (json!({"items": [{"sku": "x", "n": 2}, {"sku": "y", "n": 1}]}), false),
    ];
    check(&json!({"items": {"sku": ["y"], "n": [2]}}), &events);
}

#[test]
fn text_matches_by_its_beginning_its_end_and_whatever_its_case() {
    let one = |matcher: Json| json!({"t": [matcher]});
    check(&one(json!({"prefix": "eu-"})), &[(json!({"t": "eu-west-1"}), true), (json!({"t": "us"}), false)]);
    check(&one(json!({"suffix": ".png"})), &[(json!({"t": "a.png"}), true), (json!({"t": "png"}), false)]);
    check(
        &one(json!({"equals-ignore-case": "Paid"})),
        &[(json!({"t": "pAID"}), true), (json!({"t": 1}), false)],
    );
}

#[test]
fn anything_but_wants_a_value_that_is_another_one() {
    check(
        &json!({"state": [{"anything-but": ["open", 3]}]}),
        &[
            (json!({"state": "paid"}), true),
            (json!({"state": 4}), true),
            (json!({"state": "open"}), false),
            (json!({"state": 3}), false),
            (json!({}), false),
        ],
    );
    let events = [(json!({"t": "us-1"}), false), (json!({"t": "eu-1"}), true), (json!({}), false)];
    check(&json!({"t": [{"anything-but": {"prefix": "us-"}}]}), &events);
}

#[test]
fn numbers_are_compared_and_text_is_none() {
    check(
        &json!({"price": [{"numeric": [">", 0, "<=", 5]}]}),
        &[
            (json!({"price": 0}), false),
            (json!({"price": 0.5}), true),
            (json!({"price": 5}), true),
            (json!({"price": 5.1}), false),
            (json!({"price": "3"}), false),
        ],
    );
    check(&json!({"n": [{"numeric": ["=", 3]}]}), &[(json!({"n": 3}), true), (json!({"n": 4}), false)]);
}

#[test]
fn a_field_exists_where_it_has_a_value_and_a_map_is_none() {
    let events = [
        (json!({"detail": {"error": "e"}}), true),
        (json!({"detail": {"error": null}}), true),
        (json!({"detail": {"error": {"code": 1}}}), false),
        (json!({"detail": {}}), false),
    ];
    check(&json!({"detail": {"error": [{"exists": true}]}}), &events);
    let events = [
        (json!({"detail": {"error": "e"}}), false),
        (json!({"detail": {"error": {"code": 1}}}), true),
        (json!({"detail": {}}), true),
        (json!({}), true),
    ];
    check(&json!({"detail": {"error": [{"exists": false}]}}), &events);
}

#[test]
fn one_alternative_of_an_or_is_enough_beside_all_else() {
    check(
        &json!({"source": ["shop"], "$or": [{"n": [1]}, {"state": ["paid"]}]}),
        &[
            (json!({"source": "shop", "n": 1}), true),
            (json!({"source": "shop", "n": 2, "state": "paid"}), true),
            (json!({"source": "shop", "n": 2}), false),
            (json!({"source": "bank", "n": 1}), false),
        ],
    );
}

#[test]
fn what_is_no_pattern_is_refused_with_the_place() {
    refused("{", "");
    refused("{}", "");
    refused("[]", "");
    refused(r#"{"detail": {"state": "paid"}}"#, "detail.state");
    refused(r#"{"detail": {"state": []}}"#, "detail.state");
    refused(r#"{"state": [["a"]]}"#, "state");
    refused(r#"{"state": [{"wildcard": "a*"}]}"#, "state");
    refused(r#"{"state": [{"prefix": 1}]}"#, "state");
    refused(r#"{"state": [{"prefix": "a", "suffix": "b"}]}"#, "state");
    refused(r#"{"n": [{"numeric": [">"]}]}"#, "n");
    refused(r#"{"n": [{"numeric": ["!=", 1]}]}"#, "n");
    refused(r#"{"n": [{"anything-but": {"exists": true}}]}"#, "n");
    refused(r#"{"$or": [{"n": [1]}]}"#, "$or");
}
