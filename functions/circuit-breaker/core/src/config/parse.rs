//! Reading a configuration as a person writes it: defaults, ranges, contradictions.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;
use tenfold_ports::api::Fault;
use url::Url;

use super::target::{Idempotency, RetryConfig, TargetConfig};
use crate::decide::window::{WindowConfig, WindowType};

impl TargetConfig {
    /// Parses the body of `PUT /targets/{target}`.
    ///
    /// # Errors
    /// All that is wrong with it: broken JSON, unknown fields, values out of range, contradictions.
    pub fn parse(body: &[u8]) -> Result<Self, Vec<Fault>> {
        let raw: Raw = object(body, &["window", "retry"]).map_err(|fault| vec![fault])?;
        raw.check()
    }
}

/// Parses a JSON object whose `inner` fields are objects too: serde would take an array of a struct's values.
///
/// # Errors
/// What is wrong with it, and where.
pub fn object<T: DeserializeOwned>(body: &[u8], inner: &[&str]) -> Result<T, Fault> {
    let fault = |e: serde_json::Error| Fault::new("", e.to_string());
    let value: serde_json::Value = serde_json::from_slice(body).map_err(fault)?;
    if !value.is_object() {
        return Err(Fault::new("", "a JSON object was expected"));
    }
    for name in inner {
        if !matches!(value.get(name), None | Some(serde_json::Value::Null | serde_json::Value::Object(_))) {
            return Err(Fault::new(format!("/{name}"), "a JSON object was expected"));
        }
    }
    // From the text and not from the value, in which a field that comes twice has been lost.
    serde_json::from_slice(body).map_err(fault)
}

