//! The row of a line: which requests with one ordering key wait.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Write};

use super::ONLY;
use crate::names::{RequestId, TargetName};

const STAMP: &str = "stamp";

/// Which requests of an ordering key wait. At most [`LINE_MOST`].
#[derive(Debug, Clone, PartialEq)]
pub struct LineRow {
    /// Which target's.
    pub target: TargetName,
    /// The ordering key.
    pub ordering: SmolStr,
    /// A random name of its last write; none: there is no row. An empty line is deleted, and a counter would
    /// begin anew with the next one, so that a late writer could mistake it for the line that it read.
    pub stamp: Option<i64>,
    /// The line.
    pub line: Line,
}

/// A line of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// Who waits, the first first.
    pub waiting: VecDeque<RequestId>,
    /// Who is delivering the first one.
    pub holder: Option<Hold>,
}

/// Who is delivering the first of a line, and until when nobody else may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hold {
    /// A random name.
    pub holder: u64,
    /// The end of the lease.
    pub until: Timestamp,
}

/// The longest line: it keeps the row under 25 kB.
pub const LINE_MOST: usize = 500;

/// The key of a line.
#[must_use]
pub fn line_key(target: &TargetName, ordering: &str) -> Key {
    Key::new(format_smolstr!("line#{target}#{ordering}"), ONLY)
}

impl LineRow {
    /// Reads a row; none stands for an empty line.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(target: &TargetName, ordering: &SmolStr, item: Option<&Item>) -> Result<Self, BadItem> {
        let (stamp, line) = match item {
            Some(item) => (Some(item.number(STAMP)?), item.doc()?),
            None => (None, Line::default()),
        };
        Ok(Self { target: target.clone(), ordering: ordering.clone(), stamp, line })
    }

    /// Replaces the line, if nobody has written since it was read. `stamp` is a random name for this write.
    #[must_use]
    pub fn replace(&self, next: Line, stamp: i64) -> Write {
        let key = line_key(&self.target, &self.ordering);
        let condition = self.stamp.map_or(Condition::Absent, |s| Condition::Is(STAMP, s.into()));
        if next.waiting.is_empty() {
            return Write::Delete { key, condition };
        }
        Write::Put { item: Item::new(key).with(STAMP, stamp).with_doc(next), condition }
    }
}
