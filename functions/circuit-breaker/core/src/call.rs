//! Calling a target once, and what its answer means.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use smol_str::SmolStr;
use tenfold_ports::downstream::{Answer, Call, Method, NoAnswer};
use tenfold_ports::{Bytes, Clock, Downstream};

use crate::config::TargetConfig;
use crate::decide::window::Outcome;
use crate::rows::{AnswerHead, Attempt, RequestData};

/// The largest body of a request and of an answer, in bytes: a row with either stays under DynamoDB's 400 KB.
pub const BODY_MOST: usize = 256 * 1024;

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How it counts; none: neither way.
    pub outcome: Option<Outcome>,
    /// The target's own answer, or why there is none that ends the request.
    pub verdict: Verdict,
}

/// Whether a call ends its request.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// This is the answer, whatever its status.
    Final(Answer),
    /// It has to be tried again, with the same key: the target may have done what was asked.
    Again {
        /// Why, in words.
        why: String,
        /// The status, where there was an answer.
        status: Option<u16>,
        /// How long the target asked to be left alone.
        retry_after: Option<Duration>,
    },
}

impl Called {
    /// The attempt as it is kept.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        match &self.verdict {
            Verdict::Final(answer) => Attempt { at: self.at, status: Some(answer.status), error: None },
            Verdict::Again { why, status, .. } => {
                Attempt { at: self.at, status: *status, error: Some(why.clone()) }
            }
        }
    }

    /// How long the target asked to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match &self.verdict {
            Verdict::Final(_) => None,
            Verdict::Again { retry_after, .. } => *retry_after,
        }
    }
}

/// The head of an answer as it is kept, and the body that is kept of it.
#[must_use]
pub fn keep(answer: &Answer) -> (AnswerHead, Bytes) {
    let head = AnswerHead {
        status: answer.status,
        content_type: answer.content_type.clone(),
        too_large: answer.truncated,
    };
    (head, if answer.truncated { Bytes::new() } else { answer.body.clone() })
}

/// The call that delivers a request.
#[must_use]
pub fn delivery(config: &TargetConfig, data: &RequestData, body: Bytes, timeout: Duration) -> Call {
    let mut headers = vec![(SmolStr::new_static("idempotency-key"), data.key.clone())];
    let optional = [
        ("content-type", &data.content_type),
        ("tenant", &data.tenant),
        ("traceparent", &data.traceparent),
        ("x-correlation-id", &data.correlation),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            headers.push((SmolStr::new_static(name), value.clone()));
        }
    }
    Call { method: Method::Post, url: config.url.clone(), headers, body, timeout, max_body: BODY_MOST }
}

/// The call that asks a target for its health.
#[must_use]
pub fn health(url: &SmolStr, timeout: Duration) -> Call {
    Call {
        method: Method::Get,
        url: url.clone(),
        headers: Vec::new(),
        body: Bytes::new(),
        timeout,
        max_body: 16 * 1024,
    }
}

/// Makes a call and judges it.
pub async fn make<D: Downstream, C: Clock>(
    target: &D,
    clock: &C,
    config: &TargetConfig,
    call: Call,
) -> Called {
    let begun = clock.now();
    let result = target.call(call).await;
    let at = clock.now();
    let took = Duration::try_from(at.duration_since(begun)).unwrap_or_default();
    let slow = took.as_millis() >= u128::from(config.slow_call_duration_ms);
    let (outcome, verdict) = judge(config, at, slow, result);
    Called { at, took, outcome, verdict }
}

fn judge(
    config: &TargetConfig,
    now: Timestamp,
    slow: bool,
    result: Result<Answer, NoAnswer>,
) -> (Option<Outcome>, Verdict) {
    match result {
        Ok(answer) if config.ignored_statuses.contains(&answer.status) => (None, Verdict::Final(answer)),
        Ok(answer) if is_failure(answer.status) => {
            let retry_after = answer.retry_after.as_deref().and_then(|text| parse_retry_after(text, now));
            let why = format!("the target answered {}", answer.status);
            let again = Verdict::Again { why, status: Some(answer.status), retry_after };
            (Some(Outcome { failed: true, slow }), again)
        }
        Ok(answer) => (Some(Outcome { failed: false, slow }), Verdict::Final(answer)),
        Err(e) => {
            let why: String = e.to_string().chars().take(200).collect();
            let again = Verdict::Again { why, status: None, retry_after: None };
            (Some(Outcome { failed: true, slow }), again)
        }
    }
}

/// Whether a status says that the target, not the request, is at fault: 5xx, and the 4xx that ask to come back
/// (RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4).
const fn is_failure(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 425 | 429)
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    const PARSER: DateTimeParser = DateTimeParser::new();
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    // An HTTP date is an RFC 2822 date whose zone is spelled GMT.
    let date = PARSER.parse_timestamp(text).ok()?;
    Duration::try_from(date.duration_since(now)).ok()
}

/// Whole seconds until a time, at least 1, for `Retry-After`.
#[must_use]
pub fn seconds_until(now: Timestamp, time: Timestamp) -> u64 {
    let left = time.duration_since(now);
    u64::try_from(left.as_secs()).unwrap_or(0)
        + u64::from(left.subsec_nanos() > 0).max(u64::from(left.as_secs() < 1))
}

/// The time left until `deadline`, less `reserve`, and at most `most`.
#[must_use]
pub fn time_left(now: Timestamp, deadline: Timestamp, reserve: Duration, most: Duration) -> Duration {
    Duration::try_from(deadline.duration_since(now)).unwrap_or_default().saturating_sub(reserve).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, config: &str) -> (Option<bool>, bool) {
        let config = TargetConfig::parse(config.as_bytes()).unwrap();
        let answer =
            Answer { status, content_type: None, retry_after: None, body: Bytes::new(), truncated: false };
        let (outcome, verdict) = judge(&config, Timestamp::UNIX_EPOCH, false, Ok(answer));
        (outcome.map(|o| o.failed), matches!(verdict, Verdict::Final(_)))
    }

    #[test]
    fn only_the_targets_own_faults_are_failures() {
        let config = r#"{"url":"http://a"}"#;
        for status in [200, 204, 301, 400, 404, 409, 422] {
            assert_eq!(judged(status, config), (Some(false), true), "{status}");
        }
        for status in [408, 425, 429, 500, 503, 599] {
            assert_eq!(judged(status, config), (Some(true), false), "{status}");
        }
    }

    #[test]
    fn an_ignored_status_is_an_answer_that_does_not_count() {
        assert_eq!(judged(503, r#"{"url":"http://a","ignoredStatuses":[503]}"#), (None, true));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2015-10-21T07:27:00Z".parse().unwrap();
        assert_eq!(parse_retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(parse_retry_after("soon", now), None);
        assert_eq!(parse_retry_after("-1", now), None);
    }

    #[test]
    fn seconds_until_rounds_up_and_is_never_zero() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        for (time, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (5000, 5), (-5000, 1)] {
            assert_eq!(seconds_until(at(0), at(time)), seconds, "{time}");
        }
    }
}
