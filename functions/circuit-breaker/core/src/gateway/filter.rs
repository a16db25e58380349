//! Which of a target's requests are meant: those that wait or those that are dead, of a tenant, of an age, for a reason.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use smol_str::SmolStr;
use tenfold_pattern::http::{Fields, parameter, within};
use tenfold_ports::api::{Fault, Problem, Request};

use super::body::{SMALL, tenant_parameter};
use crate::names::{TargetName, TenantName};
use crate::rows::{self, RequestRow, RequestStatus};

/// The longest age that can be asked for, in seconds: a request waits at most two weeks, and is kept at most a year.
const OLDEST: i64 = 31_536_000;
/// The longest part of a reason that can be asked for, in characters.
const REASON_MOST: usize = 200;

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueSide {
    /// The requests that wait.
    Queued,
    /// The requests that are dead.
    Dead,
}

impl QueueSide {
    /// Parses the query parameter `state`.
    pub(super) fn of(request: &Request) -> Result<Self, Fault> {
        let state = parameter(request, "state")?;
        match state.map(SmolStr::as_str) {
            Some("queued") => Ok(Self::Queued),
            Some("dead") => Ok(Self::Dead),
            other => {
                let found = other.map_or_else(|| "is missing".to_owned(), |state| format!("is `{state}`"));
                let wanted = "queued or dead was expected; delivered requests are not listed, \
                              GET /requests/{requestId} knows each";
                Err(Fault::new("query:state", format!("{found}; {wanted}")))
            }
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Dead => "dead",
        }
    }

    /// Returns the partition of the index that holds a shard of it.
    pub(super) fn partition(self, target: &TargetName, shard: u16) -> SmolStr {
        match self {
            Self::Queued => rows::active(target, shard),
            Self::Dead => rows::dead(target, shard),
        }
    }

    /// Whether a row is of it; the index lags behind.
    pub(super) fn has(self, row: &RequestRow) -> bool {
        match self {
            // One that is given up is there until its dead letter is sent.
            Self::Queued => matches!(row.status, RequestStatus::Queued | RequestStatus::Dying),
            Self::Dead => row.status == RequestStatus::Dead && row.data.dismissed.is_none(),
        }
    }
}

/// Returns since when a request waits or, where it is dead, is dead.
pub(super) const fn since(row: &RequestRow) -> Timestamp {
    if matches!(row.status, RequestStatus::Dead) { row.wake } else { row.data.begun }
}

/// Which of them are meant; with nothing set, all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct RequestFilter {
    tenant: Option<SmolStr>,
    older_than: Option<i64>,
    reason: Option<SmolStr>,
}

impl RequestFilter {
    /// Parses the query parameters `tenant` and `olderThan`, and notes what is wrong with them.
    pub(super) fn of_query(request: &Request, faults: &mut Vec<Fault>) -> Self {
        let mut fault = |fault: Fault| faults.push(fault);
        let tenant = tenant_parameter(request).map_err(&mut fault).ok().flatten();
        let older_than = parameter(request, "olderThan").and_then(|seconds| seconds.map(age).transpose());
        Self { tenant, older_than: older_than.map_err(fault).ok().flatten(), reason: None }
    }

    /// Parses the body of a command to many requests: `tenant`, `olderThanSeconds` and, of dead ones, `reason`. No body
    /// means all.
    pub(super) fn of_body(body: &[u8], side: QueueSide) -> Result<Self, Problem> {
        within(body, SMALL)?;
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut fields = Fields::parse(body).map_err(Problem::invalid)?;
        let tenant = fields.optional_parsed("tenant", |tenant| {
            TenantName::parse(tenant).map(TenantName::into_text).map_err(|error| error.to_string())
        });
        // No number: any age.
        let older_than = Some(fields.whole_or("olderThanSeconds", -1, 0..=OLDEST)).filter(|n| *n >= 0);
        let reason = match side {
            QueueSide::Queued => None,
            QueueSide::Dead => fields.optional_text("reason", 1..=REASON_MOST),
        };
        fields.finish().map_err(Problem::invalid)?;
        Ok(Self { tenant, older_than, reason })
    }

    /// Returns the time by which a request has to have waited, or to have died; none: whenever.
    pub(super) fn by(&self, now: Timestamp) -> Option<Timestamp> {
        self.older_than.map(|seconds| now - SignedDuration::from_secs(seconds))
    }

    /// Whether a request is meant.
    pub(super) fn matches(&self, row: &RequestRow, now: Timestamp) -> bool {
        let died = row.data.died.as_deref().unwrap_or_default();
        self.tenant.as_ref().is_none_or(|tenant| row.data.tenant.as_ref() == Some(tenant))
            && self.by(now).is_none_or(|by| since(row) <= by)
            && self.reason.as_ref().is_none_or(|reason| died.contains(reason.as_str()))
    }

    /// Returns the filter as text, which a cursor is bound to.
    pub(super) fn name(&self) -> String {
        // Text and numbers can always be written as JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn age(text: &SmolStr) -> Result<i64, Fault> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.then(|| text.parse().ok()).flatten().filter(|n| *n <= OLDEST);
    seconds.ok_or_else(|| {
        let shown: String = text.chars().take(100).collect();
        let wanted = format!("is `{shown}`; whole seconds from 0 to {OLDEST} were expected");
        Fault::new("query:olderThan", wanted)
    })
}
