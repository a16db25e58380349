//! What is done when nobody waits for it: breakers are read anew, and calls reported.
//!
//! It may be cut short at any point, by its deadline or since its process ends: what is to be read stays wanted, a probe's
//! permit is given back by the next, and calls whose report has not come to its end are reported again. Of those the fleet may
//! have been told already: they count twice then, and none is lost.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join, join_all, select};
use tenfold_ports::table::{BATCH, Read};
use tenfold_ports::{Runtime, Table};

use super::breakers::{Registry, TRIES, WhenUnclear};
use super::kept::Urgency;
use super::unreported::Report;
use crate::decide::breaker::{Breaker, DecisionContext};
use crate::names::{BreakerName, TargetName};

/// How long it may take. DynamoDB answers within milliseconds; what takes longer than this hangs, and is left for the next
/// time, so that it keeps no invocation.
pub const TEND_MOST: Duration = Duration::from_secs(2);
/// How often a report is decided anew that others overtook: it can wait, and is made again after a pause that grows.
const REPORT_TRIES: usize = 3;
/// How many breakers of a target are reported at a time: one that the table does not take must not hold up its neighbours.
const REPORTS: usize = 8;

impl<T: Table, R: Runtime> Registry<T, R> {
    /// Reads anew what was asked for and is older than a TTL, reports what is to be reported, and gives back the permits of
    /// probes that were [left](super::Permit::leave). It is called when nobody
    /// waits for it: after an answer, or beside another call. Where there is nothing to do it costs nothing; it takes
    /// [`TEND_MOST`] at the most, and what is not done by then is due the next time.
    pub async fn tend(&self) {
        let due = self.memory.due(self.runtime.now());
        self.untended.tended();
        if due.is_empty() && self.left.is_empty() {
            return;
        }
        let work = pin!(self.tend_to(due));
        if let Either::Right(_) = select(work, self.runtime.sleep(TEND_MOST)).await {
            tracing::warn!("the table does not answer in time: what is to be read and reported waits");
        }
    }

    /// Reports all calls that are to be reported at all, however soon: before a process ends that
    /// [`tend`](Self::tend)s while it lives. It takes as long at the most.
    pub async fn flush(&self) {
        self.memory.hasten(self.runtime.now());
        self.tend().await;
    }

    async fn tend_to(&self, due: Vec<BreakerName>) {
        let now = self.runtime.now();
        let mut by_target: BTreeMap<TargetName, Vec<BreakerName>> = BTreeMap::new();
        for name in due {
            by_target.entry(name.target.clone()).or_default().push(name);
        }
        let targets = by_target.into_iter().map(async |(target, names)| {
            let due = names.iter().filter_map(|name| Some((name, self.memory.is_to_be_read(name, now)?)));
            let (reported, wanted): (Vec<_>, Vec<_>) = due.partition(|(_, how)| *how == Read::Consistent);
            for (unread, how) in [(reported, Read::Consistent), (wanted, Read::Eventual)] {
                let unread: Vec<_> = unread.into_iter().map(|(name, _)| name).collect();
                // The target's own row is one more.
                for unread in unread.chunks(BATCH - 1) {
                    if let Err(error) = self.read_as(&target, unread, how).await {
                        tracing::warn!(%target, %error, "breakers not read anew");
                    }
                }
            }
            for some in names.chunks(REPORTS) {
                join_all(some.iter().map(|name| self.report(name))).await;
            }
        });
        join(join_all(targets), self.settle_left()).await;
    }

    /// Reports the unreported calls of a breaker if it matters now.
    async fn report(&self, name: &BreakerName) {
        let now = self.runtime.now();
        let jitter = self.runtime.unit();
        let Some(report) = self.memory.take_unreported(name, now, jitter) else { return };
        let mut taken = TakenReport { registry: self, name, report: Some(report) };
        let Some(Report { config, epoch, calls, urgency }) = &taken.report else { return };
        let tries = if *urgency == Urgency::HasFew { TRIES } else { REPORT_TRIES };
        let retry_after = self.memory.retry_after(name, now);
        let absorb =
            |b: &Breaker, context: DecisionContext<'_>| b.absorb(context, *epoch, calls, retry_after);
        match self.commit_by(name, config, absorb, WhenUnclear::Leave, tries).await {
            Ok(_) => {
                taken.report = None;
                self.memory.reported(name);
            }
            Err(error) => {
                tracing::warn!(breaker = %name, %error, "calls not reported yet: counting on alone");
            }
        }
    }
}

/// Calls that are being reported. Where that does not come to its end they are kept, and this environment counts on alone.
struct TakenReport<'a, T: Table, R: Runtime> {
    registry: &'a Registry<T, R>,
    name: &'a BreakerName,
    report: Option<Report>,
}

impl<T: Table, R: Runtime> Drop for TakenReport<'_, T, R> {
    fn drop(&mut self) {
        let Some(Report { config, epoch, calls, urgency }) = self.report.take() else { return };
        let Registry { memory, runtime, .. } = self.registry;
        let context = DecisionContext { now: runtime.now(), config: &config, jitter: runtime.unit() };
        let retry_after = memory.retry_after(self.name, context.now);
        memory.count_alone(self.name, context, (epoch, calls, urgency), retry_after);
    }
}
