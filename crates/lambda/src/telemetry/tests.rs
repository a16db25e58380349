use std::cell::RefCell;

use serde_json::{Value, json};

use super::*;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn keep(line: &str) {
    LINES.with_borrow_mut(|lines| lines.push(line.to_owned()));
}

/// The lines that `act` writes, without their timestamps.
fn lines(level: LevelFilter, act: impl FnOnce()) -> Vec<Value> {
    let layer = JsonLines { function: "saga-step", write: keep };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter(Some(level))));
    tracing::subscriber::with_default(subscriber, act);
    let read = |line: String| {
        assert!(line.ends_with('\n') && !line.trim_end().contains('\n'), "{line}");
        let mut line: Value = serde_json::from_str(&line).unwrap();
        let timestamp = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert_eq!(timestamp.as_str().unwrap().len(), "2026-01-01T00:00:00.000Z".len());
        line
    };
    LINES.take().into_iter().map(read).collect()
}

#[test]
fn a_line_has_the_fields_of_its_spans_and_its_own_side_by_side() {
    let lines = lines(LevelFilter::INFO, || {
        let outer = tracing::error_span!("invocation", request_id = "r-1", correlation_id = "outer");
        let _outer = outer.enter();
        let inner = tracing::error_span!("record", correlation_id = "inner", late = tracing::field::Empty);
        inner.record("late", 1);
        let _inner = inner.enter();
        tracing::info!(count = 3, share = 0.5, ok = true, error = %"a\n\"b\"", "the {}", "message");
    });
    let expected = json!({
        "level": "INFO", "message": "the message", "function": "saga-step", "request_id": "r-1",
        "correlation_id": "inner", "late": 1, "count": 3, "share": 0.5, "ok": true, "error": "a\n\"b\""
    });
    assert_eq!(lines, [expected]);
}

#[test]
fn a_field_of_json_is_a_value() {
    let lines = lines(LevelFilter::INFO, || {
        tracing::info!(json.calls = %r#"{"sqs:SendMessage":1}"#, json.bad = "{", level = "fake", "m");
    });
    let expected = json!({
        "level": "INFO", "message": "m", "function": "saga-step", "calls": {"sqs:SendMessage": 1}, "bad": "{"
    });
    assert_eq!(lines, [expected]);
}

#[test]
fn an_error_keeps_its_invocation_when_only_errors_are_written() {
    let lines = lines(LevelFilter::ERROR, || {
        let _span = tracing::error_span!("invocation", request_id = "r-1").entered();
        tracing::info!("not this");
        tracing::error!("this");
    });
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["request_id"], "r-1");
}

#[test]
fn libraries_speak_up_only_when_something_is_wrong() {
    let speak = || {
        tracing::info!(target: "aws_smithy_runtime::client", "chatter");
        tracing::warn!(target: "hyper::proto", "trouble");
    };
    assert_eq!(lines(LevelFilter::INFO, speak).len(), 1);
    assert_eq!(lines(LevelFilter::DEBUG, speak).len(), 2);
    assert_eq!(lines(LevelFilter::ERROR, speak).len(), 0);
}
