//! Trying one request: what its message, its row and its breaker allow, and what is written down of the
//! attempt.

use std::time::Duration;

use futures_util::future::join;
use jiff::Timestamp;
use tenfold_pattern::ReadError;
use tenfold_ports::metrics::Metric;
use tenfold_ports::{Context, Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use super::disposition::{Disposition, Processed};
use super::order::{Leased, OrderPosition};
use crate::call::{self, CallResult, keep};
use crate::config::TargetConfig;
use crate::decide::judge::Verdict;
use crate::decide::permits::CLOCK_MARGIN;
use crate::decide::retry::{backoff, given_up};
use crate::decide::timing::{arrival, delay};
use crate::metrics;
use crate::names::BreakerName;
use crate::park::{RetryMessage, Stored};
use crate::registry::Admission;
use crate::rows::{OrderGroup, RequestRow, RequestStatus};

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Does what there is to do about a message, whose row was read just now.
    pub(super) async fn process(
        &self,
        message: RetryMessage,
        row: Option<RequestRow>,
        context: &Context,
    ) -> Result<Processed, ReadError> {
        let now = self.runtime.now();
        let Some(row) = row else { return Ok(Processed::only(Disposition::Dropped)) };
        if !message.fits(&row) {
            return Ok(Processed::only(Disposition::Dropped));
        }
        match row.status {
            RequestStatus::Queued => {}
            RequestStatus::Dying => return self.settle_dead_letter(row, Vec::new()).await,
            RequestStatus::Running | RequestStatus::Delivered | RequestStatus::Dead => {
                return Ok(Processed::only(Disposition::Dropped));
            }
        }
        let Some(position) = self.position(&row).await? else {
            return Ok(Processed::only(Disposition::Dropped));
        };
        if now < row.data.due {
            return Ok(defer(now, &row, row.data.due));
        }
        self.deliver(row, position, context).await
    }

    /// Calls the target where its breaker lets the request through, and gives the request up where it is too
    /// late.
    async fn deliver(
        &self,
        row: RequestRow,
        position: OrderPosition,
        context: &Context,
    ) -> Result<Processed, ReadError> {
        let name = BreakerName { target: row.data.target.clone(), tenant: row.data.tenant.clone() };
        let tenant = name.tenant.as_ref().map(|_| &name);
        let admitted = self.registry.admit(&name.target, tenant).await;
        let now = self.runtime.now();
        let permit = match admitted {
            // Nothing is known of the breaker: not a reason to try, and none to give up.
            Err(error) => {
                tracing::warn!(%error, request = %row.id, "breaker not known: deferred");
                self.put_off_by(error);
                return Ok(defer(now, &row, now + Duration::from_secs(30)));
            }
            Ok(Admission::Unknown) => return self.give_up(row, position, "its target was deleted").await,
            Ok(Admission::Wait { until, config, refused, .. }) => {
                if let Some(why) = given_up(&row, &config, now) {
                    return self.give_up(row, position, &why).await;
                }
                if let Some(error) = refused {
                    self.put_off_by(error);
                }
                // Those that waited for the same breaker do not all come at once.
                let spread = Duration::from_secs_f64(self.runtime.unit());
                return Ok(defer(now, &row, until + spread));
            }
            Ok(Admission::Call(permit)) => permit,
        };
        if let Some(why) = given_up(&row, &permit.config, now) {
            permit.release().await;
            return self.give_up(row, position, &why).await;
        }
        if permit.time_for(context.deadline, CLOCK_MARGIN).is_zero() {
            // Getting here took all of the permit's time: that says nothing of the target.
            permit.release().await;
            return Ok(defer(now, &row, now));
        }
        let position = match self.lease(&row, position, &permit, now).await {
            Ok(Leased::Yes(position)) => position,
            other => {
                permit.release().await;
                return Ok(match other? {
                    // By a new message, which finds the row as it is then.
                    Leased::Again => defer(now, &row, now),
                    _ => Processed::only(Disposition::Dropped),
                });
            }
        };
        let timeout = permit.time_for(context.deadline, CLOCK_MARGIN);
        let config = std::sync::Arc::clone(&permit.config);
        let call = call::delivery(&config, &row.data, row.body.clone(), timeout, context);
        let result = call::make(&self.downstream, &self.runtime, &config, call).await;
        metrics::call(&self.runtime, &name.target, &result);
        let retry_after = result.retry_after();
        let settle = permit.settle(result.outcome, retry_after);
        join(settle, self.write_down(row, position, &config, result)).await.1
    }

    /// Writes down what came of an attempt.
    async fn write_down(
        &self,
        mut row: RequestRow,
        position: OrderPosition,
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
                let Some(send) = self.store_off_group(&mut row, position).await? else {
                    return Ok(Processed::only(Disposition::Dropped));
                };
                tracing::info!(target = %row.data.target, status = answer.status, "request delivered");
                let delivered = [Metric::count(metrics::DELIVERED, 1.0)];
                self.runtime.record(&metrics::of(&row.data.target), &delivered);
                Ok(Processed { disposition: Disposition::Delivered, send })
            }
            Verdict::Again { retry_after, why, .. } => {
                if row.data.tries >= config.retry.max_attempts {
                    return self
                        .give_up(
                            row,
                            position,
                            &format!("{} attempts failed, the last: {why}", config.retry.max_attempts),
                        )
                        .await;
                }
                let due =
                    result.at + backoff(&config.retry, row.data.tries, retry_after, self.runtime.unit());
                row.data.due = due;
                row.wake = arrival(result.at, due);
                let stored = self.store(&mut row, position, OrderGroup::released).await?;
                if stored != Stored::Yes {
                    return Ok(Processed::only(Disposition::Dropped));
                }
                Ok(Processed::with(
                    Disposition::Failed,
                    RetryMessage::of(&row).outgoing(delay(result.at, due)),
                ))
            }
        }
    }
}

/// Puts a request off until a time, by a new message.
fn defer(now: Timestamp, row: &RequestRow, until: Timestamp) -> Processed {
    Processed::with(Disposition::Deferred, RetryMessage::of(row).outgoing(delay(now, until)))
}
