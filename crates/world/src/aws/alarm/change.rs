//! The states of an alarm, and what is told of their changes.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

/// The state of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmState {
    /// It was not looked at yet, or what it looks at was never there.
    InsufficientData,
    /// The threshold is not breached.
    Ok,
    /// The threshold is breached.
    Alarm,
}

impl AlarmState {
    /// CloudWatch's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InsufficientData => "INSUFFICIENT_DATA",
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
        }
    }
}

/// An alarm has changed its state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AlarmChange {
    /// The alarm's name.
    pub alarm: &'static str,
    /// What it was.
    pub from: AlarmState,
    /// What it is.
    pub to: AlarmState,
    /// When it changed.
    pub at: Timestamp,
}

impl AlarmChange {
    /// The event that CloudWatch invokes a function with (CloudWatch user guide, "Invoke a Lambda function
    /// from an alarm"), without the reasons.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let at = format!("{:.3}", self.at);
        json!({
            "source": "aws.cloudwatch",
            "alarmArn": format!("arn:aws:cloudwatch:us-east-1:000000000000:alarm:{}", self.alarm),
            "accountId": "000000000000",
            "time": at,
            "region": "us-east-1",
            "alarmData": {
                "alarmName": self.alarm,
                "state": { "value": self.to.name(), "timestamp": at },
                "previousState": { "value": self.from.name() },
            },
        })
    }
}
