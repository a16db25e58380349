//! `POST /requests/{target}`: passes a request on, or parks it.
//!
//! The calls in their order, and what a crash between them means, are in the pattern's README.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use jiff::Timestamp;
use serde_json::json;
use smol_str::{SmolStr, ToSmolStr};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::downstream::Answer;
use tenfold_ports::metrics::Metric;
use tenfold_ports::{Bytes, Downstream, Host, Queue, Table};
use uuid::Uuid;

use super::{Gateway, RouteResult, breaker, unknown_target};
use crate::call::{self, BODY_MOST, CallResult, keep};
use crate::config::{Idempotency, TargetConfig};
use crate::decide::breaker::CLOCK_MARGIN;
use crate::decide::judge::Verdict;
use crate::decide::retry::backoff;
use crate::decide::timing::{arrival, delay, seconds_until};
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::names::{BreakerName, RequestId, TargetName, digest, header};
use crate::park::{self, RetryMessage, Stored};
use crate::registry::{Admission, Permit};
use crate::rows::{RequestData, RequestRow, RequestStatus};

/// What is left of an invocation's time for writing down what came of a call.
const RESERVE: Duration = Duration::from_secs(3);
/// Less time than this is not worth a call.
const LEAST: Duration = Duration::from_millis(50);
/// How often an abandoned key is taken over before somebody else is let have it.
const TAKE_TRIES: usize = 4;

