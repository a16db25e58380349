//! The end of a saga's undoing: what becomes of it, and that nothing can come after.

use jiff::Timestamp;
use tenfold_ports::table::Write;

use crate::context::Payload;
use crate::definition::Definition;
use crate::mutant::{Mutant, is_in};
use crate::rows::{Partition, StepData, StepRow};
use crate::state::{SagaState, StepState};

/// Says what becomes of a saga with `changed`, a step and its new state; none while a step still has an
/// effect that nobody has tried to undo.
pub(super) fn ending<P: Payload>(
    definition: &Definition<P>,
    part: &Partition<P>,
    changed: Option<(usize, StepState)>,
) -> Option<SagaState> {
    let state = |at| match changed {
        Some((changed, to)) if changed == at => Some(to),
        _ => part.state(at),
    };
    let has = |wanted| (0..=definition.pivot()).any(|at| state(at) == Some(wanted)) && !is_overlooked(wanted);
    if has(StepState::Done) {
        return None;
    }
    Some(if has(StepState::Stuck) { SagaState::Stuck } else { SagaState::Compensated })
}

/// Returns what goes with an end: tombstones for the steps (but `except`) that have no row, so that none can
/// come late, and that the others are as they were read.
pub(super) fn closing<P: Payload>(
    definition: &Definition<P>,
    part: &Partition<P>,
    except: Option<usize>,
    round: u32,
    now: Timestamp,
) -> Vec<Write> {
    let mut writes = Vec::new();
    for (at, step) in definition.steps().iter().enumerate().take(definition.pivot() + 1) {
        match &part.steps[at] {
            _ if Some(at) == except => {}
            None if is_in(Mutant::NoTombstone) => {}
            None => {
                let data = StepData { round, at: now, item: None, error: None };
                let row = StepRow { state: StepState::Undone, data };
                writes.push(row.write(part.saga.id, &step.name, None));
            }
            Some(row) if row.state.is_final() => {}
            Some(row) => writes.push(row.check(part.saga.id, &step.name)),
        }
    }
    writes
}

/// Says whether a mutant overlooks the steps in a state.
fn is_overlooked(state: StepState) -> bool {
    match state {
        StepState::Done => is_in(Mutant::EndWithoutLook),
        StepState::Stuck => is_in(Mutant::StuckCalledCompensated),
        StepState::Undone | StepState::Refused => false,
    }
}
