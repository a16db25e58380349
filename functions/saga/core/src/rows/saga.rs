//! The row of a saga: how it is read, created and held to what it was. How it is changed is in `change`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::Carrier;
use tenfold_ports::table::{BadItem, Condition, Item, Write};

use super::keys::{OPEN, WAKE, saga_key, saga_of};
use crate::context::{Payload, SagaContext, Style};
use crate::definition::Definition;
use crate::names::SagaId;
use crate::state::SagaState;

pub(super) const STATE: &str = "state";
pub(super) const VERSION: &str = "version";
pub(super) const ROUND: &str = "round";
pub(super) const TRIES: &str = "tries";
pub(super) const PIVOTED: &str = "pivoted";
pub(super) const SINCE: &str = "since";
pub(super) const RESOLUTION: &str = "resolution";

/// A saga as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SagaRow<P> {
    /// The saga's id.
    pub id: SagaId,
    /// How often the row was written.
    pub version: i64,
    /// The saga's state.
    pub state: SagaState,
    /// How often the saga's doing or undoing was begun before: 0 to [`ROUND_MOST`](super::ROUND_MOST).
    pub round: u32,
    /// The number of rounds that nobody asked for, since somebody last did.
    pub tries: u32,
    /// Whether the pivot is done.
    pub pivoted: bool,
    /// When the saga came into its state.
    pub since: Timestamp,
    /// When somebody has to look at the saga; none at its end.
    pub wake: Option<Timestamp>,
    /// Why a person has closed the saga.
    pub resolution: Option<SmolStr>,
    /// What never changes.
    pub data: SagaData<P>,
}

/// What of a saga never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SagaData<P> {
    /// Who leads the saga on.
    pub style: Style,
    /// What the saga is about.
    pub payload: P,
    /// When the saga was asked for.
    pub created: Timestamp,
    /// The trace and the correlation id of the request for the saga; rows of before have neither.
    #[serde(flatten)]
    pub carrier: Carrier,
}

impl<P: Payload> SagaRow<P> {
    /// Reads a row.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let bad = |attribute: &str, why: String| BadItem {
            key: item.key.to_string(),
            attribute: attribute.to_owned(),
            why,
        };
        let id = saga_of(&item.key);
        let state = item.text(STATE)?;
        let count = |name| {
            let n = item.number(name)?;
            u32::try_from(n).map_err(|e| bad(name, format!("is {n}: {e}")))
        };
        let since = item.number(SINCE)?;
        let wake = item.get(WAKE).map(|_| item.number(WAKE)).transpose()?;
        Ok(Self {
            id: id.ok_or_else(|| bad("pk", "names no saga".to_owned()))?,
            version: item.number(VERSION)?,
            state: SagaState::parse(state)
                .ok_or_else(|| bad(STATE, format!("is `{state}`, which is no state")))?,
            round: count(ROUND)?,
            tries: count(TRIES)?,
            pivoted: item.get(PIVOTED).is_some(),
            since: Timestamp::from_millisecond(since).map_err(|e| bad(SINCE, e.to_string()))?,
            wake: wake
                .map(|s| Timestamp::from_second(s).map_err(|e| bad(WAKE, e.to_string())))
                .transpose()?,
            resolution: item.get(RESOLUTION).map(|_| item.text(RESOLUTION).cloned()).transpose()?,
            data: item.doc()?,
        })
    }

    /// Reads the state of a row, whatever the saga is about.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn state_of(item: &Item) -> Result<Option<SagaState>, BadItem> {
        Ok(SagaState::parse(item.text(STATE)?))
    }

    /// Returns the write of a new saga's row, where there is none with its id.
    #[must_use]
    pub fn create(definition: &Definition<P>, id: SagaId, data: SagaData<P>) -> Write {
        let now = data.created;
        let item = Item::new(saga_key(id))
            .with(STATE, SagaState::Running.name())
            .with(VERSION, 1)
            .with(ROUND, 0)
            .with(TRIES, 0)
            .with(SINCE, now.as_millisecond());
        let item = match SagaState::Running.open(id.shard(definition.shards())) {
            Some(open) => item.with(OPEN, open).with(WAKE, (now + definition.deadline()).as_second()),
            None => item,
        };
        Write::create(item.with_doc(data))
    }

    /// Returns what whoever acts on the saga in a round is given, in the trace of the request for the saga.
    #[must_use]
    pub fn context(&self, round: u32) -> SagaContext<P> {
        let SagaData { style, payload, carrier, .. } = self.data.clone();
        SagaContext { saga: self.id, round, style, payload, carrier }
    }

    /// Returns the check that the saga is in the state as it was read. It writes nothing.
    #[must_use]
    pub fn check(&self) -> Write {
        check(self.id, self.state)
    }

    /// Returns the condition that the saga is in the state as it was read.
    #[must_use]
    pub fn in_its_state(&self) -> Condition {
        is(self.state)
    }

    /// Returns the condition that nobody has written since the row was read.
    #[must_use]
    pub fn unchanged(&self) -> Condition {
        Condition::Is(VERSION, self.version.into())
    }
}

/// Returns the check that a saga is in this state. It writes nothing.
#[must_use]
pub fn check(id: SagaId, state: SagaState) -> Write {
    Write::Check { key: saga_key(id), condition: is(state) }
}

pub(super) fn is(state: SagaState) -> Condition {
    Condition::Is(STATE, state.name().into())
}
