//! What a call takes of what services let through, where time matters: units of the table's capacity, and its place in
//! a service's rate. Elsewhere every call has them.

use tenfold_ports::table::{Cancelled, Item, Key, Query, Read, TransactError, Write};
use tenfold_ports::{CallError, SmolStr};

use super::state::RunState;
use crate::aws::capacity::{CapacityCheck, kilobytes};
use crate::aws::table::change::changes;
use crate::aws::table::size::size;

/// The unit of reads.
const READ_UNIT: usize = 4 << 10;

impl RunState {
    /// Takes a call's place in the rate of a service; `of` names what the rate is of, where it is not the account's.
    pub fn spend_rate(&mut self, limit: &'static str, of: &str, tokens: usize) -> Result<(), CallError> {
        let Some(timed) = &mut self.timed else { return Ok(()) };
        if timed.rates.take(limit, of, tokens as f64, self.now) {
            return Ok(());
        }
        timed.verdict = CapacityCheck::Throttled;
        Err(CallError::Throttled)
    }

    /// Makes writes, all or none, where there are write units for them.
    pub fn make_writes(&mut self, writes: &[Write], transaction: bool) -> Result<(), TransactError> {
        let plan = self.table.plan(writes, transaction)?;
        if let Some(timed) = &mut self.timed {
            timed.verdict = timed.capacity.writes(&self.table, &plan, self.now, transaction);
            match timed.verdict {
                CapacityCheck::Made => {}
                CapacityCheck::Throttled => return Err(CallError::Throttled.into()),
                CapacityCheck::Busy => return Err(TransactError::Cancelled(vec![Cancelled::Busy])),
            }
        }
        let changes = changes(plan).map_err(TransactError::Cancelled)?;
        self.table.make(changes, self.now);
        Ok(())
    }

    /// Takes read units for the items of these keys.
    pub fn spend_reads(&mut self, keys: &[Key], read: Read) -> Result<(), CallError> {
        let Some(timed) = &mut self.timed else { return Ok(()) };
        let factor = if read == Read::Consistent { 1.0 } else { 0.5 };
        for key in keys {
            let bytes = self.table.get(key).map_or(0, |item| size(item, true));
            timed.verdict = timed.capacity.reads("", &key.pk, factor * kilobytes(bytes, READ_UNIT), self.now);
            if timed.verdict != CapacityCheck::Made {
                return Err(CallError::Throttled);
            }
        }
        Ok(())
    }

    /// Takes read units for a page of a query. Indexes are read eventually, and hold keys only.
    pub fn spend_page(&mut self, query: &Query, items: &[Item]) -> Result<(), CallError> {
        let bytes = items.iter().map(|item| size(item, query.index.is_none())).sum();
        self.spend_bytes(query.index.unwrap_or(""), &query.partition, bytes)
    }

    /// Takes read units for a page of a scan, of each partition that is in it.
    pub fn spend_scanned(&mut self, items: &[Item]) -> Result<(), CallError> {
        let mut partitions = items.chunk_by(|one, next| one.key.pk == next.key.pk);
        partitions.try_for_each(|of_one| {
            let bytes = of_one.iter().map(|item| size(item, true)).sum();
            self.spend_bytes("", &of_one[0].key.pk, bytes)
        })
    }

    /// Takes read units for so many bytes of a partition.
    pub fn spend_bytes(
        &mut self,
        index: &'static str,
        partition: &SmolStr,
        bytes: usize,
    ) -> Result<(), CallError> {
        let Some(timed) = &mut self.timed else { return Ok(()) };
        let factor = if index.is_empty() { 1.0 } else { 0.5 };
        timed.verdict =
            timed.capacity.reads(index, partition, factor * kilobytes(bytes, READ_UNIT), self.now);
        if timed.verdict == CapacityCheck::Made { Ok(()) } else { Err(CallError::Throttled) }
    }
}
