//! Events of AWS that belong to no port.

use serde::Deserialize;

/// What a rule of EventBridge with a schedule sends. What else it says, a handler need not know: the time is the
/// clock's, and a run finds its work in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub struct Schedule {
    /// Who sends it.
    pub source: ScheduleSource,
}

/// Who calls by a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum ScheduleSource {
    /// A rule of EventBridge.
    #[serde(rename = "aws.events")]
    EventBridge,
}

impl Schedule {
    /// The event, for those who call a handler themselves.
    pub const EVENT: Self = Self { source: ScheduleSource::EventBridge };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_known_by_its_source() {
        let event = r#"{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}"#;
        assert_eq!(serde_json::from_str::<Schedule>(event).unwrap(), Schedule::EVENT);
        for other in [r#"{"source":"aws.s3"}"#, "{}", "[]"] {
            assert!(serde_json::from_str::<Schedule>(other).is_err(), "{other}");
        }
    }
}
