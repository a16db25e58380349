use proptest::prelude::*;

use super::*;

fn read(body: &str) -> Fields {
    Fields::parse(body.as_bytes()).unwrap()
}

fn places(fields: Fields) -> Vec<String> {
    fields.into_faults().into_iter().map(|fault| fault.at).collect()
}

#[test]
fn what_is_no_object_is_refused_whole() {
    for bad in ["", "{", "[]", "7", "null", "\"x\"", "{} {}", "\u{feff}{}"] {
        assert_eq!(Fields::parse(bad.as_bytes()).unwrap_err()[0].at, "", "{bad}");
    }
    assert!(Fields::parse(b"{\"a\": \"\xff\"}").is_err());
}

#[test]
fn numbers_are_as_json_has_them() {
    for (text, whole) in [("2", 2), ("2.0", 2), ("2e0", 2), ("20e-1", 2), ("-0.0", 0)] {
        let mut fields = read(&format!(r#"{{"n": {text}}}"#));
        assert_eq!(fields.whole("n", -5..=5), Some(whole), "{text}");
        assert!(fields.is_good());
    }
    for bad in ["2.5", "6", "1e300", "18446744073709551616", "\"2\"", "[2]", "true"] {
        let mut fields = read(&format!(r#"{{"n": {bad}}}"#));
        assert_eq!(fields.whole_or("n", 1, -5..=5), 1, "{bad}");
        assert_eq!(places(fields), ["/n"], "{bad}");
    }
    assert_eq!(read(r#"{"n": 5}"#).number_or("n", 1.0, 0.0..=10.0).to_bits(), 5.0_f64.to_bits());
}

#[test]
fn a_field_that_comes_twice_is_a_fault_wherever_it_is() {
    let mut fields = read(r#"{"a": 1, "a": 2, "in": {"b": 1, "b": 1}}"#);
    fields.whole("a", 0..=9);
    let mut inner = fields.object("in");
    inner.whole("b", 0..=9);
    fields.close(inner);
    assert_eq!(places(fields), ["/a", "/in/b"]);
}

#[test]
fn a_pointer_is_escaped_and_bounded() {
    let fields = read(r#"{"a/b~c": 1}"#);
    assert_eq!(places(fields), ["/a~1b~0c"]);
    let long = "x".repeat(10_000);
    assert_eq!(places(read(&format!(r#"{{"{long}": 1}}"#)))[0].len(), 101);
}

#[test]
fn a_faulty_field_is_known_as_such() {
    let mut fields = read(r#"{"least": 9, "in": {"most": "x"}}"#);
    fields.whole_or("least", 1, 0..=5);
    let mut inner = fields.object("in");
    inner.whole_or("most", 5, 0..=9);
    assert!(fields.is_faulty("least") && inner.is_faulty("most"));
    assert!(!fields.is_faulty("in") && !inner.is_faulty("least"));
    fields.close(inner);
}

#[test]
fn text_is_neither_blank_nor_too_long_nor_control() {
    for bad in [r#""""#, r#""  ""#, r#""a\nb""#, r#""abcdef""#, "7", "null"] {
        let mut fields = read(&format!(r#"{{"t": {bad}}}"#));
        assert_eq!(fields.text("t", 1..=5), None, "{bad}");
        assert_eq!(places(fields), ["/t"], "{bad}");
    }
    assert_eq!(read(r#"{"t": "äöü"}"#).text("t", 1..=3).unwrap(), "äöü");
}

#[test]
fn null_is_as_good_as_absent() {
    let mut fields = read(r#"{"n": null, "o": null, "l": null, "c": null, "f": null, "t": null}"#);
    assert_eq!(fields.whole_or("n", 7, 0..=9), 7);
    assert!(fields.object("o").is_good() && fields.list("l", 3).is_empty());
    assert_eq!(fields.choice_or("c", 1, &[("one", 1), ("two", 2)]), 1);
    assert!(fields.flag_or("f", true));
    assert_eq!(fields.optional_text("t", 1..=3), None);
    assert!(fields.finish().is_ok());
}

#[test]
fn a_choice_names_what_there_is() {
    let mut fields = read(r#"{"c": "three"}"#);
    assert_eq!(fields.choice("c", &[("one", 1), ("two", 2)]), None);
    assert_eq!(fields.into_faults()[0].detail, "is `three`; one or two was expected");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(mut fields) = Fields::parse(&body) {
            fields.text("a", 1..=3);
            let _ = fields.finish();
        }
    }
}
