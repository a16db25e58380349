//! The order of requests with an ordering key.
//!
//! Such a request is tried only as the first of its order group. Whoever takes the first off goes on with the next one.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use tenfold_pattern::ReadError;
use tenfold_ports::{Downstream, Queue, Runtime, SmolStr, Table};

use super::RetryProcessor;
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

/// What a drain knows of the order groups whose requests it has met.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Whose turn it is, by ordering key.
    first: RefCell<HashMap<SmolStr, RequestId>>,
    /// The version of each request that was tried last: it comes from the index, and from the one before it in its
    /// group, at the same time perhaps.
    tried: RefCell<HashMap<RequestId, i64>>,
    /// The groups of which one is being tried: two may each have been the first when their group was read.
    busy: RefCell<HashSet<SmolStr>>,
}

impl Groups {
    /// Notes that a request is going to be tried. Returns false where this version of it was, or another one of its group
    /// is being tried.
    pub(super) fn begin(&self, row: &RequestRow) -> bool {
        let Some(ordering) = &row.data.ordering else { return true };
        if !self.busy.borrow_mut().insert(ordering.clone()) {
            return false;
        }
        let is_new =
            self.tried.borrow_mut().insert(row.id, row.version).is_none_or(|tried| tried < row.version);
        if !is_new {
            self.end(Some(ordering));
        }
        is_new
    }

    /// Notes that a request of a group is no longer being tried.
    pub(super) fn end(&self, ordering: Option<&SmolStr>) {
        if let Some(ordering) = ordering {
            self.busy.borrow_mut().remove(ordering);
        }
    }

    /// Notes that a request was not tried after all.
    pub(super) fn took_back(&self, row: &RequestRow) {
        self.tried.borrow_mut().remove(&row.id);
    }

    fn is_behind(&self, ordering: &SmolStr, id: RequestId) -> bool {
        self.first.borrow().get(ordering).is_some_and(|first| *first != id)
    }

    fn note(&self, ordering: &SmolStr, first: Option<RequestId>) {
        let mut known = self.first.borrow_mut();
        match first {
            Some(first) => known.insert(ordering.clone(), first),
            None => known.remove(ordering),
        };
    }
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
            return Ok(None);
        }
        groups.note(&ordering, first.get());
        Ok(Some(first.into_inner()))
    }

    /// Writes a row that stays where it is in its order group.
    pub(super) async fn store(&self, row: &mut RequestRow) -> Result<Stored, ReadError> {
        row.data.writer = self.runtime.next_u64();
        park::store(&self.table, row).await
    }
}
