//! The row of a breaker.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Write};

use super::{EXPIRES, ONLY, QUEUE, TargetRow, VERSION, WAKE, unchanged};
use crate::decide::breaker::{Breaker, BreakerState};
use crate::mutant::{Mutant, is_in};
use crate::names::{BreakerName, TargetName};

/// For how long the row of a tenant's breaker is kept after its last write, unless a person has forced it: longer than any
/// window and any break.
pub const TENANT_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The number of partitions of the index that the tenants of a target are spread over whose breakers are closed, and those
/// whose breakers are open. Fewer than before would hide rows; more would not.
const TENANT_SHARDS: u16 = 4;

/// The tenants of a target that are listed together: in which partitions of the index the rows of their breakers are, by
/// when their state was entered. So a row changes its place only with its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantGroup {
    /// Their breakers are closed.
    Closed,
    /// Their breakers are open or half-open.
    Open,
    /// A person has forced their breakers.
    Forced,
}

impl TenantGroup {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::Forced];

    /// Returns the group of a breaker in a state.
    #[must_use]
    pub const fn of(state: &BreakerState) -> Self {
        match state {
            BreakerState::Closed => Self::Closed,
            BreakerState::Open { .. } | BreakerState::HalfOpen { .. } => Self::Open,
            BreakerState::ForcedOpen | BreakerState::ForcedClosed => Self::Forced,
        }
    }

    const fn shards(self) -> u16 {
        match self {
            Self::Closed | Self::Open => TENANT_SHARDS,
            // A hand is slow.
            Self::Forced => 1,
        }
    }

    fn partition(self, target: &TargetName, shard: u16) -> SmolStr {
        let name = match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Forced => "forced",
        };
        format_smolstr!("{target}#tenants#{name}#{shard}")
    }

    /// Returns the partitions of the index that hold it.
    pub fn partitions(self, target: &TargetName) -> impl Iterator<Item = SmolStr> {
        (0..self.shards()).map(move |shard| self.partition(target, shard))
    }
}

/// The row of a breaker as it was read, with the version that a write is conditioned on.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerRow {
    /// The number that grows with each of its writes; 0: there is no row. That of a tenant begins with the time, so that it
    /// grows on where a row has ended and another one begins.
    pub version: i64,
    /// The breaker.
    pub breaker: Breaker,
    /// The random name of its last write, by which a writer whose answer was lost knows its own.
    pub writer: u64,
    /// The time from which on it may be gone; none: it stays.
    pub expires: Option<Timestamp>,
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

/// Returns the tenant of a target whose breaker has this key; none where it is no such key.
#[must_use]
pub fn tenant_of(target: &TargetName, key: &Key) -> Option<SmolStr> {
    let tenant = key.pk.strip_prefix("breaker#")?.strip_prefix(target.as_str())?.strip_prefix(':')?;
    Some(tenant.into())
}

impl BreakerRow {
    /// Returns a breaker that nobody has written yet.
    #[must_use]
    pub const fn unwritten(breaker: Breaker) -> Self {
        Self { version: 0, breaker, writer: 0, expires: None }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let stored: StoredBreaker = item.doc()?;
        let expires = item.get(EXPIRES).map(|_| item.number(EXPIRES)).transpose()?;
        let expires = expires.map(|seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX));
        Ok(Self { version: item.number(VERSION)?, breaker: stored.breaker, writer: stored.writer, expires })
    }

    /// Returns whether an item is what the write of `writer` has made of it.
    #[must_use]
    pub fn is_of(item: &Item, writer: u64) -> bool {
        Self::read(item).is_ok_and(|row| row.writer == writer)
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

    /// Returns whether it may be gone: nobody has written it for long.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Returns the row that comes after this one at a time. `writer` is a random name for its write.
    #[must_use]
    pub fn next(&self, name: &BreakerName, breaker: Breaker, writer: u64, now: Timestamp) -> Self {
        let ends = name.tenant.is_some() && TenantGroup::of(&breaker.state) != TenantGroup::Forced;
        let version = match (&name.tenant, self.version) {
            (Some(_), 0) => now.as_millisecond().max(1),
            (_, version) => version + 1,
        };
        Self { version, breaker, writer, expires: ends.then(|| now + TENANT_KEPT) }
    }

    /// Returns the write that replaces the row with `next`, if nobody has written since it was read.
    #[must_use]
    pub fn replace(&self, name: &BreakerName, next: &Self) -> Write {
        let Self { version, breaker, writer, expires } = next;
        let mut item = Item::new(breaker_key(name))
            .with(VERSION, *version)
            .with_doc(StoredBreaker { writer: *writer, breaker: breaker.clone() });
        if name.tenant.is_some() {
            let group = TenantGroup::of(&breaker.state);
            let queue = group.partition(&name.target, name.shard(group.shards()));
            item = item.with(QUEUE, queue).with(WAKE, breaker.since.as_millisecond());
        }
        if let Some(expires) = expires {
            item = item.with(EXPIRES, expires.as_second());
        }
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
