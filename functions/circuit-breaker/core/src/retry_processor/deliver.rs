//! Trying one request.
//!
//! A request with an ordering key is tried only as the first of its order group and under the group's lease. Whoever
//! takes the first off sends the next one's message. A message that finds its request elsewhere in
//! the group, or the group in other hands, is dropped.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join;
use jiff::Timestamp;
use tenfold_ports::metrics::Metric;
use tenfold_ports::queue::Outgoing;
use tenfold_ports::table::WriteError;
use tenfold_ports::{Downstream, Host, Queue, Table};

use super::{Disposition, RESERVE, RetryProcessor};
use crate::call::{self, CallResult, keep};
use crate::config::TargetConfig;
use crate::decide::breaker::CLOCK_MARGIN;
use crate::decide::judge::Verdict;
use crate::decide::retry::{backoff, given_up};
use crate::decide::timing::{arrival, delay};
use crate::error::StoreError;
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::names::{BreakerName, RequestId};
use crate::park::{self, RetryMessage, Stored};
use crate::registry::{Admission, Permit};
use crate::rows::{Lease, OrderGroup, OrderGroupRow, RequestRow, RequestStatus};

/// What is to be done about a message once it is settled: it is deleted, and these are sent.
#[derive(Debug)]
pub(super) struct Processed {
    pub(super) disposition: Disposition,
    pub(super) send: Vec<Outgoing>,
}

impl Processed {
    const fn only(disposition: Disposition) -> Self {
        Self { disposition, send: Vec::new() }
    }

    fn with(disposition: Disposition, message: Outgoing) -> Self {
        Self { disposition, send: vec![message] }
    }
}

impl<T: Table, Q: Queue, D: Downstream, H: Host> RetryProcessor<T, Q, D, H> {
    /// Does what there is to do about a message.
    pub(super) async fn process(
        &self,
        message: RetryMessage,
        row: Option<RequestRow>,
        deadline: Timestamp,
    ) -> Result<Processed, StoreError> {
        let now = self.host.now();
        let Some(row) = row else { return Ok(Processed::only(Disposition::Dropped)) };
        if !message.fits(&row) {
            return Ok(Processed::only(Disposition::Dropped));
        }
        match row.status {
            RequestStatus::Queued => {}
            RequestStatus::Dying => return self.send_dead_letter(row, Vec::new()).await,
            RequestStatus::Running | RequestStatus::Delivered | RequestStatus::Dead => {
                return Ok(Processed::only(Disposition::Dropped));
            }
        }
        let age = now.duration_since(row.data.accepted).as_secs_f64().max(0.0);
        self.host.record(&metrics::of(&row.data.target), &[Metric::seconds(metrics::QUEUE_AGE, age)]);
        let Some(position) = self.position(&row).await? else {
            return Ok(Processed::only(Disposition::Dropped));
        };
        if now < row.data.due {
            return Ok(defer(now, &row, row.data.due));
        }
        self.deliver(row, position, deadline).await
    }

