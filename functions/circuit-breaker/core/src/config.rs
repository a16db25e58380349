//! What a team configures of a target: parsed once, at the edge, with every fault named.
//!
//! The names are resilience4j's. Ranges are chosen so that every stored row stays small and every call fits
//! into an API Gateway request.

mod parse;

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::api::Fault;

use crate::decide::window::WindowConfig;
use parse::Raw;
pub use parse::object;

/// How a target is called and guarded. Every field holds a value within its range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetConfig {
    /// Where requests are posted to.
    pub url: SmolStr,
    /// What the health monitor asks with `GET`; without it only requests probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_url: Option<SmolStr>,
    /// How long a call may take: 100 to 25,000 ms.
    pub timeout_ms: u32,
    /// Which calls count.
    pub window: WindowConfig,
    /// Below so many calls in the window nothing trips: 1 to 1,000.
    pub minimum_calls: u32,
    /// Percent of failed calls from which on the breaker trips: 0.01 to 100.
    pub failure_rate_threshold: f64,
    /// Percent of slow calls from which on the breaker trips: 0.01 to 100.
    pub slow_call_rate_threshold: f64,
    /// From how many milliseconds on a call is slow: 1 to `timeout_ms`.
    pub slow_call_duration_ms: u32,
    /// Statuses of the target that are its own answer and count neither way.
    pub ignored_statuses: BTreeSet<u16>,
    /// How many probes decide a half-open epoch: 1 to 20.
    pub half_open_probes: u32,
    /// How long the breaker stays open the first time: 100 ms to 1 h.
    pub open_duration_ms: u32,
    /// To how long that can grow: `open_duration_ms` to 24 h.
    pub max_open_duration_ms: u32,
    /// Who makes sure that a key takes effect once.
    pub idempotency: Idempotency,
    /// How parked requests are tried again.
    pub retry: RetryConfig,
}

/// Who makes sure that a key takes effect once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Idempotency {
    /// The gateway stores the first answer and gives it again: two writes a request.
    Gateway,
    /// The target does; the gateway only passes the key on and writes nothing.
    Target,
}

/// How parked requests are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryConfig {
    /// After so many attempts a request is dead: 1 to 100.
    pub max_attempts: u32,
    /// After so many seconds a request is dead: 1 s to 14 days.
    pub max_age_seconds: u32,
    /// The longest wait before the first retry: 10 ms to 1 h. It doubles with every attempt.
    pub base_delay_ms: u32,
    /// What the wait grows to: `base_delay_ms` to 24 h.
    pub max_delay_ms: u32,
}

// Thresholds are never NaN, so equal ones have equal bits.
impl Hash for TargetConfig {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.failure_rate_threshold.to_bits().hash(state);
        self.slow_call_rate_threshold.to_bits().hash(state);
        (&self.url, &self.health_url, self.timeout_ms, self.window, self.minimum_calls).hash(state);
        (self.slow_call_duration_ms, &self.ignored_statuses, self.half_open_probes).hash(state);
        (self.open_duration_ms, self.max_open_duration_ms, self.idempotency, self.retry).hash(state);
    }
}

impl TargetConfig {
    /// How long a call may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms as u64)
    }

    /// Parses the body of `PUT /targets/{target}`.
    ///
    /// # Errors
    /// All that is wrong with it: broken JSON, unknown fields, values out of range, contradictions.
    pub fn parse(body: &[u8]) -> Result<Self, Vec<Fault>> {
        let raw: Raw = object(body, &["window", "retry"]).map_err(|fault| vec![fault])?;
        raw.check()
    }
}
