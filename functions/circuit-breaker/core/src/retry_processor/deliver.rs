//! Trying one request: what its row and its breaker allow, and what is written down of the attempt.

use std::time::Duration;

use futures_util::future::join;
use jiff::{SignedDuration, Timestamp};
use tenfold_pattern::ReadError;
use tenfold_ports::metrics::Metric;
use tenfold_ports::{Context, Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use super::disposition::{Disposition, Processed};
use super::memo::Drain;
use super::order::OrderPosition;
use crate::call::{self, BODY_MOST, CallResult, HELD_BACK, keep};
use crate::config::TargetConfig;
use crate::credentials::{Purpose, TargetCall};
use crate::decide::judge::{Verdict, is_done};
use crate::decide::permits::CLOCK_MARGIN;
use crate::decide::retry::{backoff, given_up, not_too_late, worth_a_look};
use crate::decide::timing::time_left;
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::names::BreakerName;
use crate::park::{self, Look, Stored};
use crate::registry::Admission;
use crate::rows::{RequestRow, RequestStatus};

/// For how long a request is put off whose tenant's breaker was opened by hand: a look at it is asked for when that ends.
const BY_HAND: SignedDuration = SignedDuration::from_mins(15);
/// Why a request is given up whose target is gone.
const DELETED: &str = "its target was deleted";
/// Over what time requests come back that were put off together: so much for each, and at least this.
const EACH: Duration = Duration::from_millis(10);
const LEAST: Duration = Duration::from_secs(1);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Does what there is to do about a request, whose row was read just now.
    pub(super) async fn process(
        &self,
        row: RequestRow,
        look: Look,
        drain: &Drain<'_>,
        context: &Context,
    ) -> Result<Processed, ReadError> {
        match row.status {
            RequestStatus::Queued => {}
            RequestStatus::Dying => return self.settle_dead_letter(row, drain, None).await,
            RequestStatus::Running | RequestStatus::Delivered | RequestStatus::Dead => {
                return Ok(Processed::only(Disposition::Dropped));
            }
        }
        if row.wake > self.runtime.now() && !self.is_worth_a_look(&row).await? {
            return Ok(Processed::only(Disposition::Left));
        }
        match self.position(&row, &drain.groups).await? {
            // Behind a breaker that lets nothing through: only what is too old is looked at.
            Some(_) if look == Look::TooOld && !self.is_given_up(&row) => {
                Ok(Processed::only(Disposition::Left))
            }
            None => {
                self.behind.note(row.id, self.runtime.now());
                Ok(Processed::only(Disposition::Left))
            }
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
        drain: &Drain<'_>,
        context: &Context,
    ) -> Result<Processed, ReadError> {
        let groups = &drain.groups;
        let name = BreakerName { target: row.data.target.clone(), tenant: row.data.tenant.clone() };
        let tenant = name.tenant.as_ref().map(|_| &name);
        let now = self.runtime.now();
        // One that is put under this name later is another.
        if drain.gone.get().is_some_and(|gone| row.data.begun + CLOCK_MARGIN < gone) {
            return self.give_up(row, position, drain, DELETED).await;
        }
        // Before anybody is asked for a permit.
        if let Some(target) = self.registry.target(&name.target) {
            // It was sent to the one of before, which was deleted with all that waited.
            let is_of_before = row.data.begun + CLOCK_MARGIN < target.created;
            let deleted = || is_of_before.then(|| DELETED.to_owned());
            if let Some(why) = given_up(&row, &target.config, now).or_else(deleted) {
                return self.give_up(row, position, drain, &why).await;
            }
            if self.credentials.are_missing(&target.config, now) {
                metrics::held_back(&self.runtime, &name.target);
                groups.took_back(&row);
                return Ok(Processed::Blocked(Box::new(row), Some(now + HELD_BACK)));
            }
        }
        let permit = match self.registry.admit(&name.target, tenant).await? {
            Admission::Unknown => {
                drain.gone.set(Some(now));
                return self.give_up(row, position, drain, DELETED).await;
            }
            Admission::Wait { refused: Some(error), .. } => {
                groups.took_back(&row);
                return Err(error);
            }
            Admission::Wait { until, breaker, .. } if breaker.tenant.is_some() => {
                groups.took_back(&row);
                return self.put_off(row, until, drain).await;
            }
            Admission::Wait { until, .. } => {
                groups.took_back(&row);
                return Ok(Processed::Blocked(Box::new(row), until));
            }
            Admission::Call(permit) => permit,
        };
        let config = std::sync::Arc::clone(&permit.config);
        // Not before: behind a breaker that lets nothing through it would be read in vain.
        let body = match park::read_body(&self.table, &row).await {
            Ok(body) => body,
            Err(error) => {
                permit.release().await;
                groups.took_back(&row);
                // Until somebody has brought it back it need not be asked for by each drain.
                if matches!(error, ReadError::Row(_)) {
                    self.behind.note(row.id, self.runtime.now());
                }
                return Err(error);
            }
        };
        let timeout = permit.time_for(context.deadline, CLOCK_MARGIN);
        // A call that is cut short says nothing of the target.
        if timeout < config.timeout() / 2 || self.runtime.now() + timeout > drain.calls_end.get() {
            permit.release().await;
            groups.took_back(&row);
            return Ok(Processed::Again(Box::new(row)));
        }
        let call = match call::delivery(&config, &row.data, body, timeout, context) {
            Ok(call) => call,
            Err(refusal) => {
                permit.release().await;
                return self.give_up(row, position, drain, &refusal.to_string()).await;
            }
        };
        let target_call = TargetCall {
            config: &config,
            call,
            purpose: Purpose::Delivery(row.id),
            time_left: &|| {
                let left = permit.time_for(context.deadline, CLOCK_MARGIN);
                time_left(self.runtime.now(), drain.calls_end.get(), Duration::ZERO, left)
            },
        };
        let result = self.credentials.make(&self.downstream, &self.runtime, target_call).await;
        metrics::call(&self.runtime, &name.target, &result);
        if result.is_held_back() {
            // So will be the others: nothing is written of each.
            permit.release().await;
            groups.took_back(&row);
            return Ok(Processed::Blocked(Box::new(row), Some(result.at + HELD_BACK)));
        }
        let settle = permit.settle(result.outcome, result.retry_after());
        let told = async {
            let settled = settle.await;
            join(self.registry.tend(), self.credentials.tend(&self.runtime)).await;
            settled
        };
        let (settled, processed) = join(told, self.write_down(row, position, drain, &config, result)).await;
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
        let names = [Some(&whole), own.tenant.as_ref().map(|_| &own)];
        self.registry.load(target, &names.into_iter().flatten().collect::<Vec<_>>()).await?;
        if self.registry.target(target).is_none() {
            return Ok(true);
        }
        let breakers = [&whole, &own].map(|name| self.registry.row(name).breaker);
        let changed = self.registry.target(target).and_then(|target| target.changed);
        Ok(worth_a_look(row, &breakers, changed))
    }

    /// Whether a request is not to be tried again.
    fn is_given_up(&self, row: &RequestRow) -> bool {
        let target = self.registry.target(&row.data.target);
        target.is_none_or(|target| given_up(row, &target.config, self.runtime.now()).is_some())
    }

    /// Puts a request off whose tenant's breaker lets nothing through, so that those behind it come first.
    async fn put_off(
        &self,
        mut row: RequestRow,
        until: Option<Timestamp>,
        drain: &Drain<'_>,
    ) -> Result<Processed, ReadError> {
        let now = self.runtime.now();
        if row.wake > now {
            return Ok(Processed::only(Disposition::Left));
        }
        // The more of them wait for the same breaker, the less they come all at once.
        drain.put_off.update(|n| n.saturating_add(1));
        let spread = EACH.saturating_mul(drain.put_off.get()).max(LEAST).mul_f64(self.runtime.unit());
        let due = self.not_too_late(&row, until.unwrap_or(now + BY_HAND) + spread, now);
        row.data.due = due;
        row.wake = due;
        let stored = self.store(&mut row).await?;
        Ok(if stored == Stored::Yes {
            Processed::again(Disposition::Deferred, due)
        } else {
            Processed::only(Disposition::Dropped)
        })
    }

    /// Returns when a request is looked at that is due then: at the latest when it is too old.
    fn not_too_late(&self, row: &RequestRow, due: Timestamp, now: Timestamp) -> Timestamp {
        let config = self.registry.target(&row.data.target).map(|target| target.config);
        config.map_or(due, |config| not_too_late(row, &config.retry, due).max(now))
    }

    /// Writes down what came of an attempt.
    async fn write_down(
        &self,
        mut row: RequestRow,
        position: OrderPosition,
        drain: &Drain<'_>,
        config: &TargetConfig,
        result: CallResult,
    ) -> Result<Processed, ReadError> {
        row.data.attempted(result.attempt());
        match result.verdict {
            Verdict::Final(answer) if !is_done(config, answer.status) && !is_in(Mutant::RefusedIsDone) => {
                let (head, body) = keep(&answer, row.room_for_answer());
                row.data.answer = Some(head);
                row.answer_body = body;
                let why = format!("the target answered {}", answer.status);
                // Also where letters do not go: it must not be called again.
                self.mark_dying(row, position, drain, &why).await
            }
            Verdict::Final(answer) => {
                let (head, body) = keep(&answer, BODY_MOST);
                row.status = RequestStatus::Delivered;
                row.data.answer = Some(head);
                row.answer_body = body;
                row.expires = result.at + self.answer_retention;
                if is_in(Mutant::BodyDeletedFirst) {
                    park::delete_body(&self.table, &row).await;
                }
                let Some(next) = self.store_off_group(&mut row, position, &drain.groups).await? else {
                    return Ok(Processed::only(Disposition::Dropped));
                };
                park::delete_body(&self.table, &row).await;
                tracing::info!(target = %row.data.target, status = answer.status, "request delivered");
                let delivered = [Metric::count(metrics::DELIVERED, 1.0)];
                self.runtime.record(&metrics::of(&row.data.target), &delivered);
                Ok(Processed::before(Disposition::Delivered, next))
            }
            Verdict::Again { retry_after, why, .. } => {
                let most = config.retry.max_attempts;
                if row.data.tries >= most {
                    let why = format!("{most} attempts failed, the last: {why}");
                    return self.give_up(row, position, drain, &why).await;
                }
                let wait = backoff(&config.retry, row.data.tries, retry_after, self.runtime.unit());
                let due = not_too_late(&row, &config.retry, result.at + wait).max(result.at);
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