/// A configuration as it is sent: everything but the URL may be missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    url: String,
    health_url: Option<String>,
    timeout_ms: Option<u32>,
    window: Option<RawWindow>,
    minimum_calls: Option<u32>,
    failure_rate_threshold: Option<f64>,
    slow_call_rate_threshold: Option<f64>,
    slow_call_duration_ms: Option<u32>,
    ignored_statuses: Option<BTreeSet<u16>>,
    half_open_probes: Option<u32>,
    open_duration_ms: Option<u32>,
    max_open_duration_ms: Option<u32>,
    idempotency: Option<Idempotency>,
    retry: Option<RawRetry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWindow {
    r#type: Option<WindowType>,
    size: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawRetry {
    max_attempts: Option<u32>,
    max_age_seconds: Option<u32>,
    base_delay_ms: Option<u32>,
    max_delay_ms: Option<u32>,
}

const HOUR_MS: u32 = 3_600_000;
const DAY_MS: u32 = 24 * HOUR_MS;

impl Raw {
    /// Fills in what is missing and holds every value against its range.
    fn check(self) -> Result<TargetConfig, Vec<Fault>> {
        let mut f = Faults(Vec::new());
        let url = f.url("/url", &self.url);
        let health_url = self.health_url.as_deref().map(|u| f.url("/healthUrl", u));

        let (window_type, size) = self.window.map_or((None, None), |w| (w.r#type, w.size));
        let window_type = window_type.unwrap_or(WindowType::Count);
        let (default, most) = match window_type {
            WindowType::Count => (100, 1000),
            WindowType::Time => (60, 3600),
        };
        let size = f.range("/window/size", size, default, 1, most);
        // A count window of fewer calls than the minimum would never trip.
        let most_calls = if window_type == WindowType::Count { size } else { 1000 };
        let minimum_calls = f.range("/minimumCalls", self.minimum_calls, 10.min(size), 1, most_calls);

        let timeout_ms = f.range("/timeoutMs", self.timeout_ms, 5000, 100, 25_000);
        let open = f.range("/openDurationMs", self.open_duration_ms, 30_000, 100, HOUR_MS);
        let retry = self.retry.unwrap_or(RawRetry {
            max_attempts: None,
            max_age_seconds: None,
            base_delay_ms: None,
            max_delay_ms: None,
        });
        let base_delay_ms = f.range("/retry/baseDelayMs", retry.base_delay_ms, 1000, 10, HOUR_MS);
        let ignored_statuses = self.ignored_statuses.unwrap_or_default();
        if ignored_statuses.iter().any(|s| !(400..=599).contains(s)) {
            f.add("/ignoredStatuses", "only statuses from 400 to 599 can be ignored");
        }

        let config = TargetConfig {
            url,
            health_url,
            timeout_ms,
            window: WindowConfig { r#type: window_type, size },
            minimum_calls,
            failure_rate_threshold: f.percent("/failureRateThreshold", self.failure_rate_threshold, 50.0),
            slow_call_rate_threshold: f.percent(
                "/slowCallRateThreshold",
                self.slow_call_rate_threshold,
                100.0,
            ),
            slow_call_duration_ms: f.range(
                "/slowCallDurationMs",
                self.slow_call_duration_ms,
                timeout_ms,
                1,
                timeout_ms,
            ),
            ignored_statuses,
            half_open_probes: f.range("/halfOpenProbes", self.half_open_probes, 3, 1, 20),
            open_duration_ms: open,
            max_open_duration_ms: f.range(
                "/maxOpenDurationMs",
                self.max_open_duration_ms,
                open.max(600_000),
                open,
                DAY_MS,
            ),
            idempotency: self.idempotency.unwrap_or(Idempotency::Gateway),
            retry: RetryConfig {
                max_attempts: f.range("/retry/maxAttempts", retry.max_attempts, 20, 1, 100),
                max_age_seconds: f.range("/retry/maxAgeSeconds", retry.max_age_seconds, 86_400, 1, 1_209_600),
                base_delay_ms,
                max_delay_ms: f.range(
                    "/retry/maxDelayMs",
                    retry.max_delay_ms,
                    base_delay_ms.max(300_000),
                    base_delay_ms,
                    DAY_MS,
                ),
            },
        };
        if f.0.is_empty() { Ok(config) } else { Err(f.0) }
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, at: &str, detail: impl Into<String>) {
        self.0.push(Fault::new(at, detail));
    }

    fn range(&mut self, at: &str, given: Option<u32>, default: u32, least: u32, most: u32) -> u32 {
        let Some(n) = given else { return default };
        if n < least || n > most {
            self.add(at, format!("is {n}; {least} to {most} was expected"));
        }
        n
    }

    fn percent(&mut self, at: &str, given: Option<f64>, default: f64) -> f64 {
        let Some(p) = given else { return default };
        if !(0.01..=100.0).contains(&p) {
            self.add(at, format!("is {p}; a percentage from 0.01 to 100 was expected"));
        }
        p
    }

    fn url(&mut self, at: &str, text: &str) -> SmolStr {
        match Url::parse(text) {
            Ok(_) if !text.starts_with("http://") && !text.starts_with("https://") => {
                self.add(at, "should begin with http:// or https://");
            }
            Ok(_) if text.len() > 2048 => self.add(at, "is longer than 2,048 characters"),
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                self.add(
                    at,
                    "holds credentials, which would be stored and shown; the target must not need them",
                );
            }
            Ok(url) if url.fragment().is_some() => {
                self.add(at, "has a fragment, which is never sent; leave it out");
            }
            Ok(url) => return url.as_str().into(),
            Err(e) => self.add(at, format!("is no absolute URL: {e}")),
        }
        SmolStr::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> Vec<String> {
        TargetConfig::parse(body.as_bytes()).unwrap_err().into_iter().map(|f| f.at).collect()
    }

    #[test]
    fn only_the_url_is_needed() {
        let config = TargetConfig::parse(br#"{"url":"https://pay.example/charge"}"#).unwrap();
        assert_eq!(config.url, "https://pay.example/charge");
        assert_eq!((config.minimum_calls, config.window.size), (10, 100));
        assert_eq!(config.slow_call_duration_ms, config.timeout_ms);
        assert_eq!(config.idempotency, Idempotency::Gateway);
    }

    #[test]
    fn what_is_stored_reads_back() {
        let config = TargetConfig::parse(
            br#"{"url":"http://a.example/","window":{"type":"time","size":30},"ignoredStatuses":[404]}"#,
        )
        .unwrap();
        let text = serde_json::to_vec(&config).unwrap();
        assert_eq!(TargetConfig::parse(&text).unwrap(), config);
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let body = r#"{"url":"ftp://x","timeoutMs":0,"failureRateThreshold":0,"window":{"size":0},"retry":{"maxAttempts":0}}"#;
        assert_eq!(
            faults(body),
            [
                "/url",
                "/window/size",
                "/minimumCalls",
                "/timeoutMs",
                "/failureRateThreshold",
                "/slowCallDurationMs",
                "/retry/maxAttempts"
            ]
            .into_iter()
            .filter(|at| !matches!(*at, "/minimumCalls" | "/slowCallDurationMs"))
            .collect::<Vec<_>>()
        );
    }

    #[test]
    fn contradictions_are_refused() {
        for (body, at) in [
            (r#"{"url":"http://a","minimumCalls":11,"window":{"size":10}}"#, "/minimumCalls"),
            (r#"{"url":"http://a","slowCallDurationMs":3000,"timeoutMs":2000}"#, "/slowCallDurationMs"),
            (r#"{"url":"http://a","openDurationMs":2000,"maxOpenDurationMs":1000}"#, "/maxOpenDurationMs"),
            (r#"{"url":"http://a","retry":{"baseDelayMs":2000,"maxDelayMs":1000}}"#, "/retry/maxDelayMs"),
            (r#"{"url":"http://u:p@a"}"#, "/url"),
            (r#"{"url":"http://a#b"}"#, "/url"),
            (r#"{"url":"http://a","ignoredStatuses":[200]}"#, "/ignoredStatuses"),
            (r#"{"url":" http:a"}"#, "/url"),
            (r#"{"url":"http://a","window":["count",5]}"#, "/window"),
            (r#"{"url":"http://a","failureRateThreshold":5e-324}"#, "/failureRateThreshold"),
            (r#"["http://a"]"#, ""),
            (r#"{"url":"http://a","url":"http://b"}"#, ""),
            (r#"{"url":"http://a","colour":"red"}"#, ""),
            (r#"{"url":"http://a""#, ""),
        ] {
            assert_eq!(faults(body), [at], "{body}");
        }
    }
}
