//! The row of a breaker.

use serde::{Deserialize, Serialize};
use smol_str::format_smolstr;
use tenfold_ports::table::{BadItem, Condition, Item, Key, Write};

use super::{ONLY, TargetRow, VERSION, unchanged};
use crate::decide::breaker::Breaker;
use crate::mutant::{Mutant, is_in};
use crate::names::BreakerName;

/// The row of a breaker as it was read, with the version that a write is conditioned on.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerRow {
    /// The number of its writes; 0: there is no row.
    pub version: i64,
    /// The breaker.
    pub breaker: Breaker,
    /// The random name of its last write, by which a writer whose answer was lost knows its own.
    pub writer: u64,
}

#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
struct StoredBreaker {
    writer: u64,
    breaker: Breaker,
}

/// Returns the key of a breaker's row.
#[must_use]
pub fn breaker_key(name: &BreakerName) -> Key {
    // A partition each: they are written most when most of them are.
    Key::new(format_smolstr!("breaker#{name}"), ONLY)
}

impl BreakerRow {
    /// Reads a row.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let stored: StoredBreaker = item.doc()?;
        Ok(Self { version: item.number(VERSION)?, breaker: stored.breaker, writer: stored.writer })
    }

    /// Returns the row as it counts for a target: a breaker of one that was deleted and put again begins anew, in a new
    /// epoch.
    #[must_use]
    pub fn of(self, target: &TargetRow) -> Self {
        if self.version == 0 || self.breaker.since >= target.created {
            return self;
        }
        let epoch = self.breaker.epoch + 1;
        let breaker = Breaker { epoch, ..Breaker::new(&target.config, target.created) };
        Self { breaker, ..self }
    }

    /// Returns the write that replaces the row with `next`, if nobody has written since it was read. `writer`
    /// is a random name for it.
    #[must_use]
    pub fn replace(&self, name: &BreakerName, next: Breaker, writer: u64) -> Write {
        let item = Item::new(breaker_key(name))
            .with(VERSION, self.version + 1)
            .with_doc(StoredBreaker { writer, breaker: next });
        let blind = is_in(Mutant::CommitWithoutCondition);
        Write::Put { item, condition: if blind { Condition::Always } else { unchanged(self.version) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::breaker::BreakerState;
    use serde_json::json;

    #[test]
    fn a_half_open_row_of_an_older_version_reads_and_is_written_as_it_was() {
        let time = "2026-01-02T03:04:05Z";
        let stored = json!({
            "writer": 7,
            "breaker": {
                "epoch": 3, "since": time, "reason": "probing", "window": { "calls": "..f" }, "openings": 1,
                "state": { "halfOpen": { "slots": [
                    { "holder": 1, "until": time, "result": { "failed": true, "slow": false } },
                    { "holder": 2, "until": time, "result": null },
                ] } },
            },
        });
        let read: StoredBreaker = serde_json::from_value(stored.clone()).unwrap();
        let BreakerState::HalfOpen { permits } = &read.breaker.state else { panic!("not half-open") };
        assert_eq!(permits.iter().map(|p| p.holder).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(serde_json::to_value(&read).unwrap(), stored);
    }
}
