//! Where the body of a request is kept: in its row, or in an item of its own.
//!
//! DynamoDB bills a write by the whole item, also an update. A row is written with every attempt; a body that has an item
//! of its own is written once.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Update, Write};
use uuid::Uuid;

use super::EXPIRES;

/// The attribute with a request's body, in its row or in the body's own item.
pub(super) const BODY: &str = "body";

/// The largest body that is kept in the request's row, in bytes; a larger one has an item of its own.
///
/// In a row a body of k KB costs k write units when it is parked, k with each attempt that fails, and k when it is delivered
/// (of before and after the larger counts). In an item of its own it costs k when it is parked and k when it is deleted,
/// whatever fails in between; and beside that, a unit of rounding for each of the two at most, and a read of k/4 read units,
/// which have a fifth of the price: 2 + k/20. So it pays from the first attempt that fails on where k is more than
/// 2 + k/20, that is from 3 KB on. At 4 KiB it pays the three calls more that it takes, of some milliseconds each, too.
pub const INLINE_MOST: usize = 4 * 1024;

/// How long the body of a request may be needed that waits: it is given up at the latest when twice `retry.maxAgeSeconds` has
/// passed. Two days more are for sweeps that failed, clocks, and calls that come late.
pub(super) const WAITS_MOST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The body of a request, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredBody {
    /// It is in the row: it is small, or a version before this one has stored it.
    Inline(Bytes),
    /// It has an item of its own, which is kept until this time at least, to the second.
    Apart(Timestamp),
}

/// Returns the key of the item of a body, by that of the request's row and by the request's digest. That is of the bytes too,
/// so what is under a key never changes.
pub(super) fn body_key(row: Key, digest: Uuid) -> Key {
    Key::new(row.pk, format_smolstr!("body#{digest}"))
}

impl StoredBody {
    /// Returns where the body of a request is kept that is taken in now.
    #[must_use]
    pub fn of(body: &Bytes, now: Timestamp) -> Self {
        if body.len() > INLINE_MOST { Self::Apart(now + WAITS_MOST) } else { Self::Inline(body.clone()) }
    }

    /// Returns whether it has an item of its own.
    #[must_use]
    pub const fn is_apart(&self) -> bool {
        matches!(self, Self::Apart(_))
    }

    /// Returns the number of bytes that it has in the row.
    #[must_use]
    pub const fn len_in_row(&self) -> usize {
        match self {
            Self::Inline(body) => body.len(),
            Self::Apart(_) => 0,
        }
    }

    /// Returns the write of its own item; none where it has none. It is safe to repeat, and however late it is made, it does
    /// not shorten the life of what is there.
    #[must_use]
    pub fn put(&self, key: Key, body: &Bytes) -> Option<Write> {
        let until = self.until()?;
        let item = Item::new(key).with(BODY, body.clone()).with(EXPIRES, until);
        let condition = Condition::Any(vec![Condition::Absent, Condition::Below(EXPIRES, until)]);
        Some(Write::Put { item, condition })
    }

    /// Returns the write that has its own item kept until `needed`, and notes that; none where it has none, or that is kept
    /// so long already. It is safe to repeat, and never shortens the item's life.
    #[must_use]
    pub fn keep(&mut self, key: Key, needed: Timestamp) -> Option<Write> {
        let Self::Apart(until) = self else { return None };
        if *until >= needed {
            return None;
        }
        *until = needed;
        let seconds = needed.as_second();
        let updates = vec![(SmolStr::new_static(EXPIRES), Update::Set(seconds.into()))];
        let condition = Condition::All(vec![Condition::Present, Condition::Below(EXPIRES, seconds)]);
        Some(Write::Update { key, updates, condition })
    }

    /// Returns the deletion of its own item; none where it has none. However late it is made, it leaves what was put there
    /// later, for the same request sent again.
    #[must_use]
    pub fn delete(&self, key: Key) -> Option<Write> {
        let condition = Condition::Below(EXPIRES, self.until()? + 1);
        Some(Write::Delete { key, condition })
    }

    /// Reads the body from its own item; `key` is the item's.
    ///
    /// # Errors
    /// There is no item, or it is not what this version writes.
    pub fn read(key: &Key, item: Option<&Item>) -> Result<Bytes, BadItem> {
        let body = item.map(|item| item.bytes(BODY)).transpose()?.flatten();
        body.ok_or_else(|| BadItem {
            key: key.to_string(),
            attribute: BODY.to_owned(),
            why: "is missing".to_owned(),
        })
    }

    fn until(&self) -> Option<i64> {
        match self {
            Self::Inline(_) => None,
            Self::Apart(until) => Some(until.as_second()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MAX_AGE_MOST;

    #[test]
    fn a_body_is_kept_for_two_days_more_than_a_request_waits() {
        let waits = SignedDuration::from_secs(2 * i64::from(MAX_AGE_MOST));
        assert_eq!(WAITS_MOST, waits + SignedDuration::from_hours(48));
    }
}
