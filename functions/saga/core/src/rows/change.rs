//! A change of a saga's row.
//!
//! A row is changed attribute by attribute under a condition on its state, not replaced under its version:
//! the pivot's transaction changes it without having read it.

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::table::{Condition, Update, Write};

use super::keys::{OPEN, WAKE, saga_key};
use super::saga::{PIVOTED, RESOLUTION, ROUND, SINCE, STATE, TRIES, VERSION, is};
use crate::definition::Definition;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;
use crate::state::SagaState;

/// A change of a saga's row to a state, attribute by attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct SagaChange {
    id: SagaId,
    updates: Vec<(SmolStr, Update)>,
}

impl SagaChange {
    /// Returns the change to a state, with the deadline that goes with it.
    #[must_use]
    pub fn to<P>(definition: &Definition<P>, id: SagaId, to: SagaState, now: Timestamp) -> Self {
        let wake = match to {
            SagaState::Running => now + definition.deadline(),
            SagaState::Stuck => now,
            _ => now + definition.recovery(),
        };
        let (open, wake) = match to.open(id.shard(definition.shards())) {
            Some(open) => (Update::Set(open.into()), Update::Set(wake.as_second().into())),
            None => (Update::Remove, Update::Remove),
        };
        let mut change = Self { id, updates: Vec::with_capacity(8) };
        change.set(STATE, Update::Set(to.name().into()));
        change.set(VERSION, Update::Add(1));
        change.set(SINCE, Update::Set(now.as_millisecond().into()));
        change.set(OPEN, open);
        change.set(WAKE, wake);
        change
    }

    fn set(&mut self, name: &'static str, update: Update) {
        self.updates.push((SmolStr::new_static(name), update));
    }

    /// Returns the change by which the pivot is done, too.
    #[must_use]
    pub fn pivoted(mut self) -> Self {
        self.set(PIVOTED, Update::Set(true.into()));
        self
    }

    /// Returns the change that begins a round, too, after `tries` that nobody asked for.
    #[must_use]
    pub fn round(mut self, round: u32, tries: u32) -> Self {
        self.set(ROUND, Update::Set(i64::from(round).into()));
        self.set(TRIES, Update::Set(i64::from(tries).into()));
        self
    }

    /// Returns the change for which a person gives a reason, too.
    #[must_use]
    pub fn resolution(mut self, reason: SmolStr) -> Self {
        self.set(RESOLUTION, Update::Set(reason.into()));
        self
    }

    /// Returns the write that makes the change where the saga is in the state `from`.
    #[must_use]
    pub fn from(self, from: SagaState) -> Write {
        self.when(is(from))
    }

    /// Returns the write that makes the change where the condition holds of the row.
    #[must_use]
    pub fn when(self, condition: Condition) -> Write {
        Write::Update { key: saga_key(self.id), updates: self.updates, condition }
    }
}

/// Returns the pivot's change, and the state that it leads to: it is the only way from running to the end
/// that was wanted.
#[must_use]
pub fn pivot_change<P>(definition: &Definition<P>, id: SagaId, now: Timestamp) -> (SagaState, Write) {
    let to = if definition.retryables().is_empty() { SagaState::Committed } else { SagaState::Committing };
    let change = SagaChange::to(definition, id, to, now).pivoted();
    let write = if is_in(Mutant::PivotUnconditional) {
        change.when(Condition::Present)
    } else {
        change.from(SagaState::Running)
    };
    (to, write)
}
