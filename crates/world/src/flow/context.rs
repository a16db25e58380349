//! The context object, `$$`: what a state may ask about its execution (developer guide, "Accessing execution
//! data from the Context object").

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;
use smol_str::SmolStr;

use super::error::TaskError;
use super::json::{SharedJson, brief};
use super::path::{Path, ReferencePath};

/// What an execution says of itself.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct About {
    pub id: SmolStr,
    pub name: SmolStr,
    pub input: SharedJson,
    pub started: Timestamp,
}

/// What there is to read while one state is at work.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub execution: &'a About,
    pub state: &'a str,
    pub entered: Timestamp,
    pub retries: u32,
    /// The element of a Map, and its place.
    pub item: Option<(usize, &'a Value)>,
}

/// Where a value is read: in the input, or with two dollar signs in the context object.
#[derive(Debug, Clone)]
pub(super) enum ValueSource {
    Input(Path),
    Context(Field, ReferencePath, SmolStr),
}

/// A field of the context object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    ExecutionId,
    ExecutionInput,
    ExecutionName,
    ExecutionStartTime,
    StateEnteredTime,
    StateName,
    StateRetryCount,
    MapItemIndex,
    MapItemValue,
}

const FIELDS: &[(&str, Field)] = &[
    ("$.Execution.Id", Field::ExecutionId),
    ("$.Execution.Input", Field::ExecutionInput),
    ("$.Execution.Name", Field::ExecutionName),
    ("$.Execution.StartTime", Field::ExecutionStartTime),
    ("$.State.EnteredTime", Field::StateEnteredTime),
    ("$.State.Name", Field::StateName),
    ("$.State.RetryCount", Field::StateRetryCount),
    ("$.Map.Item.Index", Field::MapItemIndex),
    ("$.Map.Item.Value", Field::MapItemValue),
];

impl ValueSource {
    /// Reads a path into the input or the context object. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix('$').filter(|rest| rest.starts_with('$')) else {
            return Path::parse(text).map(Self::Input);
        };
        for (name, field) in FIELDS {
            if let Some(rest) = path.strip_prefix(name).filter(|r| r.is_empty() || r.starts_with(['.', '[']))
            {
                return Ok(Self::Context(*field, ReferencePath::parse(&format!("${rest}"))?, text.into()));
            }
        }
        let known: Vec<String> = FIELDS.iter().map(|(name, _)| format!("${name}")).collect();
        Err(format!("`{text}` is not of the context object; there is {}", known.join(", ")))
    }

    /// Whether this asks about an element of a Map.
    pub const fn is_of_item(&self) -> bool {
        matches!(self, Self::Context(Field::MapItemIndex | Field::MapItemValue, ..))
    }

    /// The path as it was written.
    pub fn text(&self) -> &str {
        match self {
            Self::Input(path) => path.text(),
            Self::Context(_, _, text) => text,
        }
    }

    /// What is there, if anything is.
    pub fn select<'a>(&self, input: &'a Value, context: Context<'a>) -> Option<Cow<'a, Value>> {
        match self {
            Self::Input(path) => path.select(input),
            Self::Context(field, rest, _) => match context.field(*field)? {
                Cow::Borrowed(value) => rest.select(value).map(Cow::Borrowed),
                Cow::Owned(value) => rest.select(&value).cloned().map(Cow::Owned),
            },
        }
    }

    /// What is there, shared where it is the whole input.
    ///
    /// # Errors
    /// `States.Runtime`: there is nothing. `of` says which field asked.
    pub fn read(&self, of: &str, input: &SharedJson, context: Context<'_>) -> Result<SharedJson, TaskError> {
        if matches!(self, Self::Input(path) if path.is_root()) {
            return Ok(input.clone());
        }
        let found = self.select(input, context).ok_or_else(|| self.nothing(of, input))?;
        Ok(found.into_owned().into())
    }

    /// The error that there is nothing.
    pub fn nothing(&self, of: &str, input: &Value) -> TaskError {
        let path = self.text();
        TaskError::runtime(format!(
            "The JSONPath '{path}' specified for the field '{of}' could not be found in the input '{}'",
            brief(input)
        ))
    }
}

impl<'a> Context<'a> {
    fn field(self, field: Field) -> Option<Cow<'a, Value>> {
        let text = |text: &str| Cow::Owned(Value::from(text));
        Some(match field {
            Field::ExecutionId => text(&self.execution.id),
            Field::ExecutionInput => Cow::Borrowed(&self.execution.input),
            Field::ExecutionName => text(&self.execution.name),
            Field::ExecutionStartTime => text(&millis(self.execution.started)),
            Field::StateEnteredTime => text(&millis(self.entered)),
            Field::StateName => text(self.state),
            Field::StateRetryCount => Cow::Owned(self.retries.into()),
            Field::MapItemIndex => Cow::Owned(self.item?.0.into()),
            Field::MapItemValue => Cow::Borrowed(self.item?.1),
        })
    }
}

/// As Step Functions writes times: `2019-03-26T20:14:13.192Z`.
fn millis(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(path: &str, item: Option<(usize, &Value)>) -> Option<Value> {
        let started = "2026-01-02T03:04:05Z".parse().unwrap();
        let about =
            About { id: "arn:e".into(), name: "one".into(), input: json!({"a": {"b": [1]}}).into(), started };
        let entered = "2026-01-02T03:04:06.5Z".parse().unwrap();
        let context = Context { execution: &about, state: "Pay", entered, retries: 2, item };
        ValueSource::parse(path).unwrap().select(&json!("input"), context).map(Cow::into_owned)
    }

    #[test]
    fn an_execution_and_a_state_say_who_they_are() {
        for (path, value) in [
            ("$$.Execution.Id", json!("arn:e")),
            ("$$.Execution.Name", json!("one")),
            ("$$.Execution.Input", json!({"a": {"b": [1]}})),
            ("$$.Execution.Input.a.b[0]", json!(1)),
            ("$$.Execution.StartTime", json!("2026-01-02T03:04:05.000Z")),
            ("$$.State.EnteredTime", json!("2026-01-02T03:04:06.500Z")),
            ("$$.State.Name", json!("Pay")),
            ("$$.State.RetryCount", json!(2)),
            ("$", json!("input")),
        ] {
            assert_eq!(read(path, None), Some(value), "{path}");
        }
        assert_eq!(read("$$.Execution.Input.none", None), None);
    }

    #[test]
    fn an_element_of_a_map_is_there_only_in_a_map() {
        let value = json!({"x": 1});
        assert_eq!(read("$$.Map.Item.Value.x", Some((3, &value))), Some(json!(1)));
        assert_eq!(read("$$.Map.Item.Index", Some((3, &value))), Some(json!(3)));
        assert_eq!(read("$$.Map.Item.Index", None), None);
    }

    #[test]
    fn what_the_context_object_does_not_have_is_refused() {
        for path in ["$$", "$$.Task.Token", "$$.Execution.Names", "$$.Execution"] {
            let why = ValueSource::parse(path).unwrap_err();
            assert!(why.contains("$$.Execution.Name"), "{path}: {why}");
        }
    }
}
