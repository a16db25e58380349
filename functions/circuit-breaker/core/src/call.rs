//! Calling a target once.

use std::time::Duration;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_pattern::http::forwarding::{absolute, below, end_to_end, size};
use tenfold_ports::downstream::{Answer, Call, Method, NoAnswer};
use tenfold_ports::{Bytes, Clock, Context, Downstream};

use crate::config::TargetConfig;
use crate::decide::forward::NotForwarded;
use crate::decide::judge::Verdict;
use crate::decide::window::CallOutcome;
use crate::passage::Passage;
use crate::rows::{AnswerHead, DeliveryAttempt, RequestData};

const CONTENT_TYPE: &str = "content-type";

/// The largest body of a request and of an answer, 256 KiB: a row with either stays under DynamoDB's 400 KB.
pub const BODY_MOST: usize = 256 * 1024;

/// The most bytes that headers have in all, of a request and of an answer: API Gateway takes no more.
pub const HEADERS_MOST: usize = 10 * 1024;

/// After what time a target is called again whose credentials were to blame.
pub const HELD_BACK: Duration = Duration::from_secs(15);

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
            Verdict::Again { why, came, .. } => {
                let status = came.as_ref().ok().map(|answer| answer.status);
                DeliveryAttempt { at: self.at, status, error: Some(why.clone()) }
            }
        }
    }

    /// Returns whether the credentials are to blame that are configured for the target: they could not be had, or it refused
    /// them. Nothing was done, and neither the target nor the request is at fault.
    #[must_use]
    pub const fn is_held_back(&self) -> bool {
        matches!((&self.outcome, &self.verdict), (None, Verdict::Again { .. }))
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

/// Returns the head of an answer as it is kept, and the body that is kept of it: none where it has more than `most` bytes.
#[must_use]
pub fn keep(answer: &Answer, most: usize) -> (AnswerHead, Bytes) {
    let too_large = answer.truncated || answer.body.len() > most || size(&answer.headers) > HEADERS_MOST;
    if too_large {
        let content_type = answer.header(CONTENT_TYPE).cloned();
        let head = AnswerHead { status: answer.status, content_type, headers: Vec::new(), too_large };
        return (head, Bytes::new());
    }
    let mut headers = answer.headers.clone();
    // A cookie is of whoever was answered first.
    headers.retain(|(name, _)| name != CONTENT_TYPE && name != "set-cookie");
    let head = AnswerHead {
        status: answer.status,
        content_type: answer.header(CONTENT_TYPE).cloned(),
        headers,
        too_large,
    };
    (head, answer.body.clone())
}

/// Returns an answer as it was kept.
#[must_use]
pub fn kept(head: &AnswerHead, body: Bytes) -> Answer {
    let content_type = head.content_type.clone().map(|value| (CONTENT_TYPE.into(), value));
    let headers = content_type.into_iter().chain(head.headers.clone()).collect();
    Answer { status: head.status, headers, body, truncated: head.too_large }
}

/// Returns the call that delivers a request, in the trace of the context.
///
/// # Errors
/// The target does not take it: as it is configured now.
pub fn delivery(
    config: &TargetConfig,
    data: &RequestData,
    body: Bytes,
    timeout: Duration,
    context: &Context,
) -> Result<Call, NotForwarded> {
    let named = [
        ("idempotency-key", Some(&data.key)),
        (CONTENT_TYPE, data.content_type.as_ref()),
        ("tenant", data.tenant.as_ref()),
        ("ordering-key", data.ordering.as_ref()),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some((name.into(), value?.clone())));
    outgoing(config, &data.passage, named, body, timeout, context)
}

/// Returns the call that passes something on, with headers that are the pattern's own, in the trace of the context.
///
/// # Errors
/// The target does not take it: as it is configured now.
pub fn outgoing(
    config: &TargetConfig,
    passage: &Passage,
    named: impl IntoIterator<Item = (SmolStr, SmolStr)>,
    body: Bytes,
    timeout: Duration,
    context: &Context,
) -> Result<Call, NotForwarded> {
    if let Some(refusal) = config.forward.refuses(passage) {
        return Err(refusal);
    }
    // What comes in was looked at by the same rule.
    let url = below(&config.url, &passage.path, &passage.query).map_err(|_| NotForwarded::Path)?;
    let mut headers: Vec<_> = named.into_iter().collect();
    headers.extend(passage.headers.iter().cloned());
    headers.extend(context.carrier().headers());
    Ok(Call { method: passage.method, url, headers, body, timeout, max_body: BODY_MOST })
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

/// What says how an answer counts, and what it means.
pub type Judge =
    fn(&TargetConfig, Timestamp, Duration, Result<Answer, NoAnswer>) -> (Option<CallOutcome>, Verdict);

/// Makes a call, once, and judges what came of it. The answer has the headers that are meant for its reader, and a
/// `Location` that is absolute.
pub async fn make<D: Downstream, C: Clock>(
    judge: Judge,
    target: &D,
    clock: &C,
    config: &TargetConfig,
    call: Call,
) -> CallResult {
    let url = call.url.clone();
    let begun = clock.now();
    let result = target.call(call).await.map(|answer| for_its_reader(answer, &url));
    let at = clock.now();
    let took = Duration::try_from(at.duration_since(begun)).unwrap_or_default();
    let (outcome, verdict) = judge(config, at, took, result);
    CallResult { at, took, outcome, verdict }
}

/// Returns an answer without the headers of the connection that it came by; its references, which are relative to what
/// was called, lead there from anywhere.
fn for_its_reader(mut answer: Answer, called: &str) -> Answer {
    answer.headers = end_to_end(&answer.headers);
    for (name, value) in &mut answer.headers {
        if is_reference(name) {
            *value = absolute(called, value);
        }
    }
    answer
}

/// Returns whether a header holds a URL reference that is relative to what was called (RFC 9110 §8.7, §10.2.2).
#[must_use]
pub fn is_reference(header: &str) -> bool {
    matches!(header, "location" | "content-location")
}
