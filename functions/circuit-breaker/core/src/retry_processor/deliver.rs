//! Trying one request: what its row and its breaker allow, and what is written down of the attempt.

use futures_util::future::join;
use jiff::{SignedDuration, Timestamp};
use tenfold_pattern::ReadError;
use tenfold_ports::metrics::Metric;
use tenfold_ports::{Context, Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use super::disposition::{Disposition, Processed};
use super::drain::Drain;
use super::order::{Groups, OrderPosition};
use crate::call::{self, CallResult, keep};
use crate::config::TargetConfig;
use crate::decide::judge::Verdict;
use crate::decide::permits::CLOCK_MARGIN;
use crate::decide::retry::{backoff, given_up, worth_a_look};
use crate::metrics;
use crate::names::BreakerName;
use crate::park::Stored;
use crate::registry::Admission;
use crate::rows::{RequestRow, RequestStatus};

/// For how long a request is put off whose tenant's breaker was opened by hand: a look at it is asked for when that ends.
const BY_HAND: SignedDuration = SignedDuration::from_mins(15);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Does what there is to do about a request, whose row was read just now.
    pub(super) async fn process(
        &self,
        row: RequestRow,
        drain: &Drain,
        context: &Context,
    ) -> Result<Processed, ReadError> {
        match row.status {
            RequestStatus::Queued => {}
            RequestStatus::Dying => return self.settle_dead_letter(row, None).await,
            RequestStatus::Running | RequestStatus::Delivered | RequestStatus::Dead => {
                return Ok(Processed::only(Disposition::Dropped));
            }
        }
        if row.wake > self.runtime.now() && !self.is_worth_a_look(&row).await? {
            return Ok(Processed::only(Disposition::Left));
        }
        match self.position(&row, &drain.groups).await? {
            Some(position) if drain.groups.begin(&row) => {
                let ordering = row.data.ordering.clone();
                let processed = self.deliver(row, position, drain, context).await;
                drain.groups.end(ordering.as_ref());
                processed
            }
            _ => Ok(Processed::only(Disposition::Left)),
        }
    }

    /// Calls the target where its breaker lets the request through, and gives the request up where it is too
    /// late.
    async fn deliver(
        &self,
        row: RequestRow,
        position: OrderPosition,
        drain: &Drain,
        context: &Context,
    ) -> Result<Processed, ReadError> {
        let groups = &drain.groups;
        let name = BreakerName { target: row.data.target.clone(), tenant: row.data.tenant.clone() };
        let tenant = name.tenant.as_ref().map(|_| &name);
        let now = self.runtime.now();
        // Before anybody is asked for a permit.
        if let Some(target) = self.registry.target(&name.target)
            && let Some(why) = given_up(&row, &target.config, now)
        {
            return self.give_up(row, position, groups, &why).await;
        }
        let permit = match self.registry.admit(&name.target, tenant).await? {
            Admission::Unknown => {
                return self.give_up(row, position, groups, "its target was deleted").await;
            }
            Admission::Wait { refused: Some(error), .. } => return Err(error),
            Admission::Wait { until, breaker, .. } if breaker.tenant.is_some() => {
                return self.put_off(row, until, now).await;
            }
            Admission::Wait { until, .. } => {
                groups.took_back(&row);
                return Ok(Processed::Blocked(Box::new(row), until));
            }
            Admission::Call(permit) => permit,
        };
        let config = std::sync::Arc::clone(&permit.config);
        let timeout = permit.time_for(context.deadline, CLOCK_MARGIN);
        // A call that is cut short says nothing of the target.
        if timeout < config.timeout() / 2 || self.runtime.now() + timeout > drain.calls_end.get() {
            permit.release().await;
            groups.took_back(&row);
            return Ok(Processed::Again(Box::new(row)));
        }
        let call = call::delivery(&config, &row.data, row.body.clone(), timeout, context);
        let result = call::make(&self.downstream, &self.runtime, &config, call).await;
        metrics::call(&self.runtime, &name.target, &result);
        let settle = permit.settle(result.outcome, result.retry_after());
        let (settled, processed) =
            join(settle, self.write_down(row, position, groups, &config, result)).await;
        if settled.closed {
            drain.closed.set(true);
        }
        processed
    }

    /// Whether the reason is gone for which a request was put off: since its last attempt a breaker has changed, or its
    /// target's configuration.
    async fn is_worth_a_look(&self, row: &RequestRow) -> Result<bool, ReadError> {
        let target = &row.data.target;
        let whole = BreakerName::of(target.clone());
        let own = BreakerName { target: target.clone(), tenant: row.data.tenant.clone() };
        self.registry.load(target, &[&whole, &own]).await?;
        let breakers = [&whole, &own].map(|name| self.registry.row(name).breaker);
        let changed = self.registry.target(target).and_then(|target| target.changed);
        Ok(worth_a_look(row, &breakers, changed))
    }

    /// Puts a request off whose tenant's breaker lets nothing through, so that those behind it come first.
    async fn put_off(
        &self,
        mut row: RequestRow,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Processed, ReadError> {
        if row.wake > now {
            return Ok(Processed::only(Disposition::Left));
        }
        // Those that waited for the same breaker do not all come at once.
        let spread = SignedDuration::from_millis((self.runtime.unit() * 1000.0) as i64);
        let due = until.unwrap_or(now + BY_HAND) + spread;
        row.data.due = due;
        row.wake = due;
        let stored = self.store(&mut row).await?;
        Ok(if stored == Stored::Yes {
            Processed::again(Disposition::Deferred, due)
        } else {
            Processed::only(Disposition::Dropped)
        })
    }

    /// Writes down what came of an attempt.
    async fn write_down(
        &self,
        mut row: RequestRow,
        position: OrderPosition,
        groups: &Groups,
        config: &TargetConfig,
        result: CallResult,
    ) -> Result<Processed, ReadError> {
        row.data.attempted(result.attempt());
        match result.verdict {
            Verdict::Final(answer) => {
                let (head, body) = keep(&answer);
                row.status = RequestStatus::Delivered;
                row.data.answer = Some(head);
                row.answer_body = body;
                row.expires = result.at + self.retention;
                let Some(next) = self.store_off_group(&mut row, position, groups).await? else {
                    return Ok(Processed::only(Disposition::Dropped));
                };
                tracing::info!(target = %row.data.target, status = answer.status, "request delivered");
                let delivered = [Metric::count(metrics::DELIVERED, 1.0)];
                self.runtime.record(&metrics::of(&row.data.target), &delivered);
                Ok(Processed::before(Disposition::Delivered, next))
            }
            Verdict::Again { retry_after, why, .. } => {
                let most = config.retry.max_attempts;
                if row.data.tries >= most {
                    let why = format!("{most} attempts failed, the last: {why}");
                    return self.give_up(row, position, groups, &why).await;
                }
                let wait = backoff(&config.retry, row.data.tries, retry_after, self.runtime.unit());
                // It is looked at when it is too old at the latest.
                let oldest = SignedDuration::from_secs(config.retry.max_age_seconds.into());
                let due = (result.at + wait).min(row.data.begun + oldest).max(result.at);
                row.data.due = due;
                row.wake = due;
                Ok(match self.store(&mut row).await? {
                    Stored::Yes => Processed::again(Disposition::Failed, due),
                    _ => Processed::only(Disposition::Dropped),
                })
            }
        }
    }
}
