use serde_json::json;

use super::*;

#[test]
fn a_star_matches_any_number_of_characters() {
    for (text, value, does) in [
        ("foo*.log", "foo23.log", true),
        ("*.log", "zebra.log", true),
        ("foo*.*", "foobar.zebra", true),
        ("foo*.log", "foo23.txt", false),
        ("a*a", "a", false),
        ("a**a", "aa", true),
        ("*ab*ab*", "abab", true),
        ("*ab*ab*", "abb", false),
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        (r"a\*b", "a*b", true),
        (r"a\*b", "aXb", false),
        (r"a\\*", r"a\b", true),
    ] {
        assert_eq!(matches(&pattern(text).unwrap(), value), does, "{text} on {value}");
    }
    assert!(pattern("a\\").is_err());
    assert!(pattern(r"a\b").is_err());
}

#[test]
fn values_compare_within_their_kind_only() {
    for (operator, value, other, holds) in [
        ("StringEquals", json!("a"), json!("a"), true),
        ("StringEquals", json!(1), json!("1"), false),
        ("StringLessThan", json!("a"), json!("b"), true),
        ("StringGreaterThanEquals", json!("b"), json!("b"), true),
        ("NumericEquals", json!(1), json!(1.0), true),
        ("NumericEquals", json!("1"), json!(1), false),
        ("NumericLessThan", json!(-1), json!(0.5), true),
        ("NumericGreaterThan", json!(2), json!(2), false),
        ("NumericLessThanEquals", json!(2), json!(2), true),
        ("BooleanEquals", json!(false), json!(false), true),
        ("BooleanEquals", json!(null), json!(false), false),
        ("TimestampEquals", json!("2016-03-14T01:59:00Z"), json!("2016-03-14T02:59:00+01:00"), true),
        ("TimestampLessThan", json!("2016-03-14T01:59:00Z"), json!("2016-03-14T01:59:00.5Z"), true),
        ("TimestampEquals", json!("2016-03-14t01:59:00z"), json!("2016-03-14T01:59:00Z"), false),
    ] {
        let Some(Operator::Compares { relation, path: false }) = Operator::parse(operator) else {
            panic!("{operator} was not read")
        };
        assert_eq!(relation.holds(&value, &other), holds, "{value} {operator} {other}");
    }
}

#[test]
fn every_operator_of_the_specification_is_read_and_no_other() {
    let mut all: Vec<String> =
        ["IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp", "StringMatches"]
            .map(str::to_owned)
            .into();
    for path in ["", "Path"] {
        for holds in ["Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"] {
            all.extend(["String", "Numeric", "Timestamp"].map(|kind| format!("{kind}{holds}{path}")));
        }
        all.push(format!("BooleanEquals{path}"));
    }
    assert_eq!(all.len(), 39);
    assert!(all.iter().all(|name| Operator::parse(name).is_some()));
    for name in ["BooleanLessThan", "StringMatchesPath", "NumericAbove", "Path", "IsPresentPath", "Next"] {
        assert_eq!(Operator::parse(name), None, "{name}");
    }
}
