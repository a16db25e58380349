//! The rows of the table and how they are written.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `targets` | name | a target's configuration |
//! | `breaker#<target>` | `-` or `:<tenant>` | a breaker; `version` counts its writes |
//! | `request#<id>` | `-` | a request that the gateway answers for |
//! | `line#<target>#<ordering key>` | `-` | an order group: which requests wait, in their order |
//!
//! The index `queue` (partition `queue`, number `wake`) holds the requests that wait (`<target>#active`) or
//! are dead (`<target>#dead`), by when their message is expected. It is what makes a lost message harmless.

mod breaker;
mod order_group;
mod request;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::table::{Condition, Item, Key};

pub use breaker::{BreakerRow, breaker_key};
pub use order_group::{Lease, ORDER_GROUP_MOST, OrderGroup, OrderGroupRow, order_group_key};
pub use request::{
    AnswerHead, DeliveryAttempt, RequestData, RequestRow, RequestStatus, active, dead, request_key,
};

use crate::config::TargetConfig;
use crate::names::TargetName;

/// The index of waiting and dead requests: [`QUEUE`] is its partition, [`WAKE`] its order.
pub const QUEUE_INDEX: &str = "queue";
/// The attribute that names a waiting or dead request's partition of the index.
pub const QUEUE: &str = "queue";
/// The attribute that says when a request's message is expected, in milliseconds since 1970.
pub const WAKE: &str = "wake";
/// The partition of all configurations.
pub const TARGETS: SmolStr = SmolStr::new_static("targets");
const ONLY: &str = "-";
const VERSION: &str = "version";
/// The attribute that DynamoDB deletes by, some time after it has passed.
pub const EXPIRES: &str = "expires";

/// The row of a configured target.
#[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetRow {
    /// The target's configuration.
    pub config: Arc<TargetConfig>,
    /// The time at which it was first put.
    pub created: Timestamp,
    /// The time at which it was deleted. The row stays for 30 days, so that a request which slipped in is
    /// still found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Timestamp>,
}

/// The time for which the row of a deleted target stays: longer than anything can be on its way.
const DELETED_TARGET_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Returns the key of a target's row.
#[must_use]
pub fn target_key(name: &TargetName) -> Key {
    Key::new(TARGETS, name.as_str())
}

/// Returns a target's row as an item.
#[must_use]
pub fn target_item(name: &TargetName, target: TargetRow) -> Item {
    let item = Item::new(target_key(name));
    match target.deleted {
        Some(deleted) => item.with(EXPIRES, (deleted + DELETED_TARGET_KEPT).as_second()).with_doc(target),
        None => item.with_doc(target),
    }
}

fn unchanged(version: i64) -> Condition {
    if version == 0 { Condition::Absent } else { Condition::Is(VERSION, version.into()) }
}
