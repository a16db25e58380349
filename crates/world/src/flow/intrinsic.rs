//! Intrinsic functions: `States.Format`, `States.JsonToString`, `States.StringToJson`, `States.Array` (States
//! Language, "Intrinsic Functions" and Appendix B). Others are refused by name.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::Value;

use super::context::{Context, ValueSource};
use super::error::{INTRINSIC_FAILURE, TaskError};
use super::json::brief;

/// A call of an intrinsic function.
#[derive(Debug, Clone)]
pub(super) struct Intrinsic {
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Format,
    JsonToString,
    StringToJson,
    Array,
}

const FUNCTIONS: &[(&str, Function)] = &[
    ("States.Format", Function::Format),
    ("States.JsonToString", Function::JsonToString),
    ("States.StringToJson", Function::StringToJson),
    ("States.Array", Function::Array),
];

#[derive(Debug, Clone)]
enum Argument {
    /// Text as it was written, escapes and all: in a template `\{` is a brace and `{` is none.
    Text(String),
    /// A number, a truth value or null.
    Fixed(Value),
    Path(ValueSource),
    Call(Intrinsic),
}

impl Intrinsic {
    /// Reads a call. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut chars = text.chars().peekable();
        let call = call(&mut chars)?;
        blank(&mut chars);
        match chars.next() {
            None => Ok(call),
            Some(c) => Err(format!("the call should end before `{c}`")),
        }
    }

    /// All paths among the arguments.
    pub fn sources(&self) -> Vec<&ValueSource> {
        let of = |argument| match argument {
            &Argument::Text(_) | &Argument::Fixed(_) => Vec::new(),
            Argument::Path(source) => vec![source],
            Argument::Call(call) => call.sources(),
        };
        self.arguments.iter().flat_map(of).collect()
    }

    /// Calls the function.
    ///
    /// # Errors
    /// `States.IntrinsicFailure`: an argument is not what it takes. `States.Runtime`: a path finds nothing.
    pub fn call(&self, of: &str, input: &Value, context: Context<'_>) -> Result<Value, TaskError> {
        let value = |argument: &Argument| match argument {
            Argument::Text(raw) => Ok(Value::String(unescaped(raw))),
            Argument::Fixed(value) => Ok(value.clone()),
            Argument::Path(source) => {
                let found = source.select(input, context).ok_or_else(|| source.nothing(of, input))?;
                Ok(found.into_owned())
            }
            Argument::Call(call) => call.call(of, input, context),
        };
        let first = || self.arguments.first().map_or(Ok(Value::Null), value);
        match self.function {
            Function::Array => self.arguments.iter().map(value).collect::<Result<_, _>>().map(Value::Array),
            Function::JsonToString => Ok(Value::String(first()?.to_string())),
            Function::StringToJson => match first()? {
                Value::String(text) => {
                    serde_json::from_str(&text).map_err(|why| failure(format!("States.StringToJson: {why}")))
                }
                other => {
                    Err(failure(format!("States.StringToJson takes text and was given {}", brief(&other))))
                }
            },
            Function::Format => {
                let template = match self.arguments.first() {
                    Some(Argument::Text(raw)) => raw.clone(),
                    _ => match first()? {
                        Value::String(text) => text,
                        other => {
                            return Err(failure(format!(
                                "States.Format was given {} to fill",
                                brief(&other)
                            )));
                        }
                    },
                };
                let rest = self.arguments.iter().skip(1).map(value).collect::<Result<Vec<_>, _>>()?;
                fill(&template, &rest).map(Value::String)
            }
        }
    }
}

fn failure(why: String) -> TaskError {
    TaskError::new(INTRINSIC_FAILURE, why)
}

/// The pieces of a template between its `{}`.
fn pieces(template: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '{' && chars.next_if_eq(&'}').is_some() {
            pieces.push(String::new());
        } else if let Some(last) = pieces.last_mut() {
            last.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
        }
    }
    pieces
}

