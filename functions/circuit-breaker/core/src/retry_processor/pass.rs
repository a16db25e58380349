//! One pass over what waits for a target: a rolling number of calls, each of which holds up only itself.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tenfold_pattern::read::{ReadError, readable};
use tenfold_ports::{Context, Downstream, Queue, Runtime, Table};
use tracing::Instrument as _;

use super::disposition::{Disposition, Processed};
use super::lease::HeldDrain;
use super::memo::Drain;
use super::{RetryProcessor, RunSummary};
use crate::config::CONCURRENCY_MOST;
use crate::decide::breaker::Decision;
use crate::decide::pace::Pace;
use crate::decide::retry::given_up;
use crate::names::{BreakerName, RequestId, TargetName};
use crate::park::Look;
use crate::rows::{RequestRow, RequestStatus};

/// What a delivery may still need of the invocation's time after its call: writing it down.
pub(super) const RESERVE: Duration = Duration::from_secs(5);
/// The most requests at a time that are put off or given up without a call.
const QUIET_MOST: usize = 32;
/// After how many refusals of the table in a row a pass ends: what is called then could not be written down.
const REFUSALS_MOST: u32 = 5;

/// How a pass over what waits came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PassEnd {
    /// All was looked at.
    Through,
    /// The target's breaker lets nothing through before a time; none: before a person says otherwise.
    Blocked(Option<Timestamp>),
    /// There is no time left for another call.
    TimeUp,
    /// The lease is no longer ours.
    LeaseLost,
}

/// What is to be done about one request.
enum Upcoming {
    /// Its row was read.
    Row(Box<RequestRow>),
    /// It is the next of its order group.
    Next(RequestId),
}

/// What has come of something that was under way.
enum Happened {
    /// A row was read; none: there are no more.
    Read(Option<Result<Box<RequestRow>, ReadError>>),
    /// A request was dealt with; whether it was one without a call.
    Done(bool, Result<Processed, ReadError>),
    /// The lease was renewed, or is not ours any more.
    Renewed(Result<Option<HeldDrain>, ReadError>),
}

/// A pass while it lasts.
struct PassProgress {
    pace: Pace,
    ready: VecDeque<Upcoming>,
    /// Whether all rows were read.
    exhausted: bool,
    calls: usize,
    quiet: usize,
    renewing: bool,
    /// That the breaker lets nothing through: one of the calls under way may change that.
    blocked: Option<PassEnd>,
    stop: Option<PassEnd>,
    refusals: u32,
    failed: Option<ReadError>,
}

impl PassProgress {
    fn refused(&mut self, error: ReadError) {
        self.refusals += 1;
        self.failed = Some(error);
        if self.refusals >= REFUSALS_MOST {
            self.stop.get_or_insert(PassEnd::TimeUp);
        }
    }

    fn end(self) -> Result<PassEnd, ReadError> {
        match (self.failed, self.stop, self.blocked) {
            (Some(error), ..) => Err(error),
            (None, Some(stop), _) => Ok(stop),
            (None, None, blocked) => Ok(blocked.unwrap_or(PassEnd::Through)),
        }
    }
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Goes once through what waits and is to be looked at.
    pub(super) async fn pass(
        &self,
        drain: &Drain<'_>,
        lease: &mut HeldDrain,
        look: Look,
        summary: &mut RunSummary,
    ) -> Result<PassEnd, ReadError> {
        let target = lease.target().clone();
        let now = self.runtime.now();
        let config = self.registry.target(&target).map(|target| target.config);
        let by = match (look, &config) {
            (Look::All, _) | (Look::TooOld, None) => None,
            (Look::Due, _) => Some(now),
            (Look::TooOld, Some(config)) => {
                Some(now - SignedDuration::from_secs(config.retry.max_age_seconds.into()))
            }
        };
        let breaker = self.registry.row(&BreakerName::of(target.clone())).breaker;
        let mut rows = pin!(self.waiting(&target, by));
        let mut under_way = FuturesUnordered::new();
        let mut pass = PassProgress {
            pace: Pace::new(&breaker, self.most_calls(&target), now),
            ready: VecDeque::new(),
            exhausted: false,
            calls: 0,
            quiet: 0,
            renewing: false,
            blocked: None,
            stop: None,
            refusals: 0,
            failed: None,
        };
        loop {
            let open = pass.stop.is_none() && pass.blocked.is_none() && !pass.renewing;
            pass.pace = pass.pace.limited(self.most_calls(&target));
            let of_all = drain.invocation.calls.get();
            let may_call = open
                && pass.calls < pass.pace.width()
                && (of_all < CONCURRENCY_MOST as usize || pass.calls == 0);
            let may_work = open && pass.quiet < QUIET_MOST;
            let is_quiet = pass.ready.front().is_some_and(|turn| self.is_quiet(turn, look));
            if !pass.ready.is_empty() && if is_quiet { may_work } else { may_call } {
                lease.may_call_for(self.timeout(&target));
                let now = self.runtime.now();
                if now >= drain.invocation.end
                    || now + lease.timeout() + RESERVE > drain.invocation.context.deadline
                {
                    pass.stop = Some(PassEnd::TimeUp);
                } else if !lease.covers_a_call(now) {
                    pass.renewing = true;
                    let held = lease.clone();
                    under_way.push(Either::Left(async { Happened::Renewed(self.keep_drain(held).await) }));
                } else if let Some(turn) = pass.ready.pop_front() {
                    drain.calls_end.set(lease.calls_end().min(drain.invocation.context.deadline - RESERVE));
                    if is_quiet {
                        pass.quiet += 1;
                    } else {
                        pass.calls += 1;
                        drain.invocation.calls.update(|calls| calls + 1);
                    }
                    under_way.push(Either::Right(async move {
                        Happened::Done(is_quiet, self.work(turn, look, drain).await)
                    }));
                }
                continue;
            }
            let may_read = pass.ready.is_empty() && !pass.exhausted && (may_call || may_work);
            let happened = if may_read && under_way.is_empty() {
                Happened::Read(rows.next().await.map(|row| row.map(Box::new)))
            } else if may_read {
                match select(rows.next(), under_way.next()).await {
                    Either::Left((row, _)) => Happened::Read(row.map(|row| row.map(Box::new))),
                    Either::Right((Some(happened), _)) => happened,
                    Either::Right((None, _)) => continue,
                }
            } else {
                match under_way.next().await {
                    Some(happened) => happened,
                    None => break,
                }
            };
            if let Happened::Done(false, _) = &happened {
                drain.invocation.calls.update(|calls| calls - 1);
            }
            self.take_in(&mut pass, happened, drain, lease, summary);
        }
        pass.end()
    }

