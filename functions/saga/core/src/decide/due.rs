//! What the clock makes of a saga.

use jiff::Timestamp;

use crate::event::SagaEvent;
use crate::mutant::{Mutant, is_in};
use crate::rows::{ROUND_MOST, SagaRow};
use crate::state::SagaState;

/// How many rounds there are that nobody asked for, before a person has to.
pub const ROUNDS: u32 = 5;

/// What the clock makes of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing is due: the saga is not late, waits for a person, or is at its end.
    No,
    /// A new round begins, by this event and in this state.
    Round(SagaEvent, SagaState),
    /// There were enough rounds: the saga ends as it is.
    GiveUp,
}

/// Decides what the clock makes of a saga at a time.
///
/// ```
/// use jiff::{SignedDuration, Timestamp};
/// use saga_core::context::Style;
/// use saga_core::decide::{Due, due};
/// use saga_core::event::SagaEvent;
/// use saga_core::names::SagaId;
/// use saga_core::rows::{SagaData, SagaRow};
/// use saga_core::state::SagaState;
/// use tenfold_ports::Carrier;
///
/// let (since, deadline) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + SignedDuration::from_mins(10));
/// let saga = SagaRow {
///     id: SagaId::of_key("booking-1"),
///     version: 1,
///     state: SagaState::Running,
///     round: 0,
///     tries: 0,
///     pivoted: false,
///     since,
///     wake: Some(deadline),
///     resolution: None,
///     data: SagaData { style: Style::Orchestrated, payload: (), created: since, carrier: Carrier::default() },
/// };
/// assert_eq!(due(&saga, since), Due::No);
/// assert_eq!(due(&saga, deadline), Due::Round(SagaEvent::Deadline, SagaState::Compensating));
/// ```
#[must_use]
pub fn due<P>(saga: &SagaRow<P>, now: Timestamp) -> Due {
    if saga.wake.is_none_or(|wake| wake > now) {
        return Due::No;
    }
    let again = has_rounds_left(saga);
    match saga.state {
        SagaState::Running => Due::Round(SagaEvent::Deadline, SagaState::Compensating),
        SagaState::Compensating if again => Due::Round(SagaEvent::Retried, SagaState::Compensating),
        SagaState::Committing if again => Due::Round(SagaEvent::Resumed, SagaState::Committing),
        SagaState::Compensating | SagaState::Committing => Due::GiveUp,
        // It waits for a person.
        SagaState::Stuck | SagaState::Committed | SagaState::Compensated | SagaState::Resolved => Due::No,
    }
}

fn has_rounds_left<P>(saga: &SagaRow<P>) -> bool {
    (saga.tries < ROUNDS && saga.round < ROUND_MOST) || is_in(Mutant::EndlessRounds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Style;
    use crate::names::SagaId;
    use crate::rows::SagaData;

    #[test]
    fn rounds_end() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let carrier = tenfold_ports::Carrier::default();
        let data = SagaData { style: Style::Orchestrated, payload: (), created: at(0), carrier };
        let row = |state, tries, round| SagaRow {
            id: SagaId::of_key("a"),
            version: 1,
            state,
            round,
            tries,
            pivoted: false,
            since: at(0),
            wake: Some(at(100)),
            resolution: None,
            data: data.clone(),
        };
        let deadline = Due::Round(SagaEvent::Deadline, SagaState::Compensating);
        let retried = Due::Round(SagaEvent::Retried, SagaState::Compensating);
        for (state, tries, round, now, expected) in [
            (SagaState::Running, 0, 0, 99, Due::No),
            (SagaState::Running, 0, 0, 100, deadline),
            (SagaState::Compensating, 4, 4, 100, retried),
            (SagaState::Compensating, 5, 5, 100, Due::GiveUp),
            (SagaState::Compensating, 0, 99, 100, Due::GiveUp),
            (SagaState::Committing, 1, 1, 100, Due::Round(SagaEvent::Resumed, SagaState::Committing)),
            (SagaState::Committing, 5, 1, 100, Due::GiveUp),
            (SagaState::Stuck, 5, 1, 100, Due::No),
        ] {
            assert_eq!(due(&row(state, tries, round), at(now)), expected, "{state} {tries} {round} {now}");
        }
    }
}
