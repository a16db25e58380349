//! What DynamoDB answers to what it does not take.

use tenfold_ports::CallError;

pub(crate) fn invalid(why: &str) -> CallError {
    CallError::Refused(format!("ValidationException: {why}"))
}
