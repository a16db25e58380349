//! Errors under fixed names: what an alarm counts and a state machine's `ErrorEquals` catches.

use std::fmt;

use lambda_runtime::Diagnostic;

/// The `errorType` of an event that is not what the function takes.
pub const BAD_EVENT: &str = "BadEvent";
/// The `errorType` of a handler that panicked.
pub const PANIC: &str = "Panic";

/// An error of a closed set, each under a name that stays.
///
/// The names are the contract with state machines, so they are written out and not taken from types.
pub trait ErrorType {
    /// The Lambda `errorType`, in `PascalCase`.
    fn error_type(&self) -> &'static str;
}

/// Never made, so never named.
impl ErrorType for std::convert::Infallible {
    fn error_type(&self) -> &'static str {
        match *self {}
    }
}

/// The error as Lambda reports it.
pub fn diagnostic(error: &(impl ErrorType + fmt::Display)) -> Diagnostic {
    failure(error.error_type(), error.to_string())
}

/// A failure under a name.
pub(crate) fn failure(error_type: &str, error_message: String) -> Diagnostic {
    Diagnostic { error_type: error_type.to_owned(), error_message }
}

/// Why a function could not start, or could not go on asking for events.
///
/// Any error converts into one, under the name of its type. (Like other errors that any error converts into,
/// it is none itself.)
#[derive(Debug)]
pub struct InitError {
    /// The name of the error's type.
    pub error_type: String,
    /// The error in words.
    pub message: String,
    /// Whether the function had started, so that Lambda is not to be told of a failed start.
    pub(crate) started: bool,
}

impl<E: std::error::Error> From<E> for InitError {
    fn from(error: E) -> Self {
        let whole = std::any::type_name::<E>();
        let plain = whole.split('<').next().unwrap_or(whole);
        let name = plain.rsplit("::").next().unwrap_or(plain);
        Self { error_type: name.to_owned(), message: error.to_string(), started: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{BadVariable, ConfigError};

    #[derive(Debug, thiserror::Error)]
    #[error("the row is at {0}")]
    struct Stale(u32);

    impl ErrorType for Stale {
        fn error_type(&self) -> &'static str {
            "StaleVersion"
        }
    }

    #[test]
    fn an_error_keeps_the_name_it_was_given() {
        let Diagnostic { error_type, error_message } = diagnostic(&Stale(7));
        assert_eq!((error_type.as_str(), error_message.as_str()), ("StaleVersion", "the row is at 7"));
    }

    #[test]
    fn a_failed_start_is_named_by_the_type_of_its_error() {
        let bad = BadVariable { name: "X", found: None, expected: "text".to_owned() };
        let error = InitError::from(ConfigError(vec![bad]));
        assert_eq!(error.error_type, "ConfigError");
        assert_eq!(error.message, "bad configuration: X is not set, expected text");
    }
}
