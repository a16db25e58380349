//! An entry of a saga's log, which is also the message that leads the saga on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::Carrier;
use tenfold_ports::table::{BadItem, Condition, Item, Write};

use super::keys::log_key;
use crate::context::{Payload, SagaContext, Style};
use crate::definition::Definition;
use crate::event::LogEvent;
use crate::mutant::{Mutant, is_in};
use crate::names::{Name, SagaId};
use crate::state::SagaState;

/// The last round that a saga can have, whoever began them: after it a person has to resolve the saga. Its
/// number has two digits, as the keys of the log have.
pub const ROUND_MOST: u32 = 99;

/// An entry of a saga's log: what happened, when, and all that whoever acts on it needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry<P> {
    /// The saga's id.
    pub saga: SagaId,
    /// The name of the saga's definition.
    pub definition: Name,
    /// Who leads the saga on.
    pub style: Style,
    /// The round in which it happened.
    pub round: u32,
    /// What happened.
    pub event: LogEvent,
    /// When it happened, by the clock of whoever wrote it.
    pub at: Timestamp,
    /// The saga's state from here on, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SagaState>,
    /// What was taken or given back, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<SmolStr>,
    /// The reason why it failed, is stuck, or is resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What the saga is about.
    pub payload: P,
    /// The trace and the correlation id of what made it happen; entries of before have neither.
    #[serde(flatten)]
    pub carrier: Carrier,
}

impl<P: Payload> LogEntry<P> {
    /// Returns an entry that changes no state and has no item and no error.
    #[must_use]
    pub fn of(
        definition: &Definition<P>,
        context: &SagaContext<P>,
        event: impl Into<LogEvent>,
        at: Timestamp,
    ) -> Self {
        Self {
            saga: context.saga,
            definition: definition.name().clone(),
            style: context.style,
            round: context.round,
            event: event.into(),
            at,
            state: None,
            item: None,
            error: None,
            payload: context.payload.clone(),
            carrier: context.carrier.clone(),
        }
    }

    /// Returns what whoever acts on the entry is given.
    #[must_use]
    pub fn context(self) -> SagaContext<P> {
        let Self { saga, round, style, payload, carrier, .. } = self;
        SagaContext { saga, round, style, payload, carrier }
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        item.doc()
    }

    /// Returns the write of the entry, which is made once.
    #[must_use]
    pub fn append(self) -> Write {
        let key = log_key(self.saga, self.round, &self.event);
        let condition = if is_in(Mutant::StepTwice) { Condition::Always } else { Condition::Absent };
        Write::Put { item: Item::new(key).with_doc(self), condition }
    }
}
