//! What an answer of a target means: how the call counts, and whether it ends its request.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tenfold_ports::downstream::{Answer, NoAnswer};

use crate::config::{TargetConfig, is_always_failure};
use crate::decide::window::CallOutcome;

/// What a call means for its request: whether it ends it.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The target's answer ends the request, whatever its status.
    Final(Answer),
    /// The request has to be tried again, with the same key: the target may have done what was asked.
    Again {
        /// The reason, in words.
        why: String,
        /// What came of the call: a caller whose request is not parked gets it.
        came: Result<Answer, NoAnswer>,
        /// The time for which the target asked to be left alone (`Retry-After`).
        retry_after: Option<Duration>,
    },
}

/// Returns how a call that took so long counts (none: neither way), and whether it ends its request.
#[must_use]
pub fn judge(
    config: &TargetConfig,
    now: Timestamp,
    took: Duration,
    result: Result<Answer, NoAnswer>,
) -> (Option<CallOutcome>, Verdict) {
    let slow = took.as_millis() >= u128::from(config.slow_call_duration_ms);
    match result {
        Ok(answer) if config.ignored_statuses.contains(&answer.status) => (None, Verdict::Final(answer)),
        Ok(answer) if is_failure(config, answer.status) => {
            let why = format!("the target answered {}", answer.status);
            (Some(CallOutcome { failed: true, slow }), again(why, answer, now))
        }
        Ok(answer) => (Some(CallOutcome { failed: false, slow }), Verdict::Final(answer)),
        Err(e) => {
            let why: String = e.to_string().chars().take(200).collect();
            let again = Verdict::Again { why, came: Err(e), retry_after: None };
            (Some(CallOutcome { failed: true, slow }), again)
        }
    }
}

/// Returns how a health check counts that took so long: it is passed by a 2xx, or by what `healthStatuses` says.
#[must_use]
pub fn judge_health(
    config: &TargetConfig,
    now: Timestamp,
    took: Duration,
    result: Result<Answer, NoAnswer>,
) -> (Option<CallOutcome>, Verdict) {
    let slow = took.as_millis() >= u128::from(config.slow_call_duration_ms);
    match result {
        Ok(answer) if is_healthy(config, answer.status) => {
            (Some(CallOutcome { failed: false, slow }), Verdict::Final(answer))
        }
        Ok(answer) => {
            let why = format!("the health check was answered {}", answer.status);
            (Some(CallOutcome { failed: true, slow }), again(why, answer, now))
        }
        Err(e) => judge(config, now, took, Err(e)),
    }
}

fn is_healthy(config: &TargetConfig, status: u16) -> bool {
    let usual = config.health_statuses.is_empty();
    if usual { matches!(status, 200..=299) } else { config.health_statuses.contains(&status) }
}

/// Returns whether a parked request is delivered by an answer that ends it: nobody sees that answer, so it is by a 2xx, or
/// by what `doneStatuses` says.
#[must_use]
pub fn is_done(config: &TargetConfig, status: u16) -> bool {
    matches!(status, 200..=299) || config.done_statuses.contains(&status)
}

fn is_failure(config: &TargetConfig, status: u16) -> bool {
    is_always_failure(status) || config.failure_statuses.contains(&status)
}

fn again(why: String, answer: Answer, now: Timestamp) -> Verdict {
    let retry_after = answer.header("retry-after").and_then(|text| parse_retry_after(text, now));
    Verdict::Again { why, came: Ok(answer), retry_after }
}

/// Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
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

#[cfg(test)]
mod tests {
    use super::*;
    use tenfold_ports::Bytes;

    fn judged(status: u16, config: &str) -> (Option<bool>, bool) {
        let config = TargetConfig::parse(config.as_bytes()).unwrap();
        let answer = Answer { status, headers: Vec::new(), body: Bytes::new(), truncated: false };
        let (outcome, verdict) = judge(&config, Timestamp::UNIX_EPOCH, Duration::ZERO, Ok(answer));
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
    fn a_team_says_which_other_statuses_are_failures() {
        let config = r#"{"url":"http://a","failureStatuses":[404],"ignoredStatuses":[503]}"#;
        assert_eq!(judged(404, config), (Some(true), false));
        assert_eq!(judged(403, config), (Some(false), true));
    }

    #[test]
    fn health_is_what_a_2xx_or_the_configuration_says() {
        let health = |status, config: &str| {
            let config = TargetConfig::parse(config.as_bytes()).unwrap();
            let answer = Answer { status, headers: Vec::new(), body: Bytes::new(), truncated: false };
            let now = Timestamp::UNIX_EPOCH;
            judge_health(&config, now, Duration::ZERO, Ok(answer)).0.map(|outcome| !outcome.failed)
        };
        for (status, healthy) in [(200, true), (204, true), (301, false), (404, false), (503, false)] {
            assert_eq!(health(status, r#"{"url":"http://a"}"#), Some(healthy), "{status}");
        }
        let own = r#"{"url":"http://a","healthStatuses":[200,429]}"#;
        for (status, healthy) in [(200, true), (429, true), (204, false), (503, false)] {
            assert_eq!(health(status, own), Some(healthy), "{status}");
        }
    }

    #[test]
    fn nobody_sees_the_answer_to_a_parked_request() {
        let config = TargetConfig::parse(br#"{"url":"http://a","doneStatuses":[409]}"#).unwrap();
        for (status, done) in [(200, true), (299, true), (302, false), (404, false), (409, true)] {
            assert_eq!(is_done(&config, status), done, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2015-10-21T07:27:00Z".parse().unwrap();
        assert_eq!(parse_retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(parse_retry_after("soon", now), None);
        assert_eq!(parse_retry_after("-1", now), None);
    }
}
