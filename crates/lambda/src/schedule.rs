//! Events of a schedule: of a rule of EventBridge, or of EventBridge Scheduler.
//!
//! The shape is that of `aws_lambda_events`, of which [`ScheduleEvent`] is a view. The crate is stricter than a person
//! who calls a function by hand may like: besides `source`, which tells a schedule here, `detail-type` and `detail`
//! have to be there, as AWS sends them.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use serde::Deserialize;

/// A call by a schedule. What else it says, a handler need not know: the time is the clock's, and a run finds its work
/// in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "EventBridgeEvent")]
pub struct ScheduleEvent;

/// Who calls by a schedule.
const SOURCES: [&str; 2] = ["aws.events", "aws.scheduler"];

impl TryFrom<EventBridgeEvent> for ScheduleEvent {
    type Error = String;

    fn try_from(event: EventBridgeEvent) -> Result<Self, String> {
        let known = SOURCES.contains(&event.source.as_str());
        known
            .then_some(Self)
            .ok_or_else(|| format!("the source is `{}`, expected {}", event.source, SOURCES.join(" or ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schedule_is_known_by_its_source() {
        let event = |source: &str| {
            let event = json!({"source": source, "detail-type": "Scheduled Event", "detail": {}});
            serde_json::from_value::<ScheduleEvent>(event).map_err(|error| error.to_string())
        };
        assert_eq!(event("aws.events"), Ok(ScheduleEvent));
        assert_eq!(event("aws.scheduler"), Ok(ScheduleEvent));
        assert_eq!(
            event("aws.s3"),
            Err("the source is `aws.s3`, expected aws.events or aws.scheduler".to_owned())
        );
    }

    /// AWS sends them always, a person who calls by hand may not.
    #[test]
    fn what_the_crate_cannot_do_without_is_named() {
        let error =
            serde_json::from_str::<ScheduleEvent>(r#"{"source":"aws.events"}"#).unwrap_err().to_string();
        assert!(error.contains("detail-type"), "{error}");
        assert!(serde_json::from_str::<ScheduleEvent>("[]").is_err());
    }
}