impl<T: Table, Q: Queue, D: Downstream, H: Host> Gateway<T, Q, D, H> {
    pub(super) async fn submit(
        &self,
        target: TargetName,
        request: &Request,
        deadline: Timestamp,
    ) -> RouteResult {
        let (mut row, breaker) = self.parse(target, request)?;
        let target = &breaker.target;
        let tenant = breaker.tenant.as_ref().map(|_| &breaker);

        if self.waits_behind(&row).await? {
            self.registry.load(target, &[]).await?;
            self.registry.target(target).ok_or_else(|| unknown_target(target))?;
            let now = self.host.now();
            return self.park(row, now).await;
        }
        let permit = match self.registry.admit(target, tenant).await? {
            Admission::Unknown => return Err(unknown_target(target)),
            Admission::Wait { .. } if is_in(Mutant::OpenDropsRequest) => return Ok(queued(row.id, "queued")),
            Admission::Wait { until, .. } => return self.park(row, until).await,
            Admission::Call(permit) => permit,
        };
        if permit.time_for(deadline, RESERVE) < LEAST {
            permit.release().await;
            let now = self.host.now();
            return self.park(row, now).await;
        }
        let config = Arc::clone(&permit.config);

        if config.idempotency == Idempotency::Gateway {
            match self.claim(row, deadline).await {
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
        let timeout = permit.time_for(deadline, RESERVE);
        let call = call::delivery(&config, &row.data, row.body.clone(), timeout);
        let result = call::make(&self.downstream, &self.host, &config, call).await;
        metrics::call(&self.host, target, &result);
        self.finish(row, permit, &config, result).await
    }

    /// Writes down what came of a call and tells the breaker, at once.
    async fn finish(
        &self,
        mut row: RequestRow,
        permit: Permit<'_, T, H>,
        config: &TargetConfig,
        result: CallResult,
    ) -> RouteResult {
        row.data.attempted(result.attempt());
        row.data.writer = self.host.next_u64();
        let retry_after = result.retry_after();
        let settle = permit.settle(result.outcome, retry_after);
        match result.verdict {
            Verdict::Final(answer) => {
                if config.idempotency == Idempotency::Gateway {
                    let (head, body) = keep(&answer);
                    row.status = RequestStatus::Delivered;
                    row.data.answer = Some(head);
                    row.answer_body = body;
                    row.expires = result.at + self.retention;
                    // The answer is the truth whether or not it can be stored: the key stays claimed until the
                    // claim lapses, and then the target is asked again with the same key.
                    if let ((), Err(error)) = join(settle, park::store(&self.table, &row)).await {
                        tracing::warn!(%error, request = %row.id, "answer not stored");
                    }
                } else {
                    settle.await;
                }
                passed_on(&answer)
            }
            Verdict::Again { .. } => {
                let due = result.at + backoff(&config.retry, row.data.tries, retry_after, self.host.unit());
                join(settle, self.park(row, due)).await.1
            }
        }
    }

    /// Parks a request until `due`, and promises to deliver it.
    async fn park(&self, mut row: RequestRow, due: Timestamp) -> RouteResult {
        let now = self.host.now();
        row.status = RequestStatus::Queued;
        row.data.due = due;
        row.wake = arrival(now, due);
        match self.take(&mut row).await {
            Err(_) if is_in(Mutant::PromisedBeforeStored) => return Ok(queued(row.id, "queued")),
            Err(problem) => return Err(problem),
            Ok(Some(response)) => return Ok(response),
            Ok(None) => {}
        }
        let name = &row.data.target;
        self.host.record(&metrics::of(name), &[Metric::count(metrics::PARKED, 1.0)]);
        park::send(&self.queue, vec![RetryMessage::of(&row).outgoing(delay(now, due))]).await;
        Ok(queued(row.id, "queued"))
    }

    /// Claims a key, so that the same one again does not call the target.
    async fn claim(&self, mut row: RequestRow, deadline: Timestamp) -> Result<KeyClaim, Problem> {
        row.status = RequestStatus::Running;
        row.data.until = deadline + CLOCK_MARGIN;
        row.expires = self.host.now() + self.retention;
        Ok(match self.take(&mut row).await? {
            None => KeyClaim::Claimed(Box::new(row.written())),
            Some(response) => KeyClaim::Answered(response),
        })
    }

    /// Writes a row whose key is free, forgotten or abandoned. Otherwise gives what a repeated key is answered.
    async fn take(&self, row: &mut RequestRow) -> Result<Option<Response>, Problem> {
        for _ in 0..TAKE_TRIES {
            row.data.writer = self.host.next_u64();
            let stored = match row.status {
                RequestStatus::Queued => park::queue_row(&self.table, &self.host, row).await?,
                _ => park::store(&self.table, row).await?,
            };
            match stored {
                Stored::Yes => return Ok(None),
                Stored::GroupFull => return Err(group_full()),
                Stored::Gone => row.version = 0,
                Stored::Other(current) => match self.repeated(row, &current)? {
                    Some(response) => return Ok(Some(response)),
                    None => row.version = current.version,
                },
            }
        }
        Err(Problem::unavailable("others with the same Idempotency-Key were faster again and again", 1))
    }

    /// What a repeated key is answered; none where the row there is nobody's any more and can be taken over.
    fn repeated(&self, row: &RequestRow, current: &RequestRow) -> Result<Option<Response>, Problem> {
        let now = self.host.now();
        if current.forgotten(now) {
            return Ok(None);
        }
        if current.data.digest != row.data.digest {
            let detail = "this Idempotency-Key came before with another body, content type or Ordering-Key; \
                          take a new key for a new request";
            return Err(Problem::new(422, "key-reused", "The key was used for another request", detail));
        }
        match current.status {
            RequestStatus::Running if now < current.data.until && !is_in(Mutant::ClaimStolen) => {
                let detail = "the first request with this Idempotency-Key is still running; ask again later";
                let seconds = seconds_until(now, current.data.until).min(2);
                Err(Problem::new(409, "still-running", "The request is still running", detail).after(seconds))
            }
            RequestStatus::Running => Ok(None),
            RequestStatus::Queued => Ok(Some(queued(row.id, "queued"))),
            RequestStatus::Dying | RequestStatus::Dead => Ok(Some(queued(row.id, "dead"))),
            RequestStatus::Delivered => {
                let Some(head) = &current.data.answer else { return Ok(None) };
                let answer = Answer {
                    status: head.status,
                    content_type: head.content_type.clone(),
                    retry_after: None,
                    body: current.answer_body.clone(),
                    truncated: head.too_large,
                };
                passed_on(&answer).map(|response| Some(response.with("idempotent-replayed", "true")))
            }
        }
    }

    /// Whether others with the same ordering key wait already.
    async fn waits_behind(&self, row: &RequestRow) -> Result<bool, Problem> {
        let Some(ordering) = &row.data.ordering else { return Ok(false) };
        if is_in(Mutant::OrderJumped) {
            return Ok(false);
        }
        let group = park::read_group(&self.table, &row.data.target, ordering).await?.group;
        Ok(!group.waiting.is_empty())
    }

    /// Parses a request at the edge: after this only the target's existence can be wrong.
    fn parse(&self, target: TargetName, request: &Request) -> Result<(RequestRow, BreakerName), Problem> {
        if request.body.len() > BODY_MOST {
            return Err(Problem::too_large(request.body.len(), BODY_MOST));
        }
        let mut faults = Vec::new();
        let mut named = |name: &'static str, lower: &str, most| {
            request.header(lower).map(|value| {
                header(name, value, most).unwrap_or_else(|fault| {
                    faults.push(fault);
                    SmolStr::default()
                })
            })
        };
        let key = named("Idempotency-Key", "idempotency-key", 255);
        let ordering = named("Ordering-Key", "ordering-key", 128);
        if key.is_none() {
            faults.push(Fault::new("header:Idempotency-Key", "is required: it is what makes a retry safe"));
        }
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        let name = breaker(target, request.header("tenant"), "header:Tenant")?;
        let key = key.unwrap_or_default();
        let content_type = request.header("content-type").cloned();
        let now = self.host.now();
        let digest: Uuid = digest(
            content_type.as_deref().unwrap_or_default(),
            ordering.as_deref().unwrap_or_default(),
            &request.body,
        );
        let data = RequestData {
            target: name.target.clone(),
            tenant: name.tenant.clone(),
            digest,
            key: key.clone(),
            ordering,
            content_type,
            traceparent: request.header("traceparent").cloned(),
            correlation: request.header("x-correlation-id").cloned(),
            accepted: now,
            begun: now,
            tries: 0,
            due: now,
            until: now,
            writer: self.host.next_u64(),
            attempts: VecDeque::new(),
            answer: None,
            died: None,
        };
        let row = RequestRow {
            id: RequestId::new(&name.target, name.tenant.as_deref(), &key),
            version: 0,
            status: RequestStatus::Running,
            wake: now,
            expires: now,
            body: request.body.clone(),
            answer_body: Bytes::new(),
            data,
        };
        Ok((row, name))
    }
}

enum KeyClaim {
    Claimed(Box<RequestRow>),
    Answered(Response),
}

/// The location is relative to `/requests/{target}`, so that it is right below any stage.
fn queued(id: RequestId, status: &str) -> Response {
    Response::json(202, &json!({ "requestId": id, "status": status })).with("location", id.to_smolstr())
}

fn group_full() -> Problem {
    let detail = format!("{} requests with this Ordering-Key wait already", crate::rows::ORDER_GROUP_MOST);
    Problem::new(429, "line-full", "Too many requests wait in line", detail).after(30)
}

/// The target's own answer.
fn passed_on(answer: &Answer) -> RouteResult {
    if answer.truncated {
        let detail = format!(
            "the target answered {} with a body of more than {BODY_MOST} bytes, which is not passed on; \
             the request itself was delivered",
            answer.status
        );
        return Err(Problem::new(502, "answer-too-large", "The target's answer is too large", detail));
    }
    let mut response = Response::empty(answer.status);
    response.body = answer.body.clone();
    match &answer.content_type {
        Some(content_type) => Ok(response.with("content-type", content_type.clone())),
        None => Ok(response),
    }
}
