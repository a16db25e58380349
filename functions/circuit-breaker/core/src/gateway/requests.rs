//! `POST /requests/{target}` passes a request on, or parks it.
//!
//! The calls in their order, and what a crash between them means, are in the pattern's README.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use jiff::Timestamp;
use tenfold_pattern::http::RouteResult;
use tenfold_ports::api::{Problem, Request};
use tenfold_ports::downstream::{Answer, Method};
use tenfold_ports::metrics::Metric;
use tenfold_ports::{Context, Downstream, Queue, Runtime, Table};

use super::body::Submission;
use super::keys::KeyClaim;
use super::passage::not_forwarded;
use super::view::{passed_on, queued};
use super::{Gateway, unknown_target};
use crate::call::{self, BODY_MOST, CallResult, HELD_BACK, keep};
use crate::config::{Idempotency, TargetConfig, is_always_failure};
use crate::credentials::{Purpose, TargetCall};
use crate::decide::judge::Verdict;
use crate::decide::retry::{backoff, not_too_late};
use crate::decide::window::CallOutcome;
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::names::{RequestId, TargetName};
use crate::park;
use crate::passage::Passage;
use crate::registry::{Admission, Permit};
use crate::rows::{RequestRow, RequestStatus};

/// What is left of an invocation's time for writing down what came of a call.
pub(super) const RESERVE: Duration = Duration::from_secs(3);
/// Less time than this is not worth a call.
pub(super) const LEAST: Duration = Duration::from_millis(50);

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn submit(
        &self,
        target: TargetName,
        method: Method,
        request: &Request,
        context: &Context,
    ) -> RouteResult {
        let submission = Submission::parse(target, method, request, context)?;
        let mut row = submission.row(self.runtime.now(), self.runtime.next_u64(), self.shards);
        let target = &submission.breaker.target;
        let tenant = submission.breaker.tenant.as_ref().map(|_| &submission.breaker);

        if let Err(problem) = self.takes(target, &row.data.passage, request) {
            return self.refused(request, &row, problem).await;
        }
        if self.waits_behind(&row).await? {
            self.registry.load(target, &[]).await?;
            self.registry.target(target).ok_or_else(|| unknown_target(target))?;
            if let Err(problem) = self.takes(target, &row.data.passage, request) {
                return self.refused(request, &row, problem).await;
            }
            let now = self.runtime.now();
            return self.park(request, row, now, Some(now)).await;
        }
        let now = self.runtime.now();
        let known = self.registry.target(target);
        if known.is_some_and(|known| self.credentials.are_missing(&known.config, now)) {
            metrics::held_back(&self.runtime, target);
            return self.wait(request, row, Some(now + HELD_BACK)).await;
        }
        let permit = match self.registry.admit(target, tenant).await? {
            Admission::Unknown => return Err(unknown_target(target)),
            Admission::Wait { until, .. } => {
                if let Err(problem) = self.takes(target, &row.data.passage, request) {
                    return self.refused(request, &row, problem).await;
                }
                return self.wait(request, row, until).await;
            }
            Admission::Call(permit) => permit,
        };
        if let Some(refusal) = permit.config.forward.refuses(&row.data.passage) {
            let problem = not_forwarded(refusal, &permit.config.forward, method, &request.path);
            permit.release().await;
            return self.refused(request, &row, problem).await;
        }
        if permit.time_for(context.deadline, RESERVE) < LEAST {
            permit.release().await;
            let now = self.runtime.now();
            return self.park(request, row, now, Some(now)).await;
        }
        let config = Arc::clone(&permit.config);

        if config.idempotency == Idempotency::Gateway {
            match self.claim(request, row, context).await {
                Ok(KeyClaim::Claimed(claimed)) => row = *claimed,
                Ok(KeyClaim::Answered(response)) => {
                    permit.release().await;
                    return Ok(response);
                }
                Err(problem) => {
                    permit.release().await;
                    return Err(problem);
                }
            }
        }
        let timeout = permit.time_for(context.deadline, RESERVE);
        let call = call::delivery(&config, &row.data, request.body.clone(), timeout, context)
            .map_err(|refusal| not_forwarded(refusal, &config.forward, method, &request.path))?;
        let target_call = TargetCall {
            config: &config,
            call,
            purpose: Purpose::Delivery(row.id),
            time_left: &|| permit.time_for(context.deadline, RESERVE),
        };
        let result = self.credentials.make(&self.downstream, &self.runtime, target_call).await;
        metrics::call(&self.runtime, target, &result);
        self.finish(request, row, permit, &config, result).await
    }

    /// Writes down what came of a call and tells the breaker, at once.
    async fn finish(
        &self,
        request: &Request,
        mut row: RequestRow,
        permit: Permit<'_, T, R>,
        config: &TargetConfig,
        result: CallResult,
    ) -> RouteResult {
        let is_held_back = result.is_held_back();
        if is_held_back {
            row.data.noted(result.attempt());
        } else {
            row.data.attempted(result.attempt());
        }
        row.data.writer = self.runtime.next_u64();
        let retry_after = result.retry_after();
        let settle = self.settle(permit, result.outcome, retry_after);
        match result.verdict {
            Verdict::Final(answer) => {
                if config.idempotency == Idempotency::Gateway {
                    self.answer_key(&mut row, &answer, result.at);
                    // The answer is the truth whether or not it can be stored: the key stays claimed until
                    // the claim lapses, and then the target is asked again with the same key.
                    if let ((), Err(error)) = join(settle, park::store(&self.table, &row)).await {
                        tracing::warn!(%error, request = %row.id, "answer not stored");
                    }
                } else {
                    settle.await;
                }
                passed_on(request, &row.data.target, config, &answer)
            }
            Verdict::Again { .. } => {
                let wait = if is_held_back {
                    HELD_BACK
                } else {
                    backoff(&config.retry, row.data.tries, retry_after, self.runtime.unit())
                };
                let due = result.at + wait;
                let due = not_too_late(&row, &config.retry, due);
                join(settle, self.park(request, row, due, Some(due))).await.1
            }
        }
    }

    /// Makes an answer the one of its key. One that says only how the target is now (a failure that is ignored), or that
    /// nothing was done for want of credentials, is not: it frees the key, so that the same one again calls the target
    /// again.
    fn answer_key(&self, row: &mut RequestRow, answer: &Answer, at: Timestamp) {
        let is_passing = is_always_failure(answer.status) || matches!(answer.status, 401 | 407);
        if is_passing && !is_in(Mutant::PassingAnswerKept) {
            row.data.until = at;
            row.expires = at;
            return;
        }
        let (head, body) = keep(answer, BODY_MOST);
        row.status = RequestStatus::Delivered;
        row.data.answer = Some(head);
        row.answer_body = body;
        row.expires = at + self.answer_retention;
    }

    /// Refuses what its target does not take, as far as that is known already.
    pub(super) fn takes(
        &self,
        target: &TargetName,
        passage: &Passage,
        request: &Request,
    ) -> Result<(), Problem> {
        let Some(row) = self.registry.target(target) else { return Ok(()) };
        let refusal = row.config.forward.refuses(passage);
        let refused = |refusal| not_forwarded(refusal, &row.config.forward, passage.method, &request.path);
        refusal.map_or(Ok(()), |refusal| Err(refused(refusal)))
    }

    /// Hands a permit back; where its breaker is closed by it, what waits is looked at.
    pub(super) async fn settle(
        &self,
        permit: Permit<'_, T, R>,
        outcome: Option<CallOutcome>,
        retry_after: Option<Duration>,
    ) {
        let target = permit.target().clone();
        if permit.settle(outcome, retry_after).await.closed {
            self.wake_all(&target).await;
        }
    }

    /// Parks a request whose breaker lets no call through before `until` (none: before a person says otherwise). It may
    /// be tried whenever the breaker lets it through.
    async fn wait(&self, request: &Request, row: RequestRow, until: Option<Timestamp>) -> RouteResult {
        if is_in(Mutant::OpenDropsRequest) {
            return Ok(queued(request, row.id));
        }
        let now = self.runtime.now();
        self.park(request, row, now, until).await
    }

    /// Parks a request that may be tried when it is due, and promises to deliver it. `look` is when its target is to be
    /// looked at; none: when somebody says so.
    async fn park(
        &self,
        request: &Request,
        mut row: RequestRow,
        due: Timestamp,
        look: Option<Timestamp>,
    ) -> RouteResult {
        row.status = RequestStatus::Queued;
        row.data.due = due;
        row.wake = due;
        match self.take(request, &mut row).await {
            Ok(None) => {}
            Ok(Some(response)) => return Ok(response),
            Err(problem) => return not_stored(request, row.id, problem),
        }
        let name = &row.data.target;
        self.runtime.record(&metrics::of(name), &[Metric::count(metrics::PARKED, 1.0)]);
        if let Some(look) = look {
            self.wakes.by(&self.queue, name, self.runtime.now(), look).await;
        }
        Ok(queued(request, row.id))
    }

    /// Whether others with the same ordering key wait already.
    async fn waits_behind(&self, row: &RequestRow) -> Result<bool, Problem> {
        let ordering = row.data.ordering.as_ref().filter(|_| !is_in(Mutant::OrderJumped));
        let Some(ordering) = ordering else { return Ok(false) };
        let group = park::read_group(&self.table, &row.data.target, ordering).await?.group;
        Ok(!group.waiting.is_empty())
    }
}

/// What the sender of a request that could not be stored is answered: that nothing was promised.
fn not_stored(request: &Request, id: RequestId, problem: Problem) -> RouteResult {
    if is_in(Mutant::PromisedBeforeStored) { Ok(queued(request, id)) } else { Err(problem) }
}