fn fill(template: &str, values: &[Value]) -> Result<String, TaskError> {
    let pieces = pieces(template);
    if pieces.len() != values.len() + 1 {
        let (places, given) = (pieces.len() - 1, values.len());
        return Err(failure(format!("States.Format: `{template}` has {places} places for {given} values")));
    }
    let mut text = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        text.push_str(piece);
        match values.get(i) {
            None => {}
            Some(Value::String(value)) => text.push_str(value),
            Some(value @ (Value::Array(_) | Value::Object(_))) => {
                return Err(failure(format!(
                    "States.Format takes no array or object, such as {}",
                    brief(value)
                )));
            }
            Some(value) => text.push_str(&value.to_string()),
        }
    }
    Ok(text)
}

fn unescaped(raw: &str) -> String {
    let mut text = String::new();
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    text
}

fn blank(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}

fn call(chars: &mut Peekable<Chars<'_>>) -> Result<Intrinsic, String> {
    blank(chars);
    let mut name = String::new();
    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')) {
        name.push(c);
    }
    let known = || FUNCTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
        return Err(format!("a path or an intrinsic function was expected; of these there is {}", known()));
    };
    if chars.next() != Some('(') {
        return Err(format!("`(` was expected after {name}"));
    }
    let mut arguments = Vec::new();
    blank(chars);
    if chars.next_if_eq(&')').is_none() {
        loop {
            arguments.push(argument(chars)?);
            blank(chars);
            match chars.next() {
                Some(',') => {}
                Some(')') => break,
                _ => return Err(format!("`,` or `)` was expected after an argument of {name}")),
            }
        }
    }
    checked(Intrinsic { function: *function, arguments }, &name)
}

/// What can be known of a call before it is made.
fn checked(call: Intrinsic, name: &str) -> Result<Intrinsic, String> {
    let n = call.arguments.len();
    match call.function {
        Function::JsonToString | Function::StringToJson if n != 1 => {
            Err(format!("{name} takes one argument and was given {n}"))
        }
        Function::Format => match call.arguments.first() {
            None => Err(format!("{name} takes a text to fill")),
            Some(Argument::Text(raw)) if pieces(raw).len() != n => {
                Err(format!("{name}: `{raw}` has {} places for {} values", pieces(raw).len() - 1, n - 1))
            }
            Some(_) => Ok(call),
        },
        Function::JsonToString | Function::StringToJson | Function::Array => Ok(call),
    }
}

fn argument(chars: &mut Peekable<Chars<'_>>) -> Result<Argument, String> {
    blank(chars);
    match chars.peek() {
        Some('\'') => {
            chars.next();
            let mut raw = String::new();
            loop {
                match chars.next() {
                    Some('\'') => return Ok(Argument::Text(raw)),
                    Some('\\') => {
                        let escaped = chars.next().filter(|c| matches!(c, '\'' | '{' | '}' | '\\'));
                        let escaped = escaped.ok_or("a backslash stands before one of ' { } \\ only")?;
                        raw.extend(['\\', escaped]);
                    }
                    Some(c) => raw.push(c),
                    None => return Err("a text in apostrophes does not end".to_owned()),
                }
            }
        }
        Some('$') => ValueSource::parse(&until_separator(chars)).map(Argument::Path),
        Some('S') => call(chars).map(Argument::Call),
        _ => {
            let text = until_separator(chars);
            let fixed = serde_json::from_str(&text).ok().filter(|v: &Value| !v.is_string() && !v.is_array());
            fixed.map(Argument::Fixed).ok_or_else(|| {
                format!(
                    "a text in apostrophes, a number, null, a path or a call was expected instead of `{text}`"
                )
            })
        }
    }
}

/// What comes before the next `,` or `)` outside of brackets.
fn until_separator(chars: &mut Peekable<Chars<'_>>) -> String {
    let mut text = String::new();
    let mut open = 0_u32;
    while let Some(&c) = chars.peek() {
        match c {
            ',' | ')' if open == 0 => break,
            '[' | '(' => open += 1,
            ']' | ')' => open = open.saturating_sub(1),
            _ => {}
        }
        text.push(c);
        chars.next();
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
