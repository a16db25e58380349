//! Calling a target once.

use std::time::Duration;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::downstream::{Answer, Call, Method};
use tenfold_ports::{Bytes, Clock, Context, Downstream};

use crate::config::TargetConfig;
use crate::decide::judge::{Verdict, judge};
use crate::decide::window::CallOutcome;
use crate::rows::{AnswerHead, DeliveryAttempt, RequestData};

/// The largest body of a request and of an answer, 256 KiB: a row with either stays under DynamoDB's 400 KB.
pub const BODY_MOST: usize = 256 * 1024;

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// The time at which it ended.
    pub at: Timestamp,
    /// The time that it took.
    pub took: Duration,
    /// How it counts in the breaker; none: neither way.
    pub outcome: Option<CallOutcome>,
    /// The target's own answer, or the reason why there is none that ends the request.
    pub verdict: Verdict,
}

impl CallResult {
    /// Returns the attempt as it is kept in the request's row.
    #[must_use]
    pub fn attempt(&self) -> DeliveryAttempt {
        match &self.verdict {
            Verdict::Final(answer) => {
                DeliveryAttempt { at: self.at, status: Some(answer.status), error: None }
            }
            Verdict::Again { why, status, .. } => {
                DeliveryAttempt { at: self.at, status: *status, error: Some(why.clone()) }
            }
        }
    }

    /// Returns for how long the target asked to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match &self.verdict {
            Verdict::Final(_) => None,
            Verdict::Again { retry_after, .. } => *retry_after,
        }
    }
}

/// Returns the head of an answer as it is kept, and the body that is kept of it: none where it is too large.
#[must_use]
pub fn keep(answer: &Answer) -> (AnswerHead, Bytes) {
    let head = AnswerHead {
        status: answer.status,
        content_type: answer.content_type.clone(),
        too_large: answer.truncated,
    };
    (head, if answer.truncated { Bytes::new() } else { answer.body.clone() })
}

/// Returns the call that delivers a request, in the trace of the context.
#[must_use]
pub fn delivery(
    config: &TargetConfig,
    data: &RequestData,
    body: Bytes,
    timeout: Duration,
    context: &Context,
) -> Call {
    let mut headers = vec![(SmolStr::new_static("idempotency-key"), data.key.clone())];
    let optional = [("content-type", &data.content_type), ("tenant", &data.tenant)];
    for (name, value) in optional {
        if let Some(value) = value {
            headers.push((SmolStr::new_static(name), value.clone()));
        }
    }
    headers.extend(context.carrier().headers());
    Call { method: Method::Post, url: config.url.clone(), headers, body, timeout, max_body: BODY_MOST }
}

/// Returns the call that asks a target for its health.
#[must_use]
pub fn health(url: &SmolStr, timeout: Duration, context: &Context) -> Call {
    Call {
        method: Method::Get,
        url: url.clone(),
        headers: context.carrier().headers().collect(),
        body: Bytes::new(),
        timeout,
        max_body: 16 * 1024,
    }
}

/// Makes a call, once, and judges what came of it.
pub async fn make<D: Downstream, C: Clock>(
    target: &D,
    clock: &C,
    config: &TargetConfig,
    call: Call,
) -> CallResult {
    let begun = clock.now();
    let result = target.call(call).await;
    let at = clock.now();
    let took = Duration::try_from(at.duration_since(begun)).unwrap_or_default();
    let (outcome, verdict) = judge(config, at, took, result);
    CallResult { at, took, outcome, verdict }
}
