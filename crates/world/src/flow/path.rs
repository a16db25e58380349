//! Paths: where in a JSON value something is found, or put.
//!
//! A reference path names one place (States Language, "Reference Paths"). Step Functions reads `$.trip-id`,
//! the specification itself has `$.error-info` and `$.store\.book`, and RFC 9535 knows neither: so reference
//! paths are read here. Every other path (`[*]`, slices, filters, `..`) is read by `serde_json_path` and
//! gives an array of what it finds (States Language, "Input and Output Processing").

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value};
use serde_json_path::JsonPath;
use smol_str::SmolStr;

use super::error::{RESULT_PATH_MATCH_FAILURE, TaskError};
use super::json::{SharedJson, brief};

/// A path into a JSON value.
#[derive(Debug, Clone)]
pub(super) struct Path {
    text: SmolStr,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    One(ReferencePath),
    Many(JsonPath),
}

impl Path {
    /// Reads a path that begins with `$`. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let kind = match ReferencePath::parse(text) {
            Ok(path) => Kind::One(path),
            Err(why) => Kind::Many(JsonPath::parse(text).map_err(|also| {
                format!("`{text}` is no path: {why}; and as JSONPath of RFC 9535, {also}")
            })?),
        };
        Ok(Self { text: text.into(), kind })
    }

    /// The path as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the path finds; none when there is nothing in its place.
    pub fn select<'a>(&self, value: &'a Value) -> Option<Cow<'a, Value>> {
        match &self.kind {
            Kind::One(path) => path.select(value).map(Cow::Borrowed),
            Kind::Many(path) => {
                let found = path.query(value).into_iter().cloned().collect();
                Some(Cow::Owned(Value::Array(found)))
            }
        }
    }

    /// Whether the path is `$`.
    pub fn is_root(&self) -> bool {
        matches!(&self.kind, Kind::One(path) if path.steps.is_empty())
    }
}

/// A path to one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ReferencePath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    /// Counted from the end where it is negative.
    Index(i64),
}

impl ReferencePath {
    /// Reads a reference path. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut chars = text.chars().peekable();
        if chars.next() != Some('$') {
            return Err("a path begins with `$`".to_owned());
        }
        let mut steps = Vec::new();
        while let Some(c) = chars.next() {
            steps.push(match c {
                '.' => Step::Field(name(&mut chars)?),
                '[' => bracket(&mut chars)?,
                _ => return Err(format!("`.` or `[` was expected instead of `{c}`")),
            });
        }
        Ok(Self { steps })
    }

    /// What is in this place of `value`.
    pub fn select<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(value, |value, step| match step {
            Step::Field(name) => value.as_object()?.get(name),
            Step::Index(index) => {
                let array = value.as_array()?;
                array.get(position(*index, array.len())?)
            }
        })
    }

    /// Puts `result` in this place of `input`, making the objects on the way (States Language, "Input and
    /// Output Processing").
    ///
    /// # Errors
    /// [`RESULT_PATH_MATCH_FAILURE`]: something on the way is no object, or an array is too short.
    pub fn put(&self, input: &SharedJson, result: SharedJson) -> Result<SharedJson, TaskError> {
        if self.steps.is_empty() {
            return Ok(result);
        }
        let mut whole = Value::clone(input);
        let place = self.steps.iter().try_fold(&mut whole, |value, step| match (step, value) {
            // What is not there yet is null only where the line below has just made it.
            (Step::Field(name), Value::Object(fields)) => Some(child(fields, name)),
            (Step::Index(index), Value::Array(items)) => {
                let at = position(*index, items.len())?;
                items.get_mut(at)
            }
            _ => None,
        });
        let Some(place) = place else {
            let cause = format!("the ResultPath cannot be applied to the input {}", brief(input));
            return Err(TaskError::new(RESULT_PATH_MATCH_FAILURE, cause));
        };
        *place = result.into_value();
        Ok(whole.into())
    }
}

/// The result in its place in the input, which may be nowhere.
pub(super) fn placed(
    place: Option<&ReferencePath>,
    input: &SharedJson,
    result: SharedJson,
) -> Result<SharedJson, TaskError> {
    place.map_or_else(|| Ok(input.clone()), |place| place.put(input, result))
}

/// The field of this name. One that is not there yet begins as an object, for the steps that follow.
fn child<'a>(fields: &'a mut Map<String, Value>, name: &str) -> &'a mut Value {
    fields.entry(name).or_insert_with(|| Value::Object(Map::new()))
}

fn position(index: i64, len: usize) -> Option<usize> {
    if index < 0 { len.checked_sub(index.unsigned_abs() as usize) } else { Some(index as usize) }
}

/// A name after a dot. A backslash takes the meaning from the character after it.
fn name(chars: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut name = String::new();
    while let Some(&c) = chars.peek() {
        match c {
            '.' | '[' => break,
            '@' | ',' | ':' | '?' | '*' | '(' | ')' | ']' | ' ' | '\'' | '"' => {
                return Err(format!("`{c}` in a name must stand behind a backslash"));
            }
            _ => {}
        }
        chars.next();
        let c = if c == '\\' { chars.next().ok_or("a backslash ends the path")? } else { c };
        name.push(c);
    }
    if name.is_empty() { Err("a name is empty".to_owned()) } else { Ok(name) }
}

/// What stands in brackets: an index, or a name in apostrophes.
fn bracket(chars: &mut Peekable<Chars<'_>>) -> Result<Step, String> {
    let expected = || "a number or a name in apostrophes was expected in brackets".to_owned();
    if chars.next_if_eq(&'\'').is_some() {
        let mut name = String::new();
        loop {
            match chars.next().ok_or_else(expected)? {
                '\'' => break,
                '\\' => name.push(chars.next().ok_or_else(expected)?),
                c => name.push(c),
            }
        }
        return if chars.next() == Some(']') { Ok(Step::Field(name)) } else { Err(expected()) };
    }
    let mut digits = String::new();
    while let Some(c) = chars.next_if(|c| c.is_ascii_digit() || *c == '-') {
        digits.push(c);
    }
    match (digits.parse(), chars.next()) {
        (Ok(index), Some(']')) => Ok(Step::Index(index)),
        _ => Err(expected()),
    }
}

#[cfg(test)]
mod tests;
