use serde_json::json;

use super::*;

fn read(path: &str, value: &Value) -> Option<Value> {
    Path::parse(path).unwrap().select(value).map(Cow::into_owned)
}

/// States Language, "Reference Paths".
#[test]
fn reference_paths_of_the_specification() {
    let value = json!({"foo": 123, "bar": ["a", "b", "c"], "car": {"cdr": true}});
    assert_eq!(read("$.foo", &value), Some(json!(123)));
    assert_eq!(read("$.bar", &value), Some(json!(["a", "b", "c"])));
    assert_eq!(read("$.car.cdr", &value), Some(json!(true)));
    assert_eq!(read("$", &value), Some(value.clone()));
    assert_eq!(read("$.car.cdr.more", &value), None);
    assert_eq!(read("$.nothing", &value), None);
}

#[test]
fn every_acceptable_reference_path_of_the_specification_is_read() {
    let cases = [
        (r"$.store.book", json!({"store": {"book": 1}})),
        (r"$.store\.book", json!({"store.book": 1})),
        (r"$.\stor\e.boo\k", json!({"store": {"book": 1}})),
        (r"$.store.book.title", json!({"store": {"book": {"title": 1}}})),
        (r"$.foo.\.bar", json!({"foo": {".bar": 1}})),
        (r"$.foo\@bar.baz\[\[.\?pretty", json!({"foo@bar": {"baz[[": {"?pretty": 1}}})),
        (r"$.&Ж中", json!({"&Ж中": 1})),
        (r"$.ledgers.branch[0].pending.count", json!({"ledgers": {"branch": [{"pending": {"count": 1}}]}})),
        (r"$.ledgers.branch[0]", json!({"ledgers": {"branch": [1]}})),
        (r"$['store']['book']", json!({"store": {"book": 1}})),
        (r"$['store'][0]['book']", json!({"store": [{"book": 1}]})),
        (r"$.error-info", json!({"error-info": 1})),
    ];
    for (path, value) in cases {
        assert!(ReferencePath::parse(path).is_ok(), "{path}");
        assert_eq!(read(path, &value), Some(json!(1)), "{path}");
    }
}

#[test]
fn an_index_counts_from_the_end_where_it_is_negative() {
    let value = json!([1, 2, 3]);
    assert_eq!(read("$[2]", &value), Some(json!(3)));
    assert_eq!(read("$[3]", &value), None);
    assert_eq!(read("$[-1]", &value), Some(json!(3)));
    assert_eq!(read("$[-4]", &value), None);
}

/// States Language, "Input and Output Processing" and "Payload Template".
#[test]
fn what_a_path_finds_in_many_places_is_an_array() {
    let value = json!({"a": [1, 2, 3, 4], "vals": [0, 10, 20, 30, 40, 50], "one": [{"b": 1}]});
    assert_eq!(read("$.a[0,1]", &value), Some(json!([1, 2])));
    assert_eq!(read("$.vals[-3:]", &value), Some(json!([30, 40, 50])));
    assert_eq!(read("$.one[*].b", &value), Some(json!([1])));
    assert_eq!(read("$.none[*]", &value), Some(json!([])));
    assert_eq!(read("$.a[?@ > 2]", &value), Some(json!([3, 4])));
    assert_eq!(read("$..b", &value), Some(json!([1])));
    assert!(ReferencePath::parse("$.a[0,1]").is_err());
}

#[test]
fn what_is_no_path_is_refused() {
    for text in ["", "a", "$a", "$.", "$.a.", "$[", "$[a]", "$['a'", "$.a b", "$.a\\", "$.f()", "$[1"] {
        assert!(Path::parse(text).is_err(), "{text} was read");
    }
}

fn put(path: &str, input: Value, result: Value) -> Result<Value, TaskError> {
    ReferencePath::parse(path).unwrap().put(&input.into(), result.into()).map(SharedJson::into_value)
}

/// States Language, "Input and Output Processing".
#[test]
fn results_are_put_where_the_specification_puts_them() {
    let master = json!({"master": {"detail": [1, 2, 3]}});
    assert_eq!(put("$.master.detail", master.clone(), json!(6)), Ok(json!({"master": {"detail": 6}})));
    assert_eq!(
        put("$.master.result.sum", master, json!(6)),
        Ok(json!({"master": {"detail": [1, 2, 3], "result": {"sum": 6}}}))
    );
    assert_eq!(
        put("$.b.greeting", json!({"a": 1}), json!("Hi!")),
        Ok(json!({"a": 1, "b": {"greeting": "Hi!"}}))
    );
    assert_eq!(put("$", json!({"a": 1}), json!(7)), Ok(json!(7)));
    assert_eq!(put("$.a[1]", json!({"a": [1, 2]}), json!(7)), Ok(json!({"a": [1, 7]})));
}

/// States Language, "Runtime Errors".
#[test]
fn a_result_has_no_place_in_what_is_no_object() {
    for (path, input) in [
        ("$.x", json!("foo")),
        ("$.a.b", json!({"a": 1})),
        ("$.a.b", json!({"a": null})),
        ("$.a[2]", json!({"a": [1, 2]})),
        ("$.new[0]", json!({})),
    ] {
        let error = put(path, input, json!(1)).unwrap_err();
        assert_eq!(error.error, RESULT_PATH_MATCH_FAILURE, "{path}");
    }
}
