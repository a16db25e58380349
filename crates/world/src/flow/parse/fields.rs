//! The fields of an object, taken one by one, so that those nobody took can be named.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// What is wrong with a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", if at.is_empty() { "the definition" } else { at.as_str() })]
pub struct MachineError {
    /// The place, such as `/States/Pay/Retry[0]/MaxAttempts`; empty for the whole.
    pub at: String,
    /// What is wrong there.
    pub fault: DefinitionFault,
}

/// What is wrong with a place in a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionFault {
    /// The text is not JSON, or has a field twice.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// A `${Name}` that no substitution is for.
    #[error("`${{{0}}}` has no substitution")]
    NotSubstituted(String),
    /// A field that must be there is not.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
    /// A field that is not known here, or not supported.
    #[error("the field `{0}` is not known or not supported here")]
    Unknown(String),
    /// A value is not what it should be.
    #[error("expected {expected}, found {found}")]
    Wrong {
        /// What it should be.
        expected: String,
        /// The beginning of what it is.
        found: String,
    },
    /// A path, a template, a pattern, a resource or a comparison cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The scope has no state of this name.
    #[error("there is no state `{0}` here")]
    NoSuchState(String),
    /// No way leads to the state.
    #[error("no state leads here")]
    Unreachable,
    /// Two states have one name, though in different branches.
    #[error("another state is named `{0}` too")]
    SameName(String),
    /// A state has neither `Next` nor `End`, or both.
    #[error("either `Next` or `\"End\": true` is needed, and not both")]
    NextOrEnd,
    /// `States.ALL` stands with other names, or before another retrier or catcher.
    #[error("`States.ALL` must stand alone, and last")]
    AllNotLast,
}

impl MachineError {
    pub(super) fn new(at: impl Into<String>, fault: DefinitionFault) -> Self {
        Self { at: at.into(), fault }
    }
}

/// The fields of an object.
pub(super) struct FieldReader<'a> {
    pub at: String,
    map: &'a Map<String, Value>,
    taken: Vec<&'static str>,
}

impl<'a> FieldReader<'a> {
    /// Takes an object apart. `Comment` may stand everywhere.
    pub fn of(value: &'a Value, at: impl Into<String>) -> Result<Self, MachineError> {
        let at = at.into();
        match value {
            Value::Object(map) => Ok(Self { at, map, taken: vec!["Comment"] }),
            other => Err(wrong(at, "an object", other)),
        }
    }

    pub fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.at)
    }

    /// The field as it is.
    pub fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.taken.push(name);
        self.map.get(name)
    }

    /// The field, which must be there.
    pub fn need(&mut self, name: &'static str) -> Result<&'a Value, MachineError> {
        self.take(name).ok_or_else(|| MachineError::new(self.at.as_str(), DefinitionFault::Missing(name)))
    }

    pub fn text(&mut self, name: &'static str) -> Result<Option<&'a str>, MachineError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.wrong(name, "a text"))
    }

    pub fn need_text(&mut self, name: &'static str) -> Result<&'a str, MachineError> {
        self.need(name)?;
        self.text(name)?.ok_or_else(|| MachineError::new(self.at.as_str(), DefinitionFault::Missing(name)))
    }

    pub fn whole(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, MachineError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| range.contains(n));
        let expected = || format!("a whole number from {} to {}", range.start(), range.end());
        number.map(Some).ok_or_else(|| self.wrong(name, &expected()))
    }

    /// The elements of a list, each with its place.
    pub fn list(&mut self, name: &'static str) -> Result<Vec<(String, &'a Value)>, MachineError> {
        let at = self.place(name);
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                Ok(items.iter().enumerate().map(|(i, item)| (format!("{at}[{i}]"), item)).collect())
            }
            Some(_) => Err(self.wrong(name, "a list")),
        }
    }

    /// The elements of a list that must be there and hold something.
    pub fn need_list(&mut self, name: &'static str) -> Result<Vec<(String, &'a Value)>, MachineError> {
        self.need(name)?;
        let list = self.list(name)?;
        if list.is_empty() { Err(self.wrong(name, "a list that is not empty")) } else { Ok(list) }
    }

    /// `QueryLanguage` may say what holds anyway.
    pub fn query_language(&mut self) -> Result<(), MachineError> {
        match self.text("QueryLanguage")? {
            None | Some("JSONPath") => Ok(()),
            Some(_) => Err(self.wrong("QueryLanguage", "\"JSONPath\", the only language that is supported")),
        }
    }

    /// The error that this field should be something else.
    pub fn wrong(&self, name: &str, expected: &str) -> MachineError {
        wrong(self.place(name), expected, self.map.get(name).unwrap_or(&Value::Null))
    }

    /// The error that this field cannot be read.
    pub fn unreadable(&self, name: &str, why: String) -> MachineError {
        MachineError::new(self.place(name), DefinitionFault::Unreadable(why))
    }

    /// The names that nobody took so far.
    pub fn rest(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let rest = self.map.iter().filter(|(name, _)| !self.taken.contains(&name.as_str()));
        rest.map(|(name, value)| (name.as_str(), value))
    }

    /// Refuses fields that nobody took: they would be ignored.
    pub fn finish(self) -> Result<(), MachineError> {
        match self.rest().next() {
            None => Ok(()),
            Some((name, _)) => {
                Err(MachineError::new(self.at.as_str(), DefinitionFault::Unknown(name.to_owned())))
            }
        }
    }
}

pub(super) fn wrong(at: String, expected: &str, found: &Value) -> MachineError {
    let found = found.to_string().chars().take(60).collect();
    MachineError::new(at, DefinitionFault::Wrong { expected: expected.to_owned(), found })
}
