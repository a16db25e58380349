//! What goes out: what the API shows, as JSON, and the target's own answers.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use smol_str::ToSmolStr;
use tenfold_pattern::http::forwarding::{path_below, size};
use tenfold_pattern::http::{EntityTag, RouteResult, location};
use tenfold_ports::SmolStr;
use tenfold_ports::api::{Problem, Request, Response};
use tenfold_ports::downstream::{Answer, Method};

use crate::call::{BODY_MOST, HEADERS_MOST, is_reference};
use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, BreakerState};
use crate::names::{BreakerName, RequestId, TargetName};
use crate::rows::{DeliveryAttempt, RequestRow, RequestStatus};

/// The header of a 202 of ours, with the id of the request that waits.
const PARKED: &str = "tenfold-request-id";

/// A breaker, in lists and after a change.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BreakerView {
    target: TargetName,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<SmolStr>,
    state: &'static str,
    epoch: u64,
    since: Timestamp,
    reason: String,
    /// The time from which on an open breaker may be probed.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_until: Option<Timestamp>,
}

impl BreakerView {
    pub(super) fn new(name: &BreakerName, breaker: &Breaker) -> Self {
        let open_until = if let BreakerState::Open { until } = breaker.state { Some(until) } else { None };
        Self {
            target: name.target.clone(),
            tenant: name.tenant.clone(),
            state: breaker.state.name(),
            epoch: breaker.epoch,
            since: breaker.since,
            reason: breaker.reason.clone(),
            open_until,
        }
    }
}

/// How many requests there are, as far as one look counts.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) at_least: u64,
    /// Whether there are more.
    pub(super) more: bool,
}

/// A target with all that is known of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetView<'a> {
    #[serde(flatten)]
    breaker: BreakerView,
    config: &'a TargetConfig,
    window: WindowView,
    probes: Vec<ProbeView>,
    queue: QueueView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WindowView {
    calls: u32,
    failed: u32,
    slow: u32,
    failure_rate: f64,
    slow_call_rate: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProbeView {
    until: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueueView {
    waiting: u64,
    dead: u64,
    /// Whether there are more than were counted.
    more: bool,
}

impl WindowView {
    fn new(breaker: &Breaker, config: &TargetConfig, now: Timestamp) -> Self {
        let tally = breaker.window.tally(config.window, now);
        Self {
            calls: tally.calls,
            failed: tally.failed,
            slow: tally.slow,
            failure_rate: tally.failure_rate(),
            slow_call_rate: tally.slow_call_rate(),
        }
    }
}

/// A tenant's breaker in the list of a target's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TenantView {
    #[serde(flatten)]
    breaker: BreakerView,
    window: WindowView,
    openings: u32,
}

impl TenantView {
    pub(super) fn new(name: &BreakerName, config: &TargetConfig, breaker: &Breaker, now: Timestamp) -> Self {
        Self {
            breaker: BreakerView::new(name, breaker),
            window: WindowView::new(breaker, config, now),
            openings: breaker.openings,
        }
    }
}

impl<'a> TargetView<'a> {
    pub(super) fn new(
        name: &BreakerName,
        config: &'a TargetConfig,
        breaker: &Breaker,
        now: Timestamp,
        (waiting, dead): (Count, Count),
    ) -> Self {
        let probes = match &breaker.state {
            BreakerState::HalfOpen { permits } => permits
                .iter()
                .map(|p| ProbeView { until: p.until, failed: p.result.map(|r| r.failed) })
                .collect(),
            _ => Vec::new(),
        };
        Self {
            breaker: BreakerView::new(name, breaker),
            config,
            window: WindowView::new(breaker, config, now),
            probes,
            queue: QueueView {
                waiting: waiting.at_least,
                dead: dead.at_least,
                more: waiting.more || dead.more,
            },
        }
    }
}

/// A request that was taken in, and what became of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestView {
    request_id: RequestId,
    target: TargetName,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<SmolStr>,
    status: &'static str,
    method: Method,
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    path: SmolStr,
    accepted_at: Timestamp,
    attempts: Vec<DeliveryAttempt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The time at which a person cancelled or discarded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    dismissed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AnswerView {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<SmolStr>,
    /// All values of its other headers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<SmolStr, Vec<SmolStr>>,
    /// The body, where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The body, where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// The number of bytes of the body, which can be had by sending the request again.
    bytes: usize,
    too_large: bool,
}

impl RequestView {
    /// Returns none while nothing has been promised to anybody.
    pub(super) fn new(row: RequestRow, now: Timestamp) -> Option<Self> {
        let status = match row.status {
            RequestStatus::Running => return None,
            RequestStatus::Queued => "queued",
            RequestStatus::Delivered => "delivered",
            RequestStatus::Dying | RequestStatus::Dead => "dead",
        };
        let bytes = row.answer_body.len();
        let text = String::from_utf8(row.answer_body.to_vec()).ok();
        let answer = row.data.answer.map(|head| AnswerView {
            status: head.status,
            content_type: head.content_type,
            headers: by_name(head.headers),
            body_base64: text.is_none().then(|| STANDARD.encode(&row.answer_body)),
            body: text,
            bytes,
            too_large: head.too_large,
        });
        Some(Self {
            request_id: row.id,
            target: row.data.target,
            tenant: row.data.tenant,
            status,
            method: row.data.passage.method,
            path: row.data.passage.path,
            accepted_at: row.data.accepted,
            attempts: row.data.attempts.into(),
            next_attempt_at: (row.status == RequestStatus::Queued && row.data.due > now)
                .then_some(row.data.due),
            reason: row.data.died,
            dismissed_at: row.data.dismissed,
            answer,
        })
    }
}

fn by_name(headers: Vec<(SmolStr, SmolStr)>) -> BTreeMap<SmolStr, Vec<SmolStr>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    headers.into_iter().for_each(|(name, value)| all.entry(name).or_default().push(value));
    all
}

