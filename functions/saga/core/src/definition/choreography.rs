//! The choreography: which service acts on which events, and the subscriptions that bring them to it.
//!
//! Doing goes forward from `started` by each step's `done`. Undoing goes backward: from what a person or the
//! clock says, or from the step that was refused, by each step's `undone`, and by `stuck` too, so that one
//! step that cannot be undone does not keep those before it from being undone. The first step's undo ends the
//! saga, and nobody waits for its event.

use serde::Serialize;

use super::asl::pretty;
use super::saga::Definition;
use super::step::{Role, Step};
use crate::event::{LogEvent, SagaEvent, StepEvent};

/// The direction in which a service is asked to take its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// Forward: the step is done.
    Do,
    /// Backward: its effect is taken back.
    Undo,
}

impl<P> Definition<P> {
    /// Returns what the service of the step at `at` does when `event` comes; none where it does nothing.
    #[must_use]
    pub fn reaction(&self, at: usize, event: &LogEvent) -> Option<Direction> {
        let does = match event {
            LogEvent::Saga(SagaEvent::Started) => at == 0,
            LogEvent::Saga(SagaEvent::Resumed) => at == self.pivot + 1,
            LogEvent::Step(step, StepEvent::Done) => self.place(step).is_some_and(|done| done + 1 == at),
            _ => false,
        };
        let undoes = match event {
            LogEvent::Saga(SagaEvent::Cancelled | SagaEvent::Deadline | SagaEvent::Retried) => {
                Some(self.undo_first())
            }
            LogEvent::Step(step, StepEvent::Failed) => self.place(step).and_then(|at| self.undo_from(at)),
            LogEvent::Step(step, StepEvent::Undone | StepEvent::Stuck) => {
                self.place(step).and_then(|at| self.undo_next(at))
            }
            _ => None,
        };
        if does { Some(Direction::Do) } else { (undoes == Some(at)).then_some(Direction::Undo) }
    }

    /// Returns the events on which the service of the step at `at` goes in this direction.
    #[must_use]
    pub fn events(&self, at: usize, direction: Direction) -> Vec<LogEvent> {
        let of_saga = SagaEvent::ALL.into_iter().map(LogEvent::from);
        // A step after the pivot is never refused and never undone.
        let of_step = |step: &Step<P>| match step.role {
            Role::Compensable(_) | Role::Pivot(_) => StepEvent::ALL.as_slice(),
            Role::Retryable(_) => &[StepEvent::Done],
        };
        let of_steps =
            self.steps.iter().flat_map(|s| of_step(s).iter().map(|event| LogEvent::of(&s.name, *event)));
        of_saga.chain(of_steps).filter(|event| self.reaction(at, event) == Some(direction)).collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Choreography {
    comment: String,
    subscriptions: Vec<StepSubscription>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepSubscription {
    step: String,
    #[serde(rename = "do")]
    does: Vec<LogEvent>,
    undo: Vec<LogEvent>,
    filter_policy: FilterPolicy,
    visibility_timeout_seconds: u32,
    max_receive_count: u32,
}

#[derive(Serialize)]
struct FilterPolicy {
    definition: [String; 1],
    style: [&'static str; 1],
    event: Vec<LogEvent>,
}

/// Returns the subscriptions as JSON: for each step the events that its queue gets, by an SNS filter policy
/// on message attributes, and how often and after what time the queue delivers again.
#[must_use]
pub fn subscriptions<P>(definition: &Definition<P>) -> String {
    let subscription = |(at, step): (usize, &Step<P>)| {
        let (does, undo) = (definition.events(at, Direction::Do), definition.events(at, Direction::Undo));
        StepSubscription {
            step: step.name.to_string(),
            filter_policy: FilterPolicy {
                definition: [definition.name().to_string()],
                style: ["choreographed"],
                event: does.iter().chain(&undo).cloned().collect(),
            },
            does,
            undo,
            // As AWS recommends for a queue that calls a function.
            visibility_timeout_seconds: 6 * step.policy.timeout,
            max_receive_count: 1 + step.policy.retry.attempts.max(step.policy.undo_retry.attempts),
        }
    };
    pretty(&Choreography {
        comment: format!(
            "Who acts on which event of the saga `{}`, generated: do not edit.",
            definition.name()
        ),
        subscriptions: definition.steps().iter().enumerate().map(subscription).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trip;

    #[test]
    fn each_event_has_one_service_or_none() {
        let trip = trip::definition().unwrap();
        let acts = |event: &str| {
            let event: LogEvent = event.parse().unwrap();
            let all = (0..3).filter_map(|at| Some((at, trip.reaction(at, &event)?)));
            all.collect::<Vec<_>>()
        };
        for (event, expected) in [
            ("started", Some((0, Direction::Do))),
            ("flight.done", Some((1, Direction::Do))),
            ("hotel.done", Some((2, Direction::Do))),
            ("car.done", None),
            ("flight.failed", None),
            ("hotel.failed", Some((0, Direction::Undo))),
            ("car.failed", Some((1, Direction::Undo))),
            ("cancelled", Some((2, Direction::Undo))),
            ("deadline", Some((2, Direction::Undo))),
            ("retried", Some((2, Direction::Undo))),
            ("car.undone", Some((1, Direction::Undo))),
            ("hotel.undone", Some((0, Direction::Undo))),
            ("hotel.stuck", Some((0, Direction::Undo))),
            ("flight.undone", None),
            ("flight.stuck", None),
            ("resumed", None),
            ("settled", None),
            ("resolved", None),
            ("boat.done", None),
        ] {
            assert_eq!(acts(event), Vec::from_iter(expected), "{event}");
        }
    }

    #[test]
    fn a_queue_gets_just_the_events_that_its_service_acts_on() {
        let trip = trip::definition().unwrap();
        let json: serde_json::Value = serde_json::from_str(&subscriptions(&trip)).unwrap();
        let hotel = &json["subscriptions"][1];
        assert_eq!(hotel["step"], "hotel");
        let expected = serde_json::json!({
            "definition": ["trip"],
            "style": ["choreographed"],
            "event": ["flight.done", "car.failed", "car.undone", "car.stuck"],
        });
        assert_eq!(hotel["filterPolicy"], expected);
    }
}