    async fn deliver(
        &self,
        row: RequestRow,
        position: OrderPosition,
        deadline: Timestamp,
    ) -> Result<Processed, StoreError> {
        let name = BreakerName { target: row.data.target.clone(), tenant: row.data.tenant.clone() };
        let tenant = name.tenant.as_ref().map(|_| &name);
        let admitted = self.registry.admit(&name.target, tenant).await;
        let now = self.host.now();
        let permit = match admitted {
            // Nothing is known of the breaker: not a reason to try, and none to give up.
            Err(error) => {
                tracing::warn!(%error, request = %row.id, "breaker not known: deferred");
                return Ok(defer(now, &row, now + Duration::from_secs(30)));
            }
            Ok(Admission::Unknown) => return self.give_up(row, position, "its target was deleted").await,
            Ok(Admission::Wait { until, config, .. }) => {
                if let Some(why) = given_up(&row, &config, now) {
                    return self.give_up(row, position, &why).await;
                }
                // Those that waited for the same breaker do not all come at once.
                let spread = Duration::from_secs_f64(self.host.unit());
                return Ok(defer(now, &row, until + spread));
            }
            Ok(Admission::Call(permit)) => permit,
        };
        if let Some(why) = given_up(&row, &permit.config, now) {
            permit.release().await;
            return self.give_up(row, position, &why).await;
        }
        if permit.time_for(deadline, CLOCK_MARGIN).is_zero() {
            // Getting here took all of the permit's time: that says nothing of the target.
            permit.release().await;
            return Ok(defer(now, &row, now));
        }
        let Some(position) = self.lease(position, &permit, now).await? else {
            permit.release().await;
            return Ok(Processed::only(Disposition::Dropped));
        };
        let timeout = permit.time_for(deadline, CLOCK_MARGIN);
        let config = std::sync::Arc::clone(&permit.config);
        let call = call::delivery(&config, &row.data, row.body.clone(), timeout);
        let result = call::make(&self.downstream, &self.host, &config, call).await;
        metrics::call(&self.host, &name.target, &result);
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
    ) -> Result<Processed, StoreError> {
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
                let delivered = [Metric::count(metrics::DELIVERED, 1.0)];
                self.host.record(&metrics::of(&row.data.target), &delivered);
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
                let due = result.at + backoff(&config.retry, row.data.tries, retry_after, self.host.unit());
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

    /// Gives a request up: first the row, then the dead letter, then the row again that it was sent.
    async fn give_up(
        &self,
        mut row: RequestRow,
        position: OrderPosition,
        why: &str,
    ) -> Result<Processed, StoreError> {
        row.status = RequestStatus::Dying;
        row.wake = self.host.now();
        row.data.died = Some(why.to_owned());
        tracing::warn!(request = %row.id, target = %row.data.target, why, "request given up");
        let Some(send) = self.store_off_group(&mut row, position).await? else {
            return Ok(Processed::only(Disposition::Dropped));
        };
        self.send_dead_letter(row.written(), send).await
    }

    async fn send_dead_letter(
        &self,
        mut row: RequestRow,
        mut send: Vec<Outgoing>,
    ) -> Result<Processed, StoreError> {
        let dead_letter = RetryMessage::dead_letter(&row);
        let sent = if is_in(Mutant::DeadWithoutDeadLetter) {
            Ok(Vec::new())
        } else {
            self.dead_letters.send(vec![dead_letter.outgoing(Duration::ZERO)]).await
        };
        if !sent.is_ok_and(|rejected| rejected.is_empty()) {
            // The row stays as it is, and its message comes again.
            send.push(RetryMessage::of(&row).outgoing(Duration::from_mins(1)));
            return Ok(Processed { disposition: Disposition::Deferred, send });
        }
        self.host.record(&metrics::of(&row.data.target), &[Metric::count(metrics::DEAD, 1.0)]);
        row.status = RequestStatus::Dead;
        row.expires = self.host.now() + self.retention;
        row.data.writer = self.host.next_u64();
        park::store(&self.table, &row).await?;
        Ok(Processed { disposition: Disposition::Dead, send })
    }

    /// Where a request stands in its order group; none where it is not its turn.
    async fn position(&self, row: &RequestRow) -> Result<Option<OrderPosition>, StoreError> {
        let Some(ordering) = &row.data.ordering else { return Ok(Some(OrderPosition::Unordered)) };
        let group = park::read_group(&self.table, &row.data.target, ordering).await?;
        let now = self.host.now();
        let held = group.group.lease.is_some_and(|lease| now < lease.until);
        let first = group.group.waiting.front() == Some(&row.id);
        let turn = first && !held || is_in(Mutant::OrderIgnored);
        Ok(turn.then_some(OrderPosition::First(group)))
    }

    /// Takes the group's lease for one call; none where somebody else was faster.
    async fn lease(
        &self,
        position: OrderPosition,
        permit: &Permit<'_, T, H>,
        now: Timestamp,
    ) -> Result<Option<OrderPosition>, StoreError> {
        let OrderPosition::First(group) = position else { return Ok(Some(position)) };
        let until = now + permit.config.timeout() + RESERVE + CLOCK_MARGIN;
        let mut next = group.group.clone();
        next.lease = Some(Lease { holder: self.host.next_u64(), until });
        let stamp = (self.host.next_u64() >> 1) as i64;
        match self.table.write(group.replace(next.clone(), stamp)).await {
            Ok(()) => {
                Ok(Some(OrderPosition::First(OrderGroupRow { stamp: Some(stamp), group: next, ..group })))
            }
            Err(WriteError::Conflict { current }) => {
                let current = OrderGroupRow::read(&group.target, &group.ordering, current.as_ref())?;
                Ok((current.stamp == Some(stamp)).then_some(OrderPosition::First(current)))
            }
            Err(WriteError::Call(e)) => Err(e.into()),
        }
    }

    /// Writes a row and takes it off its order group. Gives the next one's message, or none where the row was not ours.
    async fn store_off_group(
        &self,
        row: &mut RequestRow,
        position: OrderPosition,
    ) -> Result<Option<Vec<Outgoing>>, StoreError> {
        let id = row.id;
        // Of the group as it is written: somebody may have joined it during the call.
        let first = Cell::new(None);
        let shorten = |group: &OrderGroup| {
            let next = group.without(id);
            first.set(next.waiting.front().copied());
            next
        };
        let stored = self.store(row, position, shorten).await?;
        if stored != Stored::Yes {
            return Ok(None);
        }
        let Some(next) = first.into_inner() else { return Ok(Some(Vec::new())) };
        let message = RetryMessage::next_in_group(next, row.data.target.clone());
        Ok(Some(vec![message.outgoing(Duration::ZERO)]))
    }

    async fn store(
        &self,
        row: &mut RequestRow,
        position: OrderPosition,
        change: impl Fn(&OrderGroup) -> OrderGroup,
    ) -> Result<Stored, StoreError> {
        row.data.writer = self.host.next_u64();
        match position {
            OrderPosition::Unordered => park::store(&self.table, row).await,
            OrderPosition::First(group) => {
                park::store_in_group(&self.table, &self.host, row, Some(group), |group| Some(change(group)))
                    .await
            }
        }
    }
}

/// Where a request stands.
#[derive(Debug)]
pub(super) enum OrderPosition {
    /// It has no ordering key.
    Unordered,
    /// The first of its order group.
    First(OrderGroupRow),
}

impl OrderGroup {
    fn released(&self) -> Self {
        Self { lease: None, ..self.clone() }
    }

    fn without(&self, id: RequestId) -> Self {
        let waiting = self.waiting.iter().copied().filter(|w| *w != id).collect();
        Self { waiting, lease: None }
    }
}

fn defer(now: Timestamp, row: &RequestRow, until: Timestamp) -> Processed {
    Processed::with(Disposition::Deferred, RetryMessage::of(row).outgoing(delay(now, until)))
}
