//! The order of requests with an ordering key.
//!
//! Such a request is tried only as the first of its order group and under the group's lease. Whoever takes
//! the first off sends the message of the next one. A message that finds its request elsewhere in the group,
//! or the group in other hands, is dropped.

use std::cell::Cell;
use std::time::Duration;

use jiff::Timestamp;
use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed};
use tenfold_ports::queue::Outgoing;
use tenfold_ports::table::Item;
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::{RESERVE, RetryProcessor};
use crate::decide::permits::CLOCK_MARGIN;
use crate::mutant::{Mutant, is_in};
use crate::park::{self, RetryMessage, Stored};
use crate::registry::Permit;
use crate::rows::{Lease, OrderGroup, OrderGroupRow, RequestRow};

/// The position of a request among those with its ordering key.
#[derive(Debug)]
pub(super) enum OrderPosition {
    /// The request has no ordering key.
    Unordered,
    /// The request is the first of its order group.
    First(OrderGroupRow),
}

/// What came of asking for the lease of an order group.
#[derive(Debug)]
pub(super) enum Leased {
    /// It is ours, or none is needed.
    Yes(OrderPosition),
    /// The request is no longer the first, or somebody else has the lease: whoever has it goes on.
    NotFirst,
    /// The request is still the first and nobody has the lease, but the group has changed: somebody has joined it, or
    /// has tried the request. Its row is to be read anew.
    Again,
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Returns where a request stands in its order group, or none where it is not its turn.
    pub(super) async fn position(&self, row: &RequestRow) -> Result<Option<OrderPosition>, ReadError> {
        let Some(ordering) = &row.data.ordering else { return Ok(Some(OrderPosition::Unordered)) };
        let group = park::read_group(&self.table, &row.data.target, ordering).await?;
        let turn = group.group.may_deliver(row.id, self.runtime.now());
        Ok(turn.then_some(OrderPosition::First(group)))
    }

    /// Takes the group's lease for one call.
    pub(super) async fn lease(
        &self,
        row: &RequestRow,
        position: OrderPosition,
        permit: &Permit<'_, T, R>,
        now: Timestamp,
    ) -> Result<Leased, ReadError> {
        let OrderPosition::First(group) = position else { return Ok(Leased::Yes(position)) };
        let reserve = if is_in(Mutant::LeaseTooShort) { Duration::ZERO } else { RESERVE };
        let until = now + permit.config.timeout() + reserve + CLOCK_MARGIN;
        let lease = Lease { holder: self.runtime.next_u64(), until };
        let next = group.group.leased(lease);
        let stamp = (self.runtime.next_u64() >> 1) as i64;
        let read = |item: Option<&Item>| OrderGroupRow::read(&group.target, &group.ordering, item);
        // Also where somebody has joined the group since.
        let mine = |item: &Item| read(Some(item)).is_ok_and(|current| current.group.lease == Some(lease));
        match commit::write(&self.table, &group.replace(next.clone(), stamp), mine).await? {
            Committed::Yes => {}
            Committed::Conflict(item) | Committed::Unclear(item) => {
                let current = read(item.as_ref())?.group;
                let is_first = current.may_deliver(row.id, self.runtime.now());
                return Ok(if is_first { Leased::Again } else { Leased::NotFirst });
            }
        }
        Ok(Leased::Yes(OrderPosition::First(OrderGroupRow { stamp: Some(stamp), group: next, ..group })))
    }

    /// Writes a row and takes it off its order group. Returns the message of the next one, or none where the
    /// row was not ours.
    pub(super) async fn store_off_group(
        &self,
        row: &mut RequestRow,
        position: OrderPosition,
    ) -> Result<Option<Vec<Outgoing>>, ReadError> {
        let id = row.id;
        // Of the group as it is written: somebody may have joined it during the call.
        let first = Cell::new(None);
        let shorten = |group: &OrderGroup| {
            let next = group.without(id);
            first.set(next.waiting.front().copied());
            next
        };
        let stored = self.store(row, position, shorten).await?;
        if stored != Stored::Yes {
            return Ok(None);
        }
        let Some(next) = first.into_inner() else { return Ok(Some(Vec::new())) };
        let message = RetryMessage::next_in_group(next, row.data.target.clone());
        Ok(Some(vec![message.outgoing(Duration::ZERO)]))
    }

    /// Writes a row, together with a change of its order group where it has one.
    pub(super) async fn store(
        &self,
        row: &mut RequestRow,
        position: OrderPosition,
        change: impl Fn(&OrderGroup) -> OrderGroup,
    ) -> Result<Stored, ReadError> {
        row.data.writer = self.runtime.next_u64();
        match position {
            OrderPosition::Unordered => park::store(&self.table, row).await,
            OrderPosition::First(group) => {
                park::store_in_group(&self.table, &self.runtime, row, Some(group), |group| {
                    Some(change(group))
                })
                .await
            }
        }
    }
}
