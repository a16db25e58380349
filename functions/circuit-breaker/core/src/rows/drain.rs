//! The row that says who delivers what waits for a target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::format_smolstr;
use tenfold_ports::table::{BadItem, Condition, Item, Key, Write};

use super::{ONLY, STAMP};
use crate::names::TargetName;
use crate::park::Look;

/// The lease of a target's drain as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct DrainRow {
    /// The name of the target.
    pub target: TargetName,
    /// The random name of its last write; none: there is no row. It is deleted when a drain ends, and a counter would
    /// begin anew with the next one.
    pub stamp: Option<i64>,
    /// The lease; none: nobody drains.
    pub lease: Option<DrainLease>,
}

/// The right to deliver what waits for a target: who has it, and until when nobody else may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DrainLease {
    /// The random name of whoever has it.
    pub holder: u64,
    /// The time at which it ends, on the holder's clock.
    pub until: Timestamp,
    /// The look that somebody asked for meanwhile: the holder does not end before it has looked so once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Look>,
}

/// Returns the key of a target's drain.
#[must_use]
pub fn drain_key(target: &TargetName) -> Key {
    Key::new(format_smolstr!("drain#{target}"), ONLY)
}

impl DrainRow {
    /// Reads a row; none stands for a target that nobody drains.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(target: &TargetName, item: Option<&Item>) -> Result<Self, BadItem> {
        let (stamp, lease) = match item {
            Some(item) => (Some(item.number(STAMP)?), Some(item.doc()?)),
            None => (None, None),
        };
        Ok(Self { target: target.clone(), stamp, lease })
    }

    /// Returns the write that replaces the lease, if nobody has written since it was read. `stamp` is a random name for
    /// it.
    #[must_use]
    pub fn replace(&self, lease: DrainLease, stamp: i64) -> Write {
        let item = Item::new(drain_key(&self.target)).with(STAMP, stamp).with_doc(lease);
        Write::Put { item, condition: self.unchanged() }
    }

    /// Returns the write that ends the lease, if nobody has written since it was read.
    #[must_use]
    pub fn end(&self) -> Write {
        Write::Delete { key: drain_key(&self.target), condition: self.unchanged() }
    }

    fn unchanged(&self) -> Condition {
        self.stamp.map_or(Condition::Absent, |stamp| Condition::Is(STAMP, stamp.into()))
    }

    /// Returns whether an item is what the write with this stamp has made of it.
    #[must_use]
    pub fn is_of(item: &Item, stamp: i64) -> bool {
        item.number(STAMP) == Ok(stamp)
    }
}
