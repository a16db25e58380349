//! Who calls a function, told apart by what its event has.

use circuit_breaker_core::health_monitor::MonitorEvent;
use circuit_breaker_core::retry_processor::WakeMessage;
use serde::Deserialize;
use serde_json::Value;
use tenfold_lambda::alarm::AlarmEvent;
use tenfold_lambda::schedule::ScheduleEvent;
use tenfold_lambda::sqs::SqsBatch;

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

/// A call of the retry processor, as EventBridge or the retry queue's event source sends it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub enum ProcessorCall {
    /// The schedule.
    Schedule,
    /// Messages of the retry queue.
    Messages(Vec<WakeMessage>),
}

impl TryFrom<Value> for ProcessorCall {
    type Error = serde_json::Error;

    fn try_from(event: Value) -> Result<Self, serde_json::Error> {
        if event.get("Records").is_some() {
            let batch = SqsBatch::deserialize(event)?;
            let message = |record: &tenfold_lambda::sqs::SqsRecord| WakeMessage {
                id: record.id().into(),
                body: record.body().to_owned(),
            };
            return Ok(Self::Messages(batch.records.iter().map(message).collect()));
        }
        ScheduleEvent::deserialize(event).map(|_| Self::Schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: &str = include_str!("../events/schedule.json");
    const ALARM: &str = include_str!("../events/alarm.json");
    const WAKE: &str = include_str!("../events/wake.json");

    #[test]
    fn both_callers_of_the_monitor_are_understood() {
        let read = |text: &str| serde_json::from_str::<MonitorCall>(text).unwrap().0;
        assert_eq!(read(SCHEDULE), MonitorEvent::Schedule);
        let alarm = MonitorEvent::Alarm { name: "circuit-breaker-target-failing".into(), is_raised: true };
        assert_eq!(read(ALARM), alarm);
    }

    #[test]
    fn both_callers_of_the_processor_are_understood() {
        let read = |text: &str| serde_json::from_str::<ProcessorCall>(text).unwrap();
        assert_eq!(read(SCHEDULE), ProcessorCall::Schedule);
        let ProcessorCall::Messages(messages) = read(WAKE) else { panic!("no messages") };
        let message = WakeMessage {
            id: "059f36b4-87a3-44ab-83d2-661975830a7d".into(),
            body: r#"{"target":"pay"}"#.to_owned(),
        };
        assert_eq!(messages, [message]);
    }

    #[test]
    fn nobody_else_is() {
        for other in [r#"{"source":"aws.s3"}"#, &ALARM.replace("aws.cloudwatch", "aws.s3"), "[]"] {
            assert!(serde_json::from_str::<MonitorCall>(other).is_err(), "{other}");
            assert!(serde_json::from_str::<ProcessorCall>(other).is_err(), "{other}");
        }
    }
}
