//! Events of alarms of CloudWatch that call a function.
//!
//! The shape is that of `aws_lambda_events`, of which [`AlarmEvent`] is a view. The crate is stricter than AWS where it
//! spells out an alarm's configuration: a period above 65,535 s and a metric that is an expression fail the whole event.
//! So the view reads the configuration and the reason's data as what they are, JSON that nobody looks at. It is laxer:
//! an event without `alarmData` has an alarm without a name, which is refused here.

use aws_lambda_events::cloudwatch_alarms::{CloudWatchAlarm, CloudWatchAlarmStateValue};
use serde::Deserialize;
use serde_json::Value;
use smol_str::SmolStr;

type Event = CloudWatchAlarm<Option<Value>, Value>;

/// The change of an alarm's state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "Event")]
pub struct AlarmEvent {
    /// The alarm's name.
    pub name: SmolStr,
    /// Whether it is raised now; else it is well, or knows too little.
    pub is_raised: bool,
}

impl TryFrom<Event> for AlarmEvent {
    type Error = String;

    fn try_from(event: Event) -> Result<Self, String> {
        match event.source.as_deref() {
            Some("aws.cloudwatch") => {}
            other => return Err(format!("the source is {other:?}, expected aws.cloudwatch")),
        }
        if event.alarm_data.alarm_name.is_empty() {
            return Err("an alarm without an `alarmName`".to_owned());
        }
        let is_raised = event.alarm_data.state.is_some_and(|s| s.value == CloudWatchAlarmStateValue::Alarm);
        Ok(Self { name: event.alarm_data.alarm_name.into(), is_raised })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = include_str!("../tests/events/alarm.json");

    #[test]
    fn an_alarm_says_its_name_and_whether_it_is_raised() {
        let read = |text: &str| serde_json::from_str::<AlarmEvent>(text).unwrap();
        assert_eq!(read(EVENT), AlarmEvent { name: "queue-age".into(), is_raised: true });
        for other in ["OK", "INSUFFICIENT_DATA"] {
            let event = EVENT.replacen(r#""value": "ALARM""#, &format!(r#""value": "{other}""#), 1);
            assert!(!read(&event).is_raised, "{other}");
        }
    }

    /// The crate's own shape of a metric alarm takes neither; the fixture has both.
    #[test]
    fn a_period_of_a_day_and_an_expression_are_well() {
        type Strict = aws_lambda_events::cloudwatch_alarms::CloudWatchMetricAlarm;
        let error = serde_json::from_str::<Strict>(EVENT).unwrap_err().to_string();
        assert!(error.contains("86400") || error.contains("metricStat"), "{error}");
        assert!(serde_json::from_str::<AlarmEvent>(EVENT).is_ok());
    }

    #[test]
    fn what_is_no_alarm_is_refused() {
        let error = |text: &str| serde_json::from_str::<AlarmEvent>(text).unwrap_err().to_string();
        assert!(error(&EVENT.replacen("aws.cloudwatch", "aws.s3", 1)).contains("aws.s3"));
        let nameless = r#"{"source": "aws.cloudwatch", "time": "2099-03-01T12:01:00.000+0000"}"#;
        assert!(error(nameless).contains("alarmName"));
    }
}
