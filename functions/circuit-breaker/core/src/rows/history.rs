//! The rows of a target's history: who has changed its configuration or forced a breaker of it, when, and to what.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Write};

use super::EXPIRES;
use crate::config::TargetConfig;
use crate::names::TargetName;

/// An entry of a target's history.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The time of the change.
    pub at: Timestamp,
    /// The ARN of whoever has made it; none where API Gateway did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SmolStr>,
    /// The change.
    #[serde(flatten)]
    pub change: HistoryChange,
}

/// What a person has changed.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "camelCase")]
pub enum HistoryChange {
    /// The target was configured: as new, or in place of what there was.
    #[serde(rename_all = "camelCase")]
    Configured {
        /// The configuration from then on.
        config: Arc<TargetConfig>,
        /// The tag of that configuration.
        etag: SmolStr,
    },
    /// The target was deleted.
    #[serde(rename_all = "camelCase")]
    Deleted {
        /// Whether what waited for it was to be given up.
        waiting_cancelled: bool,
    },
    /// A breaker was forced into a state, or given back to itself.
    #[serde(rename_all = "camelCase")]
    Forced {
        /// The tenant whose breaker it is; none: the target's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant: Option<SmolStr>,
        /// The state from then on.
        state: SmolStr,
        /// The reason, in words.
        reason: String,
    },
}

/// Returns the partition of a target's history.
#[must_use]
pub fn history(target: &TargetName) -> SmolStr {
    format_smolstr!("history#{target}")
}

impl HistoryEntry {
    /// Reads an entry.
    ///
    /// # Errors
    /// The item is no such entry.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        item.doc()
    }

    /// Returns the write of an entry, which is kept until `expires`. `stamp` is a random number: it tells apart what
    /// happens in the same millisecond.
    #[must_use]
    pub fn write(self, target: &TargetName, expires: Timestamp, stamp: u64) -> Write {
        // Times of the same length are in their order as text.
        let place = format_smolstr!("{:015}#{stamp:016x}", self.at.as_millisecond().max(0));
        let item = Item::new(Key::new(history(target), place));
        Write::Put {
            item: item.with(EXPIRES, expires.as_second()).with_doc(self),
            condition: Condition::Always,
        }
    }

    /// Returns whether an entry is to be treated as absent: DynamoDB deletes days after the time.
    #[must_use]
    pub fn is_forgotten(item: &Item, now: Timestamp) -> bool {
        item.number(EXPIRES).is_ok_and(|expires| expires <= now.as_second())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_of_a_newer_version_reads() {
        let newer = json!({ "at": "2026-01-02T03:04:05Z", "by": "arn:x", "from": "console", "change": "forced",
            "state": "forcedOpen", "reason": "maintenance", "until": "noon" });
        let read: HistoryEntry = serde_json::from_value(newer).unwrap();
        let HistoryChange::Forced { tenant, state, .. } = read.change else { panic!("not forced") };
        assert_eq!((tenant, state.as_str(), read.by.as_deref()), (None, "forcedOpen", Some("arn:x")));
    }

    #[test]
    fn entries_are_in_the_order_of_time() {
        let target = TargetName::parse("pay").unwrap();
        let place = |second| {
            let at = Timestamp::from_second(second).unwrap();
            let change = HistoryChange::Deleted { waiting_cancelled: false };
            HistoryEntry { at, by: None, change }.write(&target, at, 7).key().sk.clone()
        };
        assert!(place(999) < place(1_000) && place(1_000) < place(1_800_000_000));
    }
}
