//! What can happen to a saga: each event is one entry of its log, and what the style's machinery goes on by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, ToSmolStr};

use crate::names::{BadName, Name};

/// What an entry of a log tells. In text `started` or, of a step, `flight.done`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr", into = "SmolStr")]
pub enum LogEvent {
    /// It happened to the saga as a whole.
    Saga(SagaEvent),
    /// It happened to one step.
    Step(Name, StepEvent),
}

/// What happens to a saga as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SagaEvent {
    /// Somebody asked for the saga.
    Started,
    /// Somebody took that back: the undoing begins.
    Cancelled,
    /// The saga was not done in time: the undoing begins.
    Deadline,
    /// The undoing begins anew.
    Retried,
    /// After the pivot: the doing begins anew.
    Resumed,
    /// The state machine has nothing more to try.
    Settled,
    /// Nobody tries the saga again: there were enough rounds.
    GaveUp,
    /// A person has closed the saga.
    Resolved,
}

/// What happens to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepEvent {
    /// The step had its effect.
    Done,
    /// The step was refused, for good and without an effect.
    Failed,
    /// The step has no effect any more, and never will have.
    Undone,
    /// The step has its effect, and that cannot be taken back.
    Stuck,
}

impl SagaEvent {
    /// All events.
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::Cancelled,
        Self::Deadline,
        Self::Retried,
        Self::Resumed,
        Self::Settled,
        Self::GaveUp,
        Self::Resolved,
    ];

    /// Returns the event's name, as the log has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Cancelled => "cancelled",
            Self::Deadline => "deadline",
            Self::Retried => "retried",
            Self::Resumed => "resumed",
            Self::Settled => "settled",
            Self::GaveUp => "gave-up",
            Self::Resolved => "resolved",
        }
    }
}

impl StepEvent {
    /// All events.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Undone, Self::Stuck];

    /// Returns the event's name, as the log has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Undone => "undone",
            Self::Stuck => "stuck",
        }
    }
}

impl LogEvent {
    /// Returns what tells that this happened to a step.
    #[must_use]
    pub fn of(step: &Name, event: StepEvent) -> Self {
        Self::Step(step.clone(), event)
    }
}

impl From<SagaEvent> for LogEvent {
    fn from(event: SagaEvent) -> Self {
        Self::Saga(event)
    }
}

impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Saga(event) => f.write_str(event.name()),
            Self::Step(step, event) => write!(f, "{step}.{}", event.name()),
        }
    }
}

/// Text that is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLogEvent {
    /// Neither the saga nor a step knows it.
    #[error("`{0}` is no event; `started` or `flight.done`, for instance, was expected")]
    Unknown(SmolStr),
    /// It names no step.
    #[error("no event: {0}")]
    Step(#[from] BadName),
}

impl FromStr for LogEvent {
    type Err = BadLogEvent;

    fn from_str(text: &str) -> Result<Self, BadLogEvent> {
        let unknown = || BadLogEvent::Unknown(text.into());
        match text.rsplit_once('.') {
            None => {
                let event = SagaEvent::ALL.into_iter().find(|e| e.name() == text);
                event.map(Self::Saga).ok_or_else(unknown)
            }
            Some((step, event)) => {
                let event = StepEvent::ALL.into_iter().find(|e| e.name() == event).ok_or_else(unknown)?;
                Ok(Self::Step(Name::parse(step)?, event))
            }
        }
    }
}

impl TryFrom<SmolStr> for LogEvent {
    type Error = BadLogEvent;

    fn try_from(text: SmolStr) -> Result<Self, BadLogEvent> {
        text.parse()
    }
}

impl From<LogEvent> for SmolStr {
    fn from(event: LogEvent) -> Self {
        event.to_smolstr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_as_it_is_written() {
        let step = Name::parse("rental-car").unwrap();
        let steps = StepEvent::ALL.into_iter().map(|event| LogEvent::of(&step, event));
        for event in SagaEvent::ALL.into_iter().map(LogEvent::from).chain(steps) {
            assert_eq!(event.to_string().parse(), Ok(event.clone()), "{event}");
        }
        for bad in ["", "done", "flight.", ".done", "flight.gone", "A.done"] {
            assert!(bad.parse::<LogEvent>().is_err(), "{bad}");
        }
    }
}
