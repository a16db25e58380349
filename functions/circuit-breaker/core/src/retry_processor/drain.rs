//! Delivering what waits for one target: as many at a time as it bears, and each call holds up only itself.

use std::cell::Cell;
use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tenfold_pattern::read::{ReadError, readable};
use tenfold_pattern::send;
use tenfold_ports::{Context, Downstream, Queue, Runtime, Table};
use tracing::Instrument as _;

use super::disposition::{Disposition, Processed};
use super::lease::HeldDrain;
use super::order::Groups;
use super::{RetryProcessor, RunSummary};
use crate::decide::breaker::{Decision, DecisionContext};
use crate::decide::pace::Pace;
use crate::names::{BreakerName, RequestId, TargetName};
use crate::park::{self, INDEX_LAG, Look};
use crate::rows::RequestRow;

/// What a delivery may still need of the invocation's time after its call: writing it down.
const RESERVE: Duration = Duration::from_secs(5);
/// The longest that a call may take, where a target's configuration is not known: it was deleted.
const LONGEST_CALL: Duration = Duration::from_secs(25);

/// What a drain remembers while it lasts.
#[derive(Debug, Default)]
pub(super) struct Drain {
    pub(super) groups: Groups,
    /// Whether a breaker has closed: what was put off while it was open is worth a look.
    pub(super) closed: Cell<bool>,
    /// By when a call has to have ended: then the lease does, or the invocation.
    pub(super) calls_end: Cell<Timestamp>,
    /// When something is due that is not dealt with.
    next: Cell<Option<Timestamp>>,
}

impl Drain {
    fn due_again(&self, due: Timestamp) {
        self.next.set(Some(self.next.get().map_or(due, |next| next.min(due))));
    }
}

