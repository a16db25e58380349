//! Reading a configuration as a person writes it: defaults, ranges, contradictions, every fault named at once.

use tenfold_pattern::http::Fields;
use tenfold_ports::api::Fault;

use super::credentials;
use super::forward::forward;
use super::statuses::Statuses;
use super::target::{Idempotency, RetryConfig, TargetConfig, USUAL_CONCURRENCY};
use super::url::http_url;
use crate::decide::window::{WindowConfig, WindowType};

const HOUR_MS: u32 = 3_600_000;
const DAY_MS: u32 = 24 * HOUR_MS;
/// The longest time-out, in milliseconds: API Gateway waits for 29 s.
pub const TIMEOUT_MOST: u32 = 25_000;
/// The most that `retry.maxAgeSeconds` may be, in seconds: 14 days.
pub const MAX_AGE_MOST: u32 = 1_209_600;
/// The most calls that a minimum or a count window has.
const CALLS_MOST: u32 = 1000;
/// The most deliveries at a time, and the most calls that an invocation has under way for all its targets: each may hold
/// a body and an answer of 256 KiB.
pub const CONCURRENCY_MOST: u32 = 256;

impl TargetConfig {
    /// Parses the body of `PUT /targets/{target}`.
    ///
    /// # Errors
    /// All that is wrong with it: broken JSON, wrong types, unknown fields, values out of range, contradictions.
    pub fn parse(body: &[u8]) -> Result<Self, Vec<Fault>> {
        let mut fields = Fields::parse(body)?;
        let f = &mut fields;
        let url = f.parsed("url", http_url).unwrap_or_default();
        let health_url = f.optional_parsed("healthUrl", http_url);
        let (window, most_calls) = window(f);
        let minimum_calls = whole(f, "minimumCalls", 10.min(window.size), 1, most_calls);
        let timeout_ms = whole(f, "timeoutMs", 5000, 100, TIMEOUT_MOST);
        // What is held against another field is not called wrong where that one is.
        let slow_most = if f.is_faulty("timeoutMs") { TIMEOUT_MOST } else { timeout_ms };
        let slow_call_duration_ms = whole(f, "slowCallDurationMs", timeout_ms, 1, slow_most);
        let open_duration_ms = whole(f, "openDurationMs", 30_000, 100, HOUR_MS);
        let open_least = if f.is_faulty("openDurationMs") { 100 } else { open_duration_ms };
        let most_open = open_duration_ms.max(600_000);
        let statuses = Statuses::read(f);
        let config = Self {
            url,
            health_url,
            timeout_ms,
            window,
            minimum_calls,
            failure_rate_threshold: percent(f, "failureRateThreshold", 50.0),
            slow_call_rate_threshold: percent(f, "slowCallRateThreshold", 100.0),
            slow_call_duration_ms,
            forward: forward(f),
            ignored_statuses: statuses.ignored,
            failure_statuses: statuses.failures,
            done_statuses: statuses.done,
            health_statuses: statuses.health,
            half_open_probes: whole(f, "halfOpenProbes", 3, 1, 20),
            open_duration_ms,
            max_open_duration_ms: whole(f, "maxOpenDurationMs", most_open, open_least, DAY_MS),
            idempotency: f.choice_or(
                "idempotency",
                Idempotency::Gateway,
                &[("gateway", Idempotency::Gateway), ("target", Idempotency::Target)],
            ),
            retry: retry(f),
            headers: credentials::headers(f),
            credentials: credentials::credentials(f),
        };
        credentials::do_not_meet(f, &config.url, &config.headers, config.credentials.as_ref());
        fields.finish().map(|()| config)
    }
}

/// The window, and how many calls the minimum may ask for: a count window of fewer would never trip.
fn window(fields: &mut Fields) -> (WindowConfig, u32) {
    let mut inner = fields.object("window");
    let kinds = [("count", WindowType::Count), ("time", WindowType::Time)];
    let kind = inner.choice_or("type", WindowType::Count, &kinds);
    let (usual, most) = match kind {
        WindowType::Count => (100, CALLS_MOST),
        WindowType::Time => (60, 3600),
    };
    // Of which type it was to be is not known.
    let most = if inner.is_faulty("type") { 3600 } else { most };
    let size = whole(&mut inner, "size", usual, 1, most);
    let good = !inner.is_faulty("type") && !inner.is_faulty("size");
    fields.close(inner);
    let bounded = good && kind == WindowType::Count && !fields.is_faulty("window");
    (WindowConfig { r#type: kind, size }, if bounded { size } else { CALLS_MOST })
}

fn retry(fields: &mut Fields) -> RetryConfig {
    let mut inner = fields.object("retry");
    let base = whole(&mut inner, "baseDelayMs", 1000, 10, HOUR_MS);
    let least = if inner.is_faulty("baseDelayMs") { 10 } else { base };
    let retry = RetryConfig {
        max_attempts: whole(&mut inner, "maxAttempts", 20, 1, 100),
        max_age_seconds: whole(&mut inner, "maxAgeSeconds", 86_400, 1, MAX_AGE_MOST),
        base_delay_ms: base,
        max_delay_ms: whole(&mut inner, "maxDelayMs", base.max(300_000), least, DAY_MS),
        max_concurrent_calls: whole(&mut inner, "maxConcurrentCalls", USUAL_CONCURRENCY, 1, CONCURRENCY_MOST),
    };
    fields.close(inner);
    retry
}

fn whole(fields: &mut Fields, name: &str, usual: u32, least: u32, most: u32) -> u32 {
    fields.whole_or(name, usual.into(), least.into()..=most.into()) as u32
}

fn percent(fields: &mut Fields, name: &str, usual: f64) -> f64 {
    fields.number_or(name, usual, 0.01..=100.0)
}

#[cfg(test)]
mod tests;
