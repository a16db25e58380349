//! The order of requests with an ordering key.
//!
//! Such a request is tried only as the first of its order group. Whoever takes the first off goes on with the next one.

use std::cell::Cell;

use tenfold_pattern::ReadError;
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use super::groups::Groups;
use crate::names::RequestId;
use crate::park::{self, Stored};
use crate::rows::{OrderGroup, OrderGroupRow, RequestRow};

/// The position of a request among those with its ordering key.
#[derive(Debug)]
pub(super) enum OrderPosition {
    /// The request has no ordering key.
    Unordered,
    /// The request is the first of its order group.
    First(OrderGroupRow),
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Returns where a request stands in its order group, or none where it is not its turn.
    pub(super) async fn position(
        &self,
        row: &RequestRow,
        groups: &Groups,
    ) -> Result<Option<OrderPosition>, ReadError> {
        let Some(ordering) = &row.data.ordering else { return Ok(Some(OrderPosition::Unordered)) };
        if groups.is_behind(ordering, row.id) {
            return Ok(None);
        }
        let group = park::read_group(&self.table, &row.data.target, ordering).await?;
        groups.note(ordering, group.group.waiting.front().copied());
        Ok(group.group.may_deliver(row.id).then_some(OrderPosition::First(group)))
    }

    /// Writes a row and takes it off its order group. Returns none where the row was not ours, and otherwise whose turn
    /// it is now.
    pub(super) async fn store_off_group(
        &self,
        row: &mut RequestRow,
        position: OrderPosition,
        groups: &Groups,
    ) -> Result<Option<Option<RequestId>>, ReadError> {
        row.data.writer = self.runtime.next_u64();
        let OrderPosition::First(group) = position else {
            let stored = park::store(&self.table, row).await?;
            return Ok((stored == Stored::Yes).then_some(None));
        };
        let (id, ordering) = (row.id, group.ordering.clone());
        // Of the group as it is written: somebody may have joined it during the call.
        let first = Cell::new(None);
        let shorten = |group: &OrderGroup| {
            let next = group.without(id);
            first.set(next.waiting.front().copied());
            Some(next)
        };
        let stored = park::store_in_group(&self.table, &self.runtime, row, Some(group), shorten).await?;
        if stored != Stored::Yes {
            // Who has settled it, a person who has cancelled it say, has taken it off.
            groups.note(&ordering, None);
            return Ok(None);
        }
        groups.note(&ordering, first.get());
        if let Some(next) = first.get() {
            self.behind.forget(next);
        }
        Ok(Some(first.into_inner()))
    }

    /// Writes a row that stays where it is in its order group.
    pub(super) async fn store(&self, row: &mut RequestRow) -> Result<Stored, ReadError> {
        row.data.writer = self.runtime.next_u64();
        park::store(&self.table, row).await
    }
}
