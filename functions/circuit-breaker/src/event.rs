//! Who calls the health monitor, told apart by the source that an event names.

use circuit_breaker_core::health_monitor::MonitorEvent;
use serde::Deserialize;
use serde_json::Value;
use tenfold_lambda::alarm::AlarmEvent;
use tenfold_lambda::schedule::ScheduleEvent;

/// A call of the health monitor, as EventBridge or CloudWatch sends it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct MonitorCall(pub MonitorEvent);

impl TryFrom<Value> for MonitorCall {
    type Error = serde_json::Error;

    fn try_from(event: Value) -> Result<Self, serde_json::Error> {
        // Not left to serde's trying one after the other, which could not say what is wrong with either.
        if event.get("alarmData").is_some() {
            let AlarmEvent { name, is_raised } = AlarmEvent::deserialize(event)?;
            return Ok(Self(MonitorEvent::Alarm { name, is_raised }));
        }
        ScheduleEvent::deserialize(event).map(|_| Self(MonitorEvent::Schedule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: &str = include_str!("../events/schedule.json");
    const ALARM: &str = include_str!("../events/alarm.json");

    #[test]
    fn both_callers_are_understood() {
        let read = |text: &str| serde_json::from_str::<MonitorCall>(text).unwrap().0;
        assert_eq!(read(SCHEDULE), MonitorEvent::Schedule);
        let alarm = MonitorEvent::Alarm { name: "circuit-breaker-target-failing".into(), is_raised: true };
        assert_eq!(read(ALARM), alarm);
    }

    #[test]
    fn nobody_else_is() {
        for other in [r#"{"source":"aws.s3"}"#, &ALARM.replace("aws.cloudwatch", "aws.s3"), "[]"] {
            assert!(serde_json::from_str::<MonitorCall>(other).is_err(), "{other}");
        }
    }
}