/// How a pass over what waits came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PassEnd {
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
enum Job {
    /// Its row was read.
    Row(Box<RequestRow>),
    /// It is the next of its order group.
    Next(RequestId),
}

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
        context: &Context,
        end: Timestamp,
    ) -> (RunSummary, Result<(), ReadError>) {
        let mut summary = RunSummary::default();
        let done = self.drain_under_lease(target, look, context, end, &mut summary).await;
        (summary, done)
    }

    async fn drain_under_lease(
        &self,
        target: &TargetName,
        mut look: Look,
        context: &Context,
        end: Timestamp,
        summary: &mut RunSummary,
    ) -> Result<(), ReadError> {
        self.registry.load(target, &[&BreakerName::of(target.clone())]).await?;
        let timeout = self.registry.target(target).map_or(LONGEST_CALL, |target| target.config.timeout());
        if look != Look::TooOld && self.is_shut(target) {
            return Ok(());
        }
        let Some(mut lease) = self.begin_drain(target, look, timeout).await? else { return Ok(()) };
        summary.targets += 1;
        let drain = Drain::default();
        let done = loop {
            let passed = self.pass(&drain, &mut lease, look, (context, end), summary).await;
            let over = match passed {
                Ok(PassEnd::LeaseLost) => return Ok(()),
                Ok(PassEnd::TimeUp) => {
                    drain.due_again(self.runtime.now());
                    true
                }
                // Whoever asks meanwhile finds it so too.
                Ok(PassEnd::Blocked(until)) => {
                    until.into_iter().for_each(|until| drain.due_again(until));
                    true
                }
                Ok(PassEnd::Through) => self.runtime.now() >= end,
                Err(error) => {
                    // The lease ends by the clock, should this be refused too.
                    _ = self.end_drain(&mut lease).await;
                    break Err(error);
                }
            };
            if drain.closed.take() && look != Look::All && !over {
                look = Look::All;
                continue;
            }
            match self.end_drain(&mut lease).await? {
                Some(asked) if !over => look = asked,
                Some(_) => {
                    // Whoever asked is answered by the next drain.
                    _ = self.end_drain(&mut lease).await?;
                    break Ok(());
                }
                None => break Ok(()),
            }
        };
        if let Some(due) = drain.next.get() {
            let now = self.runtime.now();
            let wake = park::outgoing(target, look, now, due.max(now + INDEX_LAG));
            self.unsettled(send::messages(&self.queue, vec![wake]).await.len());
        }
        done
    }

    /// Whether a target's breaker is known to let nothing through. Then there is nothing to do: whoever has seen it open
    /// has sent a message for the time when it ends, and the sweep sends another.
    fn is_shut(&self, target: &TargetName) -> bool {
        let Some(row) = self.registry.target(target) else { return false };
        let breaker = self.registry.row(&BreakerName::of(target.clone())).breaker;
        let context = DecisionContext { now: self.runtime.now(), config: &row.config, jitter: 0.0 };
        matches!(breaker.decide(context), Decision::Wait(_))
    }

    /// Goes once through what waits: what is to be looked at.
    async fn pass(
        &self,
        drain: &Drain,
        lease: &mut HeldDrain,
        look: Look,
        time: (&Context, Timestamp),
        summary: &mut RunSummary,
    ) -> Result<PassEnd, ReadError> {
        let now = self.runtime.now();
        let by = match look {
            Look::All => None,
            Look::Due => Some(now),
            Look::TooOld => self
                .registry
                .target(lease.target())
                .map(|target| now - SignedDuration::from_secs(target.config.retry.max_age_seconds.into())),
        };
        self.pass_by(drain, lease, by, time, summary).await
    }

    /// Goes once through what may be tried by a time (none: whenever).
    async fn pass_by(
        &self,
        drain: &Drain,
        lease: &mut HeldDrain,
        by: Option<Timestamp>,
        (context, end): (&Context, Timestamp),
        summary: &mut RunSummary,
    ) -> Result<PassEnd, ReadError> {
        let target = lease.target().clone();
        let breaker = self.registry.row(&BreakerName::of(target.clone())).breaker;
        let most = self.registry.target(&target).map_or(1, |t| t.config.retry.max_concurrent_calls as usize);
        let mut pace = Pace::new(&breaker, most, self.runtime.now());
        let mut rows = pin!(self.waiting(&target, by));
        let mut ready: VecDeque<Job> = VecDeque::new();
        let mut calls = FuturesUnordered::new();
        let (mut exhausted, mut stop, mut failed) = (false, None, None);
        // Until when the breaker lets nothing through: one of the calls under way may change that.
        let mut blocked: Option<Option<Timestamp>> = None;
        loop {
            let has_room = stop.is_none() && blocked.is_none() && calls.len() < pace.width();
            if has_room && (!ready.is_empty() || !exhausted) {
                match self.may_begin(lease, context, end).await {
                    Ok(None) => drain.calls_end.set(lease.calls_end().min(context.deadline - RESERVE)),
                    Ok(over) => stop = over,
                    Err(error) => (stop, failed) = (Some(PassEnd::TimeUp), Some(error)),
                }
                if stop.is_some() {
                    continue;
                }
            }
            if has_room && let Some(job) = ready.pop_front() {
                calls.push(self.work(job, drain, context));
                continue;
            }
            let happened = if has_room && !exhausted && calls.is_empty() {
                Either::Left(rows.next().await)
            } else if has_room && !exhausted {
                match select(rows.next(), calls.next()).await {
                    Either::Left((row, _)) => Either::Left(row),
                    Either::Right((done, _)) => Either::Right(done),
                }
            } else {
                Either::Right(calls.next().await)
            };
            match happened {
                Either::Left(Some(Ok(row))) => ready.push_back(Job::Row(Box::new(row))),
                Either::Left(None) => exhausted = true,
                Either::Right(None) => break,
                Either::Right(Some(Ok(Processed::Blocked(row, until)))) => {
                    ready.push_front(Job::Row(row));
                    blocked = Some(until);
                }
                Either::Right(Some(Ok(Processed::Again(row)))) => ready.push_front(Job::Row(row)),
                Either::Right(Some(Ok(Processed::Done { disposition, due, next }))) => {
                    summary.count(disposition);
                    match disposition {
                        Disposition::Delivered => pace = pace.after(false),
                        Disposition::Failed => pace = pace.after(true),
                        _ => {}
                    }
                    due.into_iter().for_each(|due| drain.due_again(due));
                    ready.extend(next.map(Job::Next));
                    blocked = None;
                }
                // Left as it is: whatever version reads it goes on with it.
                Either::Right(Some(Err(ReadError::Row(error)))) => {
                    readable::<()>(&self.runtime, Err(error));
                    summary.unreadable += 1;
                    blocked = None;
                }
                // A table that refuses one will refuse others, and their calls would be made for nothing.
                Either::Left(Some(Err(error))) | Either::Right(Some(Err(error))) => {
                    (stop, failed) = (Some(PassEnd::TimeUp), Some(error));
                }
            }
        }
        match (failed, stop, blocked) {
            (Some(error), ..) => Err(error),
            (None, Some(stop), _) => Ok(stop),
            (None, None, Some(until)) => Ok(PassEnd::Blocked(until)),
            (None, None, None) => Ok(PassEnd::Through),
        }
    }

    /// Returns why no further call may begin; none where one may, which ends before the invocation and the lease do.
    async fn may_begin(
        &self,
        lease: &mut HeldDrain,
        context: &Context,
        end: Timestamp,
    ) -> Result<Option<PassEnd>, ReadError> {
        let now = self.runtime.now();
        if now >= end || now + lease.timeout() + RESERVE > context.deadline {
            return Ok(Some(PassEnd::TimeUp));
        }
        Ok((!self.keep_drain(lease).await?).then_some(PassEnd::LeaseLost))
    }

    /// Deals with one request, in its own trace.
    async fn work(&self, job: Job, drain: &Drain, context: &Context) -> Result<Processed, ReadError> {
        let row = match job {
            Job::Row(row) => *row,
            Job::Next(id) => match self.row_of(id).await? {
                Some(row) => row,
                None => return Ok(Processed::only(Disposition::Dropped)),
            },
        };
        let context = context.of(&row.data.carrier);
        let span = tracing::error_span!(
            "request",
            request = %row.id,
            correlation_id = context.correlation.as_str(),
            trace_id = context.trace.trace_id(),
        );
        self.process(row, drain, &context).instrument(span).await
    }
}
