//! The row of a step: the reservation, the idempotency marker and the tombstone in one.
//!
//! It only ever goes from nothing to `done`, `undone` or `refused`, from `done` to `undone` or `stuck`, and
//! from `stuck` to `undone`. So a condition on the state is a condition on all of its history.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::table::{BadItem, Condition, Item, Write};

use super::keys::step_key;
use crate::mutant::{Mutant, is_in};
use crate::names::{Name, SagaId};
use crate::state::StepState;

const STATE: &str = "state";

/// A step as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StepRow {
    /// The step's state.
    pub state: StepState,
    /// What nobody conditions on.
    pub data: StepData,
}

/// What of a step nobody conditions on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepData {
    /// The round in which the step came into its state.
    pub round: u32,
    /// When the step came into its state, by the clock of whoever wrote it.
    pub at: Timestamp,
    /// What was taken, in a few words; none where nothing ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<SmolStr>,
    /// Why the step was refused or is stuck, in the service's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl StepRow {
    /// Reads a row.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let state = item.text(STATE)?;
        let Some(state) = StepState::parse(state) else {
            let why = format!("is `{state}`, which is no state");
            return Err(BadItem { key: item.key.to_string(), attribute: STATE.to_owned(), why });
        };
        Ok(Self { state, data: item.doc()? })
    }

    /// Returns the write of the row where `before` (none: no row) is as it was read.
    #[must_use]
    pub fn write(self, id: SagaId, step: &Name, before: Option<StepState>) -> Write {
        let item = Item::new(step_key(id, step)).with(STATE, self.state.name()).with_doc(self.data);
        let condition = match before {
            None => Condition::Absent,
            Some(state) => Condition::Is(STATE, state.name().into()),
        };
        let twice = is_in(Mutant::StepTwice) && self.state == StepState::Done;
        let condition = if twice { Condition::Always } else { condition };
        Write::Put { item, condition }
    }

    /// Returns the check that the row is in the state as it was read. It writes nothing.
    #[must_use]
    pub fn check(&self, id: SagaId, step: &Name) -> Write {
        Write::Check { key: step_key(id, step), condition: Condition::Is(STATE, self.state.name().into()) }
    }
}
