//! One log line, and the fields that go into it.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde_json::Value;
use tracing::Level;
use tracing::field::{Field, Visit};

/// The fields of a span or an event, in the order in which they were recorded.
#[derive(Debug, Default)]
pub(super) struct LogFields(Vec<(&'static str, Value)>);

impl LogFields {
    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    fn set_text(&mut self, field: &Field, text: String) {
        match field.name().strip_prefix("json.") {
            Some(name) => self.set(name, serde_json::from_str(&text).unwrap_or(Value::String(text))),
            None => self.set(field.name(), Value::String(text)),
        }
    }
}

impl Visit for LogFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set_text(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set_text(field, format!("{value:?}"));
    }
}

/// A line in the making. What every line has comes first, so that people can read it too.
pub(super) struct LogLine {
    timestamp: Timestamp,
    level: Level,
    function: &'static str,
    message: Value,
    fields: LogFields,
}

impl LogLine {
    pub(super) fn new(level: Level, function: &'static str) -> Self {
        Self {
            timestamp: Timestamp::now(),
            level,
            function,
            message: "".into(),
            fields: LogFields::default(),
        }
    }

    /// Takes over fields; one of a name that is there already wins over it.
    pub(super) fn extend(&mut self, fields: &LogFields) {
        for (name, value) in &fields.0 {
            match *name {
                "message" => self.message = value.clone(),
                // These say where the line comes from; an event cannot.
                "timestamp" | "level" | "function" => {}
                name => self.fields.set(name, value.clone()),
            }
        }
    }

    pub(super) fn finish(self) -> String {
        let Self { timestamp, level, function, message, fields } = self;
        let mut line = format!(
            r#"{{"timestamp":"{timestamp:.3}","level":"{level}","message":{message},"function":{}"#,
            Value::from(function)
        );
        for (name, value) in fields.0 {
            let _ = write!(line, ",{}:{value}", Value::from(name));
        }
        line.push_str("}\n");
        line
    }
}
