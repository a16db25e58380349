//! The rules of a Choice (States Language, "Choice State").

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use super::context::{Context, ValueSource};
use super::error::TaskError;

/// What a rule asks of the input.
#[derive(Debug, Clone)]
pub(super) enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Is { variable: ValueSource, kind: Is, wanted: bool },
    Matches { variable: ValueSource, pattern: Vec<String> },
    Compares { variable: ValueSource, relation: Relation, with: Operand },
}

/// What a value can be asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Null,
    Present,
    Numeric,
    String,
    Boolean,
    Timestamp,
}

/// A kind of values, and how the one is to stand to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relation {
    pub kind: ValueKind,
    pub holds: Holds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

/// What a value is compared with.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Value(Value),
    Path(ValueSource),
}

/// What the field of a comparison is called, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Is(Is),
    StringMatches,
    Compares { relation: Relation, path: bool },
}

impl Operator {
    /// Reads the name of an operator, such as `NumericLessThanPath`.
    pub fn parse(name: &str) -> Option<Self> {
        let is = match name {
            "IsNull" => Some(Is::Null),
            "IsPresent" => Some(Is::Present),
            "IsNumeric" => Some(Is::Numeric),
            "IsString" => Some(Is::String),
            "IsBoolean" => Some(Is::Boolean),
            "IsTimestamp" => Some(Is::Timestamp),
            "StringMatches" => return Some(Self::StringMatches),
            _ => None,
        };
        if let Some(is) = is {
            return Some(Self::Is(is));
        }
        let (name, path) = name.strip_suffix("Path").map_or((name, false), |name| (name, true));
        let kinds = [
            ("String", ValueKind::String),
            ("Numeric", ValueKind::Numeric),
            ("Boolean", ValueKind::Boolean),
            ("Timestamp", ValueKind::Timestamp),
        ];
        let (rest, kind) = kinds.iter().find_map(|(text, kind)| Some((name.strip_prefix(text)?, *kind)))?;
        let holds = match rest {
            "Equals" => Holds::Equals,
            _ if kind == ValueKind::Boolean => return None,
            "LessThan" => Holds::LessThan,
            "GreaterThan" => Holds::GreaterThan,
            "LessThanEquals" => Holds::LessThanEquals,
            "GreaterThanEquals" => Holds::GreaterThanEquals,
            _ => return None,
        };
        Some(Self::Compares { relation: Relation { kind, holds }, path })
    }
}

impl ValueKind {
    /// Whether a value is of this kind.
    pub fn is_of(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Numeric => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Timestamp => timestamp(value).is_some(),
        }
    }
}

impl Test {
    /// Whether the input passes.
    ///
    /// # Errors
    /// `States.Runtime`: a path finds nothing, other than under `IsPresent`.
    pub fn passes(&self, input: &Value, context: Context<'_>) -> Result<bool, TaskError> {
        let read = |source: &ValueSource, of: &str| {
            source.select(input, context).map(Cow::into_owned).ok_or_else(|| source.nothing(of, input))
        };
        Ok(match self {
            Self::And(tests) => {
                for test in tests {
                    if !test.passes(input, context)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Or(tests) => {
                for test in tests {
                    if test.passes(input, context)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(test) => !test.passes(input, context)?,
            Self::Is { variable, kind: Is::Present, wanted } => {
                variable.select(input, context).is_some() == *wanted
            }
            Self::Is { variable, kind, wanted } => kind.is(&read(variable, "Variable")?) == *wanted,
            Self::Matches { variable, pattern } => {
                read(variable, "Variable")?.as_str().is_some_and(|text| matches(pattern, text))
            }
            Self::Compares { variable, relation, with } => {
                let value = read(variable, "Variable")?;
                match with {
                    Operand::Value(other) => relation.holds(&value, other),
                    Operand::Path(path) => relation.holds(&value, &read(path, "Variable")?),
                }
            }
        })
    }
}

impl Is {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Present => true,
            Self::Numeric => value.is_number(),
            Self::String => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Timestamp => timestamp(value).is_some(),
        }
    }
}

impl Relation {
    /// Values of another kind compare as false.
    fn holds(self, value: &Value, other: &Value) -> bool {
        let order = match self.kind {
            ValueKind::String => value.as_str().zip(other.as_str()).map(|(a, b)| a.cmp(b)),
            ValueKind::Numeric => value.as_f64().zip(other.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)),
            ValueKind::Boolean => value.as_bool().zip(other.as_bool()).map(|(a, b)| a.cmp(&b)),
            ValueKind::Timestamp => timestamp(value).zip(timestamp(other)).map(|(a, b)| a.cmp(&b)),
        };
        order.is_some_and(|order| match self.holds {
            Holds::Equals => order == Ordering::Equal,
            Holds::LessThan => order == Ordering::Less,
            Holds::GreaterThan => order == Ordering::Greater,
            Holds::LessThanEquals => order != Ordering::Greater,
            Holds::GreaterThanEquals => order != Ordering::Less,
        })
    }
}

/// A time in the profile of RFC 3339 that has an uppercase `T`, and `Z` without an offset (States Language,
/// "Timestamps").
pub(super) fn timestamp(value: &Value) -> Option<Timestamp> {
    let text = value.as_str()?;
    let profile = text.as_bytes().get(10) == Some(&b'T') && !text.contains(['z', '[']);
    text.parse().ok().filter(|_| profile)
}

/// Reads a pattern: what stands between its `*`. The error says what was expected.
pub(super) fn pattern(text: &str) -> Result<Vec<String>, String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, parts.last_mut()) {
            ('*', _) => parts.push(String::new()),
            ('\\', Some(last)) => match chars.next() {
                Some(c @ ('*' | '\\')) => last.push(c),
                _ => return Err("a backslash stands before `*` or another backslash".to_owned()),
            },
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    Ok(parts)
}

fn matches(pattern: &[String], text: &str) -> bool {
    let (Some(first), Some(last)) = (pattern.first(), pattern.last()) else { return false };
    if pattern.len() == 1 {
        return text == first;
    }
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    // The earliest place is as good as any: it leaves the most for what follows.
    for part in &pattern[1..pattern.len() - 1] {
        let Some(at) = rest.find(part.as_str()) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests;