    /// Draws the conclusions of what has happened.
    fn take_in(
        &self,
        pass: &mut PassProgress,
        happened: Happened,
        drain: &Drain<'_>,
        lease: &mut HeldDrain,
        summary: &mut RunSummary,
    ) {
        let done = match happened {
            Happened::Read(Some(Ok(row))) => return pass.ready.push_back(Upcoming::Row(row)),
            Happened::Read(None) => return pass.exhausted = true,
            // Whoever cannot read the rows cannot go on.
            Happened::Read(Some(Err(error))) => {
                (pass.stop, pass.failed) = (Some(PassEnd::TimeUp), Some(error));
                return;
            }
            Happened::Renewed(renewed) => {
                pass.renewing = false;
                match renewed {
                    Ok(Some(renewed)) => *lease = renewed,
                    Ok(None) => pass.stop = Some(PassEnd::LeaseLost),
                    Err(error) => (pass.stop, pass.failed) = (Some(PassEnd::TimeUp), Some(error)),
                }
                return;
            }
            Happened::Done(is_quiet, done) => {
                let under_way = if is_quiet { &mut pass.quiet } else { &mut pass.calls };
                *under_way -= 1;
                done
            }
        };
        match done {
            Ok(Processed::Blocked(row, until)) => {
                pass.ready.push_front(Upcoming::Row(row));
                pass.blocked = Some(PassEnd::Blocked(until));
                return;
            }
            Ok(Processed::Again(row)) => {
                pass.ready.push_front(Upcoming::Row(row));
                lease.is_too_short();
            }
            Ok(Processed::Done { disposition, due, next }) => {
                summary.count(disposition);
                match disposition {
                    Disposition::Delivered => pass.pace = pass.pace.after(false),
                    Disposition::Failed => pass.pace = pass.pace.after(true),
                    _ => {}
                }
                if disposition != Disposition::Left {
                    pass.refusals = 0;
                }
                due.into_iter().for_each(|due| drain.due_again(due));
                pass.ready.extend(next.map(Upcoming::Next));
            }
            // Left as it is: whatever version reads it goes on with it.
            Err(ReadError::Row(error)) => {
                readable::<()>(&self.runtime, Err(error));
                summary.unreadable += 1;
            }
            Err(error) => pass.refused(error),
        }
        pass.blocked = None;
    }

    /// Returns how many requests of a target are delivered at a time at most.
    fn most_calls(&self, target: &TargetName) -> usize {
        self.registry.target(target).map_or(1, |t| t.config.retry.max_concurrent_calls as usize)
    }

    /// Whether a request is dealt with without a call, as far as that is known: it is too old, its target is gone, or its
    /// tenant's breaker lets nothing through.
    fn is_quiet(&self, turn: &Upcoming, look: Look) -> bool {
        let Upcoming::Row(row) = turn else { return false };
        let now = self.runtime.now();
        if look == Look::TooOld || row.status != RequestStatus::Queued {
            return true;
        }
        let Some(target) = self.registry.target(&row.data.target) else { return true };
        if given_up(row, &target.config, now).is_some() {
            return true;
        }
        let own = BreakerName { target: row.data.target.clone(), tenant: row.data.tenant.clone() };
        // Of a target that was forced closed all pass, tenants' too.
        let whole = BreakerName::of(own.target.clone());
        own.tenant.is_some()
            && self.registry.decision(&whole) == Some(Decision::Allow)
            && matches!(self.registry.decision(&own), Some(Decision::Wait(_)))
    }

    /// Deals with one request, in its own trace.
    async fn work(&self, turn: Upcoming, look: Look, drain: &Drain<'_>) -> Result<Processed, ReadError> {
        let row = match turn {
            Upcoming::Row(row) => *row,
            Upcoming::Next(id) => match self.row_of(id).await? {
                Some(row) => row,
                None => return Ok(Processed::only(Disposition::Dropped)),
            },
        };
        let context: Context = drain.invocation.context.of(&row.data.carrier);
        let span = tracing::error_span!(
            "request",
            request = %row.id,
            correlation_id = context.correlation.as_str(),
            trace_id = context.trace.trace_id(),
        );
        self.process(row, look, drain, &context).instrument(span).await
    }
}
