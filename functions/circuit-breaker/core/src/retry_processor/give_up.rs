//! Giving a request up.
//!
//! The row is marked first, then the dead letter is sent, then the row says that it was. So whoever dies in
//! between leaves a row that is found again, and at worst there are two dead letters.

use jiff::SignedDuration;
use tenfold_pattern::{ReadError, send};
use tenfold_ports::metrics::Metric;
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use super::disposition::{Disposition, Processed};
use super::memo::Drain;
use super::order::OrderPosition;
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::names::RequestId;
use crate::park::{self, DeadRequest};
use crate::rows::{RequestRow, RequestStatus};

/// When a dead letter is sent again that did not go.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Gives a request up, for a reason in words.
    pub(super) async fn give_up(
        &self,
        row: RequestRow,
        position: OrderPosition,
        drain: &Drain<'_>,
        why: &str,
    ) -> Result<Processed, ReadError> {
        if drain.no_letters.get() {
            drain.groups.took_back(&row);
            return Ok(Processed::only(Disposition::Left));
        }
        self.mark_dying(row, position, drain, why).await
    }

    /// Gives a request up whether or not letters go: its row keeps its place until one does.
    pub(super) async fn mark_dying(
        &self,
        mut row: RequestRow,
        position: OrderPosition,
        drain: &Drain<'_>,
        why: &str,
    ) -> Result<Processed, ReadError> {
        // Its place in the index stays: whoever looks at what is too old finds it.
        row.status = RequestStatus::Dying;
        row.data.died = Some(why.to_owned());
        tracing::warn!(request = %row.id, target = %row.data.target, why, "request given up");
        let Some(next) = self.store_off_group(&mut row, position, &drain.groups).await? else {
            return Ok(Processed::only(Disposition::Dropped));
        };
        self.settle_dead_letter(row.written(), drain, next).await
    }

    /// Sends the dead letter of a row that is given up, and writes down that it was sent; `next` is whose turn it is in
    /// its order group.
    pub(super) async fn settle_dead_letter(
        &self,
        mut row: RequestRow,
        drain: &Drain<'_>,
        next: Option<RequestId>,
    ) -> Result<Processed, ReadError> {
        let now = self.runtime.now();
        if drain.no_letters.get() || !self.send_dead_letter(&row).await {
            // The row stays as it is, and is found again. Others would not go either, and hold up those that can go on.
            if !drain.no_letters.replace(true) {
                self.unsettled(1);
            }
            return Ok(Processed::Done { disposition: Disposition::Left, due: Some(now + AGAIN), next });
        }
        self.runtime.record(&metrics::of(&row.data.target), &[Metric::count(metrics::DEAD, 1.0)]);
        row.status = RequestStatus::Dead;
        row.wake = now;
        row.expires = now + self.dead_retention;
        row.data.writer = self.runtime.next_u64();
        park::keep_what_is_left(&self.table, &mut row).await?;
        park::store(&self.table, &row).await?;
        Ok(Processed::before(Disposition::Dead, next))
    }

    /// Sends a dead letter. Returns whether it certainly was sent.
    async fn send_dead_letter(&self, row: &RequestRow) -> bool {
        if is_in(Mutant::DeadWithoutDeadLetter) {
            return true;
        }
        let dead_letter = DeadRequest::of(row).outgoing();
        send::messages(&self.dead_letters.0, vec![dead_letter]).await.is_empty()
    }
}
