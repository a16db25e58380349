//! The row of a step: the reservation, the idempotency marker and the tombstone in one.
//!
//! It only ever goes from nothing to `done`, `undone` or `refused`, from `done` to `undone` or `stuck`, and from
//! `stuck` to `undone`. So a condition on the state is a condition on all of its history.

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
    /// What became of it.
    pub state: StepState,
    /// The rest.
    pub data: StepData,
}

/// What of a step nobody conditions on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepData {
    /// In which round it came into its state.
    pub round: u32,
    /// When.
    pub at: Timestamp,
    /// What was taken; none where nothing ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<SmolStr>,
    /// Why it was refused or is stuck.
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

    /// Writes the row where `before` (none: no row) is as it was read.
    #[must_use]
    pub fn write(self, id: SagaId, step: &Name, before: Option<StepState>) -> Write {
        let item = Item::new(step_key(id, step)).with(STATE, self.state.name()).with_doc(self.data);
        let twice = is_in(Mutant::StepTwice) && self.state == StepState::Done;
        let condition = match before {
            _ if twice => Condition::Always,
            None => Condition::Absent,
            Some(state) => Condition::Is(STATE, state.name().into()),
        };
        Write::Put { item, condition }
    }

    /// Writes nothing, and holds a transaction to the row being in the state as it was read.
    #[must_use]
    pub fn check(&self, id: SagaId, step: &Name) -> Write {
        Write::Check { key: step_key(id, step), condition: Condition::Is(STATE, self.state.name().into()) }
    }
}
