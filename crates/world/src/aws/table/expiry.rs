//! Time to live: an item whose time is over is deleted, at some time.
//!
//! DynamoDB deletes "within a few days", so from its time on an item may be there or not. It is looked at
//! when a call touches it: the world chooses whether DynamoDB has come by before. Who wants deletions that
//! nobody looks at, for a stream to tell of, asks for them with [`crate::World::expire`].

use jiff::Timestamp;
use tenfold_ports::table::{Key, Query};

use super::items::Items;

/// Expired items older than five years are not deleted.
pub(crate) const TOO_OLD: i64 = 5 * 365 * 24 * 60 * 60;

impl Items {
    /// From now on the number `attribute` says, in seconds of the Unix epoch, when an item's time is over.
    pub const fn expire_by(&mut self, attribute: &'static str) {
        self.time_to_live = Some(attribute);
    }

    /// The items whose time is over.
    pub fn overdue(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        let now = now.as_second();
        let over = move |attribute: &'static str| {
            self.all().filter(move |item| {
                item.number(attribute).is_ok_and(|expires| expires < now && now - expires < TOO_OLD)
            })
        };
        self.time_to_live.into_iter().flat_map(over).map(|item| &item.key)
    }

    /// Deletes an item if its time is over, and says whether it was.
    pub(crate) fn expire(&mut self, key: &Key, now: Timestamp) -> bool {
        let over = self.overdue(now).any(|overdue| overdue == key);
        if over {
            self.set_as(key, None, now, true);
        }
        over
    }
}

/// Whether a query comes by an item with this key.
pub(crate) fn comes_by(query: &Query, key: &Key) -> bool {
    query.index.is_some() || key.pk == query.partition
}