/// Promises to deliver a request. The header tells the promise from a 202 of the target's own.
pub(super) fn queued(request: &Request, id: RequestId) -> Response {
    let response = Response::json(202, &json!({ "requestId": id, "status": "queued" }));
    let response = response.with(PARKED, id.to_smolstr());
    response.with("location", location(request, &format!("/requests/{id}")))
}

/// Returns the tag of a target's configuration. What its breaker does changes by itself and is not in it.
pub(super) fn tag(config: &TargetConfig) -> EntityTag {
    EntityTag::of(config)
}

/// Passes on the target's own answer. What it refers to below its URL is referred to below this API, where the target takes
/// a call there.
pub(super) fn passed_on(
    request: &Request,
    target: &TargetName,
    config: &TargetConfig,
    answer: &Answer,
) -> RouteResult {
    let too_large = |what: &str| {
        let detail = format!(
            "the target answered {} with {what}, which are not passed on; the request itself was delivered",
            answer.status
        );
        Err(Problem::new(502, "answer-too-large", "The target's answer is too large", detail))
    };
    if answer.truncated {
        return too_large(&format!("more than {BODY_MOST} bytes of body"));
    }
    if size(&answer.headers) > HEADERS_MOST {
        return too_large(&format!("more than {HEADERS_MOST} bytes of headers"));
    }
    let here = |reference: &SmolStr| {
        let path = path_below(reference, &config.url)?;
        let plain = path.split(['?', '#']).next().unwrap_or_default();
        let forward = &config.forward;
        let is_asked_for = forward.methods.contains(&Method::Get) && (forward.query || !path.contains('?'));
        (is_asked_for && forward.takes(plain))
            .then(|| location(request, &format!("/requests/{target}{path}")))
    };
    let others = answer.headers.iter().filter(|(name, _)| name != PARKED);
    let headers = others.map(|(name, value)| {
        let own = is_reference(name).then(|| here(value)).flatten();
        (name.clone(), own.unwrap_or_else(|| value.clone()))
    });
    Ok(Response { status: answer.status, headers: headers.collect(), body: answer.body.clone() })
}
