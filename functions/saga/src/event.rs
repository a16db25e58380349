//! Who calls the coordinator, told apart by the shape of an event.

use saga_core::coordinator::{CoordinatorEvent, Settle};
use serde::Deserialize;
use serde_json::Value;
use tenfold_lambda::schedule::ScheduleEvent;

/// A call of the coordinator, as a state machine or EventBridge sends it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct CoordinatorCall(pub CoordinatorEvent);

impl TryFrom<Value> for CoordinatorCall {
    type Error = serde_json::Error;

    fn try_from(event: Value) -> Result<Self, serde_json::Error> {
        // Not left to serde's trying one after the other, which could not say what is wrong with either.
        if event.get("action").is_some() {
            return Settle::deserialize(event).map(|settle| Self(CoordinatorEvent::Settle(settle)));
        }
        ScheduleEvent::deserialize(event).map(|_| Self(CoordinatorEvent::Schedule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CoordinatorEvent, serde_json::Error> {
        serde_json::from_str::<CoordinatorCall>(text).map(|call| call.0)
    }

    #[test]
    fn both_callers_are_understood() {
        assert_eq!(read(include_str!("../events/schedule.json")).unwrap(), CoordinatorEvent::Schedule);
        let settle = read(include_str!("../events/settle.json")).unwrap();
        assert!(matches!(settle, CoordinatorEvent::Settle(settle) if settle.round == 0));
    }

    #[test]
    fn nobody_else_is() {
        for other in [r#"{"source":"aws.s3"}"#, r#"{"action":"do","saga":"x","round":1}"#, "[]"] {
            assert!(read(other).is_err(), "{other}");
        }
    }
}
