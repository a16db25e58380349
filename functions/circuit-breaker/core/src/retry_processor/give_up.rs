//! Giving a request up.
//!
//! The row is marked first, then the dead letter is sent, then the row says that it was. So whoever dies in
//! between leaves a row that is found again, and at worst there are two dead letters.

use std::time::Duration;

use tenfold_pattern::{ReadError, send};
use tenfold_ports::metrics::Metric;
use tenfold_ports::queue::Outgoing;
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use super::disposition::{Disposition, Processed};
use super::order::OrderPosition;
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::park::{self, RetryMessage};
use crate::rows::{RequestRow, RequestStatus};

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Gives a request up, for a reason in words.
    pub(super) async fn give_up(
        &self,
        mut row: RequestRow,
        position: OrderPosition,
        why: &str,
    ) -> Result<Processed, ReadError> {
        row.status = RequestStatus::Dying;
        row.wake = self.runtime.now();
        row.data.died = Some(why.to_owned());
        tracing::warn!(request = %row.id, target = %row.data.target, why, "request given up");
        let Some(send) = self.store_off_group(&mut row, position).await? else {
            return Ok(Processed::only(Disposition::Dropped));
        };
        self.settle_dead_letter(row.written(), send).await
    }

    /// Sends the dead letter of a row that is given up, and writes down that it was sent.
    pub(super) async fn settle_dead_letter(
        &self,
        mut row: RequestRow,
        mut send: Vec<Outgoing>,
    ) -> Result<Processed, ReadError> {
        if !self.send_dead_letter(&row).await {
            self.unsettled(1);
            // The row stays as it is, and its message comes again.
            send.push(RetryMessage::of(&row).outgoing(Duration::from_mins(1)));
            return Ok(Processed { disposition: Disposition::Deferred, send });
        }
        self.runtime.record(&metrics::of(&row.data.target), &[Metric::count(metrics::DEAD, 1.0)]);
        row.status = RequestStatus::Dead;
        row.expires = self.runtime.now() + self.retention;
        row.data.writer = self.runtime.next_u64();
        park::store(&self.table, &row).await?;
        Ok(Processed { disposition: Disposition::Dead, send })
    }

    /// Sends a dead letter. Returns whether it certainly was sent.
    async fn send_dead_letter(&self, row: &RequestRow) -> bool {
        if is_in(Mutant::DeadWithoutDeadLetter) {
            return true;
        }
        let dead_letter = RetryMessage::dead_letter(row).outgoing(Duration::ZERO);
        send::messages(&self.dead_letters, vec![dead_letter]).await.is_empty()
    }
}
