//! The lease of a target's drain: at most one call delivers what waits for a target.
//!
//! It is a row that is there while somebody drains, and ends by the clock where its holder dies. Whoever comes meanwhile
//! leaves a note in it and goes away; the holder cannot end its lease without having seen the note, and looks once more.
//! So nobody waits for a lease, and nothing is overlooked that was written before a note.

use std::time::Duration;

use jiff::Timestamp;
use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed};
use tenfold_ports::table::Item;
use tenfold_ports::{CallError, Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use crate::decide::permits::CLOCK_MARGIN;
use crate::mutant::{Mutant, is_in};
use crate::names::TargetName;
use crate::park::Look;
use crate::rows::{DrainLease, DrainRow};

/// By how much a lease is longer than a call: it is renewed when no call would fit into it any more.
const LENGTH: Duration = Duration::from_secs(15);
/// How long it may take until a call begins: the order group and the breaker are read before.
const SOON: Duration = Duration::from_secs(5);
/// How often a write of it is made that somebody overtook.
const TRIES: usize = 8;

/// The lease of a drain, in its holder's hands.
#[derive(Debug, Clone)]
pub(super) struct HeldDrain {
    row: DrainRow,
    holder: u64,
    until: Timestamp,
    /// How long a call of the target may take.
    timeout: Duration,
    /// Whether it is renewed whatever it covers.
    too_short: bool,
}

impl HeldDrain {
    pub(super) const fn target(&self) -> &TargetName {
        &self.row.target
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Says how long calls may take from now on: somebody may have configured it anew.
    pub(super) const fn may_call_for(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Says that a call did not fit into it: it is renewed before the next one.
    pub(super) const fn is_too_short(&mut self) {
        self.too_short = true;
    }

    /// Returns by when a call has to have ended, so that it does before the lease, on anybody's clock.
    pub(super) fn calls_end(&self) -> Timestamp {
        if is_in(Mutant::LeaseNotRenewed) { Timestamp::MAX } else { self.until - CLOCK_MARGIN }
    }

    /// Returns whether a call that begins soon ends before the lease does.
    pub(super) fn covers_a_call(&self, now: Timestamp) -> bool {
        !self.too_short && now + self.timeout + SOON <= self.calls_end()
    }

    /// Returns what somebody has asked for, as it was read last.
    fn note(&self) -> Option<Look> {
        self.row.lease.and_then(|lease| lease.asked)
    }

    /// Returns whether it is still ours, as it was read last: it ends by the clock too.
    fn is_ours(&self) -> bool {
        self.row.lease.is_some_and(|lease| lease.holder == self.holder)
    }

    fn lease(&self, now: Timestamp) -> DrainLease {
        DrainLease { holder: self.holder, until: now + self.timeout + CLOCK_MARGIN + LENGTH, asked: None }
    }
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Takes the lease of a target's drain, whose calls may take so long. Returns none where somebody else has it, who
    /// will look once more.
    pub(super) async fn begin_drain(
        &self,
        target: &TargetName,
        look: Look,
        timeout: Duration,
    ) -> Result<Option<HeldDrain>, ReadError> {
        let holder = self.runtime.next_u64();
        let row = DrainRow { target: target.clone(), stamp: None, lease: None };
        let mut held = HeldDrain { row, holder, until: Timestamp::UNIX_EPOCH, timeout, too_short: false };
        for _ in 0..TRIES {
            let now = self.runtime.now();
            let next = match held.row.lease {
                // Taken by a write of ours whose answer was lost; somebody has left a note since.
                Some(lease) if lease.holder == holder => {
                    held.until = lease.until;
                    return Ok(Some(held));
                }
                Some(lease) if now < lease.until && !is_in(Mutant::DrainedTogether) => {
                    if lease.asked >= Some(look) {
                        return Ok(None);
                    }
                    DrainLease { asked: Some(look), ..lease }
                }
                _ => held.lease(now),
            };
            if self.write_lease(&mut held, next).await? {
                held.until = next.until;
                return Ok((next.holder == holder).then_some(held));
            }
        }
        Err(ReadError::Silent(CallError::Throttled))
    }

    /// Renews the lease. Returns none where it is no longer ours.
    pub(super) async fn keep_drain(&self, mut held: HeldDrain) -> Result<Option<HeldDrain>, ReadError> {
        for _ in 0..TRIES {
            let asked = held.note();
            let next = DrainLease { asked, ..held.lease(self.runtime.now()) };
            if self.write_lease(&mut held, next).await? {
                (held.until, held.too_short) = (next.until, false);
                return Ok(Some(held));
            }
            if !held.is_ours() {
                return Ok(None);
            }
        }
        Err(ReadError::Silent(CallError::Throttled))
    }

    /// Gives the lease back whatever was asked for meanwhile, and returns that: the next drain has to do it.
    pub(super) async fn release_drain(&self, held: &mut HeldDrain) -> Result<Option<Look>, ReadError> {
        for _ in 0..TRIES {
            let note = held.note();
            if self.delete_lease(held).await? {
                return Ok(note);
            }
            if !held.is_ours() {
                return Ok(None);
            }
        }
        Err(ReadError::Silent(CallError::Throttled))
    }

    /// Ends the lease. Returns the look that somebody has asked for meanwhile: then it goes on, and the holder has to
    /// look once more.
    pub(super) async fn end_drain(&self, held: &mut HeldDrain) -> Result<Option<Look>, ReadError> {
        for _ in 0..TRIES {
            if let Some(look) = held.note().filter(|_| !is_in(Mutant::NoteUnread)) {
                let next = held.lease(self.runtime.now());
                if self.write_lease(held, next).await? {
                    held.until = next.until;
                    return Ok(Some(look));
                }
            } else if self.delete_lease(held).await? {
                return Ok(None);
            }
            if !held.is_ours() {
                return Ok(None);
            }
        }
        Err(ReadError::Silent(CallError::Throttled))
    }

    /// Deletes the lease, if nobody has written since it was read. Returns false where somebody has; what there is then is
    /// in `held`.
    async fn delete_lease(&self, held: &mut HeldDrain) -> Result<bool, ReadError> {
        match commit::write(&self.table, &held.row.end(), |_| false).await? {
            Committed::Yes | Committed::Conflict(None) | Committed::Unclear(None) => Ok(true),
            Committed::Conflict(item) | Committed::Unclear(item) => {
                held.row = DrainRow::read(&held.row.target, item.as_ref())?;
                Ok(false)
            }
        }
    }

    /// Writes a lease in place of what was read. Returns false where somebody else was faster; what there is then is in
    /// `held`.
    async fn write_lease(&self, held: &mut HeldDrain, next: DrainLease) -> Result<bool, ReadError> {
        let stamp = (self.runtime.next_u64() >> 1) as i64;
        let mine = |item: &Item| DrainRow::is_of(item, stamp);
        match commit::write(&self.table, &held.row.replace(next, stamp), mine).await? {
            Committed::Yes => {
                held.row = DrainRow { stamp: Some(stamp), lease: Some(next), ..held.row.clone() };
                Ok(true)
            }
            Committed::Conflict(item) | Committed::Unclear(item) => {
                held.row = DrainRow::read(&held.row.target, item.as_ref())?;
                Ok(false)
            }
        }
    }
}
