//! The configuration of a target, as it is stored and shown.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::downstream::Method;

use super::credentials::CredentialsConfig;
use crate::decide::window::WindowConfig;

/// A target's configuration: how it is called and guarded. Every field holds a value within its range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetConfig {
    /// The URL that requests are sent to: `http` or `https`, to 2,048 characters, no credentials, no
    /// fragment.
    pub url: SmolStr,
    /// The URL that the health monitor asks with `GET`; without it only requests probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_url: Option<SmolStr>,
    /// The time that a call may take, body included: 100 to 25,000 ms.
    pub timeout_ms: u32,
    /// The window of calls that count.
    pub window: WindowConfig,
    /// The number of calls in the window below which nothing trips: 1 to 1,000, in a count window to its
    /// size.
    pub minimum_calls: u32,
    /// The percentage of failed calls from which on the breaker trips: 0.01 to 100.
    pub failure_rate_threshold: f64,
    /// The percentage of slow calls from which on the breaker trips: 0.01 to 100.
    pub slow_call_rate_threshold: f64,
    /// The time from which on a call is slow: 1 to `timeout_ms` ms.
    pub slow_call_duration_ms: u32,
    /// What of a request goes through to the target besides its body.
    #[serde(default, skip_serializing_if = "Forward::is_default")]
    pub forward: Forward,
    /// The statuses that are the target's own answer and count neither way: of 400 to 599.
    pub ignored_statuses: BTreeSet<u16>,
    /// The statuses that count as failures beside those that always do (5xx, 408, 425, 429): of 300 to 499.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failure_statuses: BTreeSet<u16>,
    /// The statuses by which a parked request is delivered, beside 2xx: of 300 to 499, none that is a failure.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub done_statuses: BTreeSet<u16>,
    /// The statuses by which a health check is passed; none: every 2xx.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub health_statuses: BTreeSet<u16>,
    /// The number of probes that decide a half-open epoch: 1 to 20.
    pub half_open_probes: u32,
    /// The time for which the breaker stays open at first: 100 ms to 1 h. It doubles with every opening.
    pub open_duration_ms: u32,
    /// The time to which that can grow: `open_duration_ms` to 24 h.
    pub max_open_duration_ms: u32,
    /// Who makes sure that an idempotency key takes effect once.
    pub idempotency: Idempotency,
    /// The way in which parked requests are tried again.
    pub retry: RetryConfig,
    /// The headers that every call has, by their names in lower case: to 20. They are stored and shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<SmolStr, SmolStr>,
    /// What calls identify themselves by: where its secret is, and never the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsConfig>,
}

/// Who makes sure that an idempotency key takes effect once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Idempotency {
    /// The gateway stores the first answer and gives it again: two writes a request.
    Gateway,
    /// The target does; the gateway only passes the key on and writes nothing.
    Target,
}

/// What of a request goes through to the target besides its body and headers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Forward {
    /// The methods that are passed on. `GET` and `HEAD` are passed on only: what asks for nothing to be done is not
    /// parked.
    pub methods: BTreeSet<Method>,
    /// The paths below the target's URL that are passed on, each with all below it; none: the URL itself alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<SmolStr>,
    /// Whether a query is passed on, behind that of the URL.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub query: bool,
}

impl Default for Forward {
    fn default() -> Self {
        Self { methods: BTreeSet::from([Method::Post]), paths: Vec::new(), query: false }
    }
}

impl Forward {
    /// Whether only a `POST` to the URL itself is passed on. It is not stored, so that a target keeps the tag that it had.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether a path below the target's URL (empty, or beginning with a slash) is passed on.
    #[must_use]
    pub fn takes(&self, path: &str) -> bool {
        let is_below = |prefix: &SmolStr| {
            let rest = path.strip_prefix(prefix.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        path.is_empty() || self.paths.iter().any(is_below)
    }
}

/// The way in which parked requests are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryConfig {
    /// The number of attempts after which a request is dead: 1 to 100. The gateway's call counts.
    pub max_attempts: u32,
    /// The age at which a request is dead: 1 s to 14 days.
    pub max_age_seconds: u32,
    /// The longest wait before the first retry: 10 ms to 1 h. It doubles with every attempt.
    pub base_delay_ms: u32,
    /// The longest wait before any retry: `base_delay_ms` to 24 h.
    pub max_delay_ms: u32,
    /// The most parked requests that are delivered at a time, in the whole fleet: 1 to 256.
    #[serde(default = "usual_concurrency")]
    pub max_concurrent_calls: u32,
}

/// The number of deliveries at a time where nothing else is configured: resilience4j's `maxConcurrentCalls`.
pub const USUAL_CONCURRENCY: u32 = 25;

// Rows that an older version has written do not say it.
const fn usual_concurrency() -> u32 {
    USUAL_CONCURRENCY
}

// Thresholds are never NaN, so equal ones have equal bits.
impl Hash for TargetConfig {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.failure_rate_threshold.to_bits().hash(state);
        self.slow_call_rate_threshold.to_bits().hash(state);
        (&self.url, &self.health_url, self.timeout_ms, self.window, self.minimum_calls).hash(state);
        (self.slow_call_duration_ms, &self.ignored_statuses, self.half_open_probes).hash(state);
        (&self.forward, &self.failure_statuses, &self.done_statuses, &self.health_statuses).hash(state);
        (self.open_duration_ms, self.max_open_duration_ms, self.idempotency, self.retry).hash(state);
        // A configuration that has neither keeps the tag that it had before there were any.
        if !self.headers.is_empty() || self.credentials.is_some() {
            (&self.headers, &self.credentials).hash(state);
        }
    }
}

impl TargetConfig {
    /// Returns the time that a call may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms as u64)
    }
}
