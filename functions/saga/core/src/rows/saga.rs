//! The row of a saga.
//!
//! It is changed attribute by attribute under a condition on its state, not replaced under its version: the
//! pivot's transaction changes it without having read it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::table::{BadItem, Condition, Item, Key, Update, Write};

use super::{Payload, SagaContext, SagaState, Style, partition};
use crate::definition::Definition;
use crate::mutant::{Mutant, is_in};
use crate::names::SagaId;

const SK: &str = "saga";
const STATE: &str = "state";
const VERSION: &str = "version";
const ROUND: &str = "round";
const TRIES: &str = "tries";
const PIVOTED: &str = "pivoted";
const SINCE: &str = "since";
const RESOLUTION: &str = "resolution";
/// The partition key of the index of open sagas: `running#3` for the fourth shard of the running ones.
pub const OPEN: &str = "open";
/// The sort key of the index of open sagas: when somebody has to look at one, in seconds since 1970.
pub const WAKE: &str = "wake";

/// A saga as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SagaRow<P> {
    /// Its id.
    pub id: SagaId,
    /// How often the row was written.
    pub version: i64,
    /// Its state.
    pub state: SagaState,
    /// Counts how often its doing or undoing was begun; 0 is the first doing.
    pub round: u32,
    /// Rounds that nobody asked for, since somebody last did.
    pub tries: u32,
    /// Whether the pivot is done.
    pub pivoted: bool,
    /// When it came into its state.
    pub since: Timestamp,
    /// When somebody has to look at it; none at its end.
    pub wake: Option<Timestamp>,
    /// Why a person has closed it.
    pub resolution: Option<SmolStr>,
    /// What never changes.
    pub data: SagaData<P>,
}

/// What of a saga never changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SagaData<P> {
    /// Who leads it on.
    pub style: Style,
    /// What it is about.
    pub payload: P,
    /// When it was asked for.
    pub created: Timestamp,
}

/// The key of a saga.
#[must_use]
pub fn saga_key(id: SagaId) -> Key {
    Key::new(partition(id), SK)
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
        let id = item.key.pk.strip_prefix("saga#").and_then(SagaId::parse);
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

    /// The state of a row, whatever the saga is about.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn state_of(item: &Item) -> Result<Option<SagaState>, BadItem> {
        Ok(SagaState::parse(item.text(STATE)?))
    }

    /// Writes the row of a new saga, where there is none with its id.
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

    /// The saga as whoever acts on it in a round knows it.
    #[must_use]
    pub fn context(&self, round: u32) -> SagaContext<P> {
        SagaContext { saga: self.id, round, style: self.data.style, payload: self.data.payload.clone() }
    }

    /// Writes nothing, and holds a transaction to the saga being in the state as it was read.
    #[must_use]
    pub fn check(&self) -> Write {
        check(self.id, self.state)
    }

    /// That nobody has written since the row was read.
    #[must_use]
    pub fn unchanged(&self) -> Condition {
        Condition::Is(VERSION, self.version.into())
    }
}

/// Writes nothing, and holds a transaction to the saga being in this state.
#[must_use]
pub fn check(id: SagaId, state: SagaState) -> Write {
    Write::Check { key: saga_key(id), condition: is(state) }
}

fn is(state: SagaState) -> Condition {
    Condition::Is(STATE, state.name().into())
}

/// A change of a saga's state.
#[derive(Debug, Clone, PartialEq)]
pub struct SagaChange {
    id: SagaId,
    updates: Vec<(SmolStr, Update)>,
}

impl SagaChange {
    /// The change to a state, with the deadline that goes with it.
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

    /// And the pivot is done with it.
    #[must_use]
    pub fn pivoted(mut self) -> Self {
        self.set(PIVOTED, Update::Set(true.into()));
        self
    }

    /// And it begins a round, after `tries` that nobody asked for.
    #[must_use]
    pub fn round(mut self, round: u32, tries: u32) -> Self {
        self.set(ROUND, Update::Set(i64::from(round).into()));
        self.set(TRIES, Update::Set(i64::from(tries).into()));
        self
    }

    /// And a person says why.
    #[must_use]
    pub fn resolution(mut self, reason: SmolStr) -> Self {
        self.set(RESOLUTION, Update::Set(reason.into()));
        self
    }

    /// Made if the saga is in the state `from`.
    #[must_use]
    pub fn from(self, from: SagaState) -> Write {
        self.when(is(from))
    }

    /// Made if the condition holds of the row.
    #[must_use]
    pub fn when(self, condition: Condition) -> Write {
        Write::Update { key: saga_key(self.id), updates: self.updates, condition }
    }
}

/// The pivot's change: the only way from running to the end that was wanted.
#[must_use]
pub fn commit<P>(definition: &Definition<P>, id: SagaId, now: Timestamp) -> (SagaState, Write) {
    let to = if definition.retryables().is_empty() { SagaState::Committed } else { SagaState::Committing };
    let change = SagaChange::to(definition, id, to, now).pivoted();
    if is_in(Mutant::PivotUnconditional) {
        return (to, change.when(Condition::Present));
    }
    (to, change.from(SagaState::Running))
}
