//! The row of an order group: which requests with one ordering key wait.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Write};

use super::{ONLY, STAMP};
use crate::names::{RequestId, TargetName};

/// The row of an order group as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderGroupRow {
    /// The name of the requests' target.
    pub target: TargetName,
    /// The ordering key of the requests.
    pub ordering: SmolStr,
    /// The random name of its last write; none: there is no row. An empty group is deleted, and a counter
    /// would begin anew with the next one, so that a late writer could mistake it for the group that it read.
    pub stamp: Option<i64>,
    /// The group itself.
    pub group: OrderGroup,
}

/// The requests of a target with one ordering key that wait, in their order. At most [`ORDER_GROUP_MOST`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrderGroup {
    /// The ids of those that wait, the first first.
    pub waiting: VecDeque<RequestId>,
}

/// The most requests of an order group: they keep the row under 25 kB.
pub const ORDER_GROUP_MOST: usize = 500;

/// Returns the key of an order group's row.
#[must_use]
pub fn order_group_key(target: &TargetName, ordering: &str) -> Key {
    Key::new(format_smolstr!("line#{target}#{ordering}"), ONLY)
}

impl OrderGroupRow {
    /// Reads a row; none stands for an empty group.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(target: &TargetName, ordering: &SmolStr, item: Option<&Item>) -> Result<Self, BadItem> {
        let (stamp, group) = match item {
            Some(item) => (Some(item.number(STAMP)?), item.doc()?),
            None => (None, OrderGroup::default()),
        };
        Ok(Self { target: target.clone(), ordering: ordering.clone(), stamp, group })
    }

    /// Returns the write that replaces the group, if nobody has written since it was read; an empty group is
    /// deleted. `stamp` is a random name for it.
    #[must_use]
    pub fn replace(&self, next: OrderGroup, stamp: i64) -> Write {
        let key = order_group_key(&self.target, &self.ordering);
        let condition = self.stamp.map_or(Condition::Absent, |s| Condition::Is(STAMP, s.into()));
        if next.waiting.is_empty() {
            return Write::Delete { key, condition };
        }
        Write::Put { item: Item::new(key).with(STAMP, stamp).with_doc(next), condition }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_of_an_older_version_reads() {
        let id = "0e1f7c1a-52c5-5c39-9d3b-31a57a0cbe07";
        let lease = json!({ "holder": 7, "until": "2026-01-02T03:04:05Z" });
        for lease in [lease, json!(null)] {
            let older = json!({ "waiting": [id], "holder": lease });
            let read: OrderGroup = serde_json::from_value(older).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), json!({ "waiting": [id] }));
        }
    }
}
