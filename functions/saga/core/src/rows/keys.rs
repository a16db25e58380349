//! The keys of the rows and of the index: where each row is.

use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::Key;

use crate::event::LogEvent;
use crate::names::{Name, SagaId};
use crate::state::SagaState;

/// The index of open sagas.
pub const OPEN_INDEX: &str = "open";
/// The partition key of the index of open sagas: `running#3` for the fourth shard of the running ones.
pub const OPEN: &str = "open";
/// The sort key of the index of open sagas: when somebody has to look at one, in seconds since 1970.
pub const WAKE: &str = "wake";

/// How the sort keys of all log entries begin. The stream's filter goes by it.
pub const LOG: &str = "log#";
/// How the sort keys of all steps begin.
pub(super) const STEP: &str = "step#";

const SAGA: &str = "saga#";

/// Returns the partition of a saga's rows.
pub(super) fn partition(id: SagaId) -> SmolStr {
    // Every key of a saga begins with it: copied, not formatted.
    let mut text = String::with_capacity(SAGA.len() + SagaId::LENGTH);
    text.push_str(SAGA);
    id.write(&mut text);
    text.into()
}

/// Returns the key of a saga's own row.
#[must_use]
pub fn saga_key(id: SagaId) -> Key {
    Key::new(partition(id), "saga")
}

/// Returns the key of a step's row.
#[must_use]
pub fn step_key(id: SagaId, step: &Name) -> Key {
    Key::new(partition(id), format_smolstr!("{STEP}{step}"))
}

/// Returns the key of a log entry: there is one for a round and an event.
#[must_use]
pub fn log_key(id: SagaId, round: u32, event: &LogEvent) -> Key {
    Key::new(partition(id), format_smolstr!("{LOG}{round:02}#{event}"))
}

/// Returns the id of the saga that a row belongs to; none where the row belongs to no saga.
#[must_use]
pub fn saga_of(key: &Key) -> Option<SagaId> {
    SagaId::parse(key.pk.strip_prefix(SAGA)?)
}

impl SagaState {
    /// Returns the partition of the index that holds a shard of the sagas in this state; none where the state
    /// is an end.
    #[must_use]
    pub fn open(self, shard: u8) -> Option<SmolStr> {
        match self {
            Self::Running | Self::Committing | Self::Compensating | Self::Stuck => {
                Some(format_smolstr!("{}#{shard}", self.name()))
            }
            Self::Committed | Self::Compensated | Self::Resolved => None,
        }
    }
}
