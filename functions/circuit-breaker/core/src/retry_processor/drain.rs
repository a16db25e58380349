//! Delivering what waits for one target: under its lease, pass after pass, until nothing is due.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tenfold_pattern::read::ReadError;
use tenfold_pattern::send;
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::lease::HeldDrain;
use super::memo::{Drain, Invocation};
use super::pass::PassEnd;
use super::{RetryProcessor, RunSummary};
use crate::config::TIMEOUT_MOST;
use crate::decide::breaker::Decision;
use crate::names::{BreakerName, TargetName};
use crate::park::{self, INDEX_LAG, Look};

/// The longest that a call may take, where a target's configuration is not known: it was deleted.
const LONGEST_CALL: Duration = Duration::from_millis(TIMEOUT_MOST as u64);
/// How long after a refusal a drain asks to be called again.
const AFTER_REFUSALS: SignedDuration = SignedDuration::from_secs(55);
/// A message that comes so much too early for the end of a break, by the clocks, is sent once more.
const TOO_EARLY: SignedDuration = SignedDuration::from_secs(5);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Delivers what waits for a target, until nothing is due or the time is up, and asks to be called again when
    /// something is.
    ///
    /// The error is that of a table that did not answer or refused something: what was begun is safe, and the next drain
    /// goes on.
    pub(super) async fn drain(
        &self,
        target: &TargetName,
        look: Look,
        invocation: &Invocation<'_>,
    ) -> (RunSummary, Result<(), ReadError>) {
        let mut summary = RunSummary::default();
        let done = self.drain_under_lease(target, look, invocation, &mut summary).await;
        (summary, done)
    }

    async fn drain_under_lease(
        &self,
        target: &TargetName,
        look: Look,
        invocation: &Invocation<'_>,
        summary: &mut RunSummary,
    ) -> Result<(), ReadError> {
        let whole = BreakerName::of(target.clone());
        match look {
            // Somebody says that it has changed.
            Look::All => _ = self.registry.read(target, &[&whole]).await?,
            Look::Due | Look::TooOld => self.registry.load(target, &[&whole]).await?,
        }
        // Whoever has seen it open has sent a message for the time when that ends, and the sweep sends another.
        if look != Look::TooOld
            && let Some(Decision::Wait(until)) = self.registry.decision(&whole)
        {
            let now = self.runtime.now();
            let early = until.into_iter().filter(|until| *until <= now + TOO_EARLY);
            self.wake(target, Look::Due, &early.collect::<Vec<_>>()).await;
            return Ok(());
        }
        let Some(mut lease) = self.begin_drain(target, look, self.timeout(target)).await? else {
            return Ok(());
        };
        summary.targets += 1;
        let drain = Drain::new(invocation);
        let done = self.drain_to_its_end(look, &drain, &mut lease, summary).await;
        // Should this be refused too, the lease ends by the clock.
        let asked = if done == Ok(None) { Ok(None) } else { self.release_drain(&mut lease).await };
        let mut rest = if let Ok(rest) = &done {
            rest.unwrap_or(Look::Due)
        } else {
            // Not at once: whoever refuses now will refuse again.
            drain.due_again(self.runtime.now() + AFTER_REFUSALS);
            drain.look.get()
        };
        if let Ok(Some(asked)) = asked {
            drain.due_again(self.runtime.now());
            rest = rest.max(asked);
        }
        if drain.closed.take() {
            drain.due_again(self.runtime.now());
            rest = Look::All;
        }
        self.wake(target, rest, &drain.looks(self.runtime.now())).await;
        done.map(|_| ())
    }

    /// Makes one pass after another until nobody asks for another and the lease is given back. Returns the look that the
    /// next drain has to go on with, where this one has ended before; it has the lease still.
    async fn drain_to_its_end(
        &self,
        mut look: Look,
        drain: &Drain<'_>,
        lease: &mut HeldDrain,
        summary: &mut RunSummary,
    ) -> Result<Option<Look>, ReadError> {
        loop {
            drain.look.set(look);
            match self.pass(drain, lease, look, summary).await? {
                PassEnd::TimeUp | PassEnd::LeaseLost => {
                    drain.due_again(self.runtime.now());
                    return Ok(Some(look));
                }
                // Whoever asks meanwhile finds it so too.
                PassEnd::Blocked(until) => {
                    until.into_iter().for_each(|until| drain.due_again(until));
                    return Ok(Some(Look::Due));
                }
                PassEnd::Through if self.runtime.now() >= drain.invocation.end => return Ok(Some(Look::Due)),
                PassEnd::Through => {}
            }
            if drain.closed.take() {
                look = Look::All;
                continue;
            }
            match self.end_drain(lease).await? {
                Some(asked) => {
                    drain.groups.forget();
                    look = asked;
                }
                None => return Ok(None),
            }
        }
    }

    /// Asks for a look at a target at each of these times.
    async fn wake(&self, target: &TargetName, look: Look, dues: &[Timestamp]) {
        if dues.is_empty() {
            return;
        }
        let now = self.runtime.now();
        let wakes = dues.iter().map(|due| park::outgoing(target, look, now, (*due).max(now + INDEX_LAG)));
        self.unsettled(send::messages(&self.queue, wakes.collect()).await.len());
    }

    /// Returns how long a call of a target may take.
    pub(super) fn timeout(&self, target: &TargetName) -> Duration {
        self.registry.target(target).map_or(LONGEST_CALL, |target| target.config.timeout())
    }
}
