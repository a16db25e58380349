//! The rows of the table and how they are written.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `targets` | name | a target's configuration; `stamp` names its last write |
//! | `breaker#<target>` or `breaker#<target>:<tenant>` | `-` | a breaker; `version` counts its writes |
//! | `request#<id>` | `-` | a request that the gateway answers for |
//! | `request#<id>` | `body#<digest>` | the body of a request that waits or is dead, where it is large |
//! | `line#<target>#<ordering key>` | `-` | an order group: which requests wait, in their order |
//! | `history#<target>` | time and a random number | who has changed the target or forced a breaker of it, and to what |
//! | `drain#<target>` | `-` | the lease of whoever delivers what waits for the target; none: nobody does |
//!
//! The index `queue` (partition `queue`, number `wake`) holds the requests that wait (`<target>#active`) or
//! are dead (`<target>#dead`), by when they may be tried. What is delivered is found there: messages only say when to
//! look. Each target has [`SHARDS`] partitions of either kind (`<target>#active#3`), so that no key takes all writes.
//!
//! The breakers of tenants are in it too, to be listed: by the kind of their state ([`TenantGroup`],
//! `<target>#tenants#open#2`) and since when they are in it. What is reported in one state does not touch it.

mod body;
mod breaker;
mod drain;
mod history;
mod order_group;
mod request;
mod target;

use smol_str::SmolStr;
use tenfold_ports::table::Condition;

pub use body::{INLINE_MOST, StoredBody};
pub use breaker::{BreakerRow, TENANT_KEPT, TenantGroup, breaker_key, tenant_of};
pub use drain::{DrainLease, DrainRow, drain_key};
pub use history::{HistoryChange, HistoryEntry, history};
pub use order_group::{ORDER_GROUP_MOST, OrderGroup, OrderGroupRow, order_group_key};
pub use request::{
    AnswerHead, DeliveryAttempt, RequestData, RequestRow, RequestStatus, active, dead, request_key,
};
pub use target::{StoredTarget, TargetRow, target_item, target_key};

/// The index of waiting and dead requests, and of tenants' breakers: [`QUEUE`] is its partition, [`WAKE`] its order.
pub const QUEUE_INDEX: &str = "queue";
/// The attribute that names a row's partition of the index.
pub const QUEUE: &str = "queue";
/// The attribute that says when a request may be tried, or since when a breaker is in its state, in milliseconds since 1970.
pub const WAKE: &str = "wake";
/// The partition of all configurations.
pub const TARGETS: SmolStr = SmolStr::new_static("targets");
/// The number of partitions that the waiting requests of a target are spread over, and the dead ones: DynamoDB takes
/// 1,000 writes a second of one. Fewer than before would hide rows; more would not.
pub const SHARDS: u16 = 8;
const ONLY: &str = "-";
const VERSION: &str = "version";
/// The attribute with the random name of a row's last write, where rows come and go.
const STAMP: &str = "stamp";
/// The attribute that DynamoDB deletes by, some time after it has passed.
pub const EXPIRES: &str = "expires";

fn unchanged(version: i64) -> Condition {
    if version == 0 { Condition::Absent } else { Condition::Is(VERSION, version.into()) }
}
