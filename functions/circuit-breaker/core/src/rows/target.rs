//! The row of a target.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Write};

use super::{EXPIRES, STAMP, TARGETS};
use crate::config::TargetConfig;
use crate::names::TargetName;

/// The row of a configured target.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetRow {
    /// The target's configuration.
    pub config: Arc<TargetConfig>,
    /// The time at which it was first put.
    pub created: Timestamp,
    /// The time at which its configuration was last changed; none: it is as it was first put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
    /// The time at which it was deleted. The row stays for 30 days, so that a request which slipped in is
    /// still found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Timestamp>,
}

impl TargetRow {
    /// Returns the row of a target that is put for the first time.
    #[must_use]
    pub const fn new(config: Arc<TargetConfig>, created: Timestamp) -> Self {
        Self { config, created, changed: None, deleted: None }
    }
}

/// The time for which the row of a deleted target stays: longer than anything can be on its way.
const DELETED_TARGET_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Returns the key of a target's row.
#[must_use]
pub fn target_key(name: &TargetName) -> Key {
    Key::new(TARGETS, name.as_str())
}

/// Returns a target's row as an item, for those who write it without a look at what is there: once, since a later
/// `created` begins the target's breakers anew, whatever state they are in. Who writes it again keeps `created` of the row that
/// is there, and sets `changed`.
#[must_use]
pub fn target_item(name: &TargetName, target: TargetRow) -> Item {
    let item = Item::new(target_key(name));
    match target.deleted {
        Some(deleted) => item.with(EXPIRES, (deleted + DELETED_TARGET_KEPT).as_second()).with_doc(target),
        None => item.with_doc(target),
    }
}

/// The row of a target as it was read, with what a write in its place is conditioned on.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTarget {
    /// The row; none: there is none.
    pub row: Option<TargetRow>,
    /// The random name of its last write; none where there is no row, or one that was written without.
    pub stamp: Option<i64>,
}

impl StoredTarget {
    /// Reads a row; none stands for an absent one.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: Option<&Item>) -> Result<Self, BadItem> {
        let Some(item) = item else { return Ok(Self { row: None, stamp: None }) };
        let stamp = item.get(STAMP).map(|_| item.number(STAMP)).transpose()?;
        Ok(Self { row: Some(item.doc()?), stamp })
    }

    /// Returns the target, unless there is none or it was deleted.
    #[must_use]
    pub fn living(&self) -> Option<&TargetRow> {
        self.row.as_ref().filter(|row| row.deleted.is_none())
    }

    /// Returns the write that replaces the row, if nobody has written since it was read. `stamp` is a random name for
    /// it.
    #[must_use]
    pub fn replace(&self, name: &TargetName, next: TargetRow, stamp: i64) -> Write {
        let condition = match (&self.row, self.stamp) {
            (None, _) => Condition::Absent,
            (Some(_), Some(stamp)) => Condition::Is(STAMP, stamp.into()),
            (Some(_), None) => Condition::All(vec![Condition::Present, Condition::Without(STAMP)]),
        };
        Write::Put { item: target_item(name, next).with(STAMP, stamp), condition }
    }

    /// Returns whether an item is what the write named `stamp` has made of it.
    #[must_use]
    pub fn is_of(item: &Item, stamp: i64) -> bool {
        item.number(STAMP).is_ok_and(|last| last == stamp)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::USUAL_CONCURRENCY;

    #[test]
    fn a_row_of_an_older_and_of_a_newer_version_reads() {
        let older = json!({
            "config": {
                "url": "http://a.example/", "timeoutMs": 5000, "window": { "type": "count", "size": 100 },
                "minimumCalls": 10, "failureRateThreshold": 50.0, "slowCallRateThreshold": 100.0,
                "slowCallDurationMs": 5000, "ignoredStatuses": [404], "halfOpenProbes": 3, "openDurationMs": 30000,
                "maxOpenDurationMs": 600_000, "idempotency": "gateway",
                "retry": { "maxAttempts": 20, "maxAgeSeconds": 86400, "baseDelayMs": 1000, "maxDelayMs": 300_000 },
            },
            "created": "2026-01-02T03:04:05Z",
        });
        let read: TargetRow = serde_json::from_value(older.clone()).unwrap();
        assert_eq!(read.config.retry.max_concurrent_calls, USUAL_CONCURRENCY, "which it does not say");
        let mut written = older.clone();
        written["config"]["retry"]["maxConcurrentCalls"] = json!(USUAL_CONCURRENCY);
        assert_eq!(serde_json::to_value(&read).unwrap(), written);
        let mut newer = older;
        newer["owner"] = json!("payments");
        newer["config"]["colour"] = json!("red");
        newer["config"]["retry"]["jitter"] = json!(true);
        assert_eq!(serde_json::from_value::<TargetRow>(newer).unwrap(), read);
    }

    #[test]
    fn a_row_without_a_stamp_is_replaced_only_while_it_has_none() {
        let name = TargetName::parse("pay").unwrap();
        let config = TargetConfig::parse(br#"{"url":"http://a.example/"}"#).unwrap();
        let row = TargetRow::new(Arc::new(config), Timestamp::UNIX_EPOCH);
        let plain = target_item(&name, row.clone());
        let stored = StoredTarget::read(Some(&plain)).unwrap();
        let Write::Put { item, condition } = stored.replace(&name, row.clone(), 7) else { panic!("no put") };
        assert!(condition.holds(Some(&plain)) && !condition.holds(Some(&item)) && !condition.holds(None));
        assert!(StoredTarget::is_of(&item, 7) && !StoredTarget::is_of(&plain, 7));
        let Write::Put { condition, .. } = StoredTarget::read(Some(&item)).unwrap().replace(&name, row, 8)
        else {
            panic!("no put")
        };
        assert!(condition.holds(Some(&item)) && !condition.holds(Some(&plain)));
    }
}
