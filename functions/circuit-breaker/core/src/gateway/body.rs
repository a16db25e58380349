//! What comes in: headers and bodies, parsed at the edge into types, with every fault named.
//!
//! A target's configuration is parsed in [`config`](crate::config).

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Deserialize;
use smol_str::SmolStr;
use tenfold_ports::api::{Fault, Problem, Request};
use tenfold_ports::{Bytes, Carrier, Context};

use crate::call::BODY_MOST;
use crate::config::object;
use crate::names::{BreakerName, RequestId, TargetName, digest, header};
use crate::rows::{RequestData, RequestRow, RequestStatus};

/// The largest body of a configuration or a command, in bytes.
const SMALL: usize = 16 * 1024;
/// The longest reason of a command, in characters.
const REASON_MOST: usize = 200;

/// Parses the name of a target in a path.
pub(super) fn target(name: &str) -> Result<TargetName, Problem> {
    TargetName::parse(name).map_err(|fault| Problem::invalid(vec![fault]))
}

/// Parses the name of a tenant, found in the request `at` this place, and gives the breaker of both.
pub(super) fn breaker(
    target: TargetName,
    tenant: Option<&SmolStr>,
    at: &str,
) -> Result<BreakerName, Problem> {
    let tenant = tenant.map(|t| header("Tenant", t, 64)).transpose();
    let tenant = tenant.map_err(|f| Problem::invalid(vec![Fault { at: at.to_owned(), ..f }]))?;
    Ok(BreakerName { target, tenant })
}

/// Refuses a body of more than 16 KiB, which no configuration and no command has.
pub(super) fn small(body: &[u8]) -> Result<(), Problem> {
    if body.len() > SMALL { Err(Problem::too_large(body.len(), SMALL)) } else { Ok(()) }
}

/// A request that is sent to a target.
pub(super) struct Submission {
    /// The breaker that it is sent through.
    pub(super) breaker: BreakerName,
    key: SmolStr,
    ordering: Option<SmolStr>,
    content_type: Option<SmolStr>,
    carrier: Carrier,
    body: Bytes,
}

impl Submission {
    /// Parses a request: after this only the target's existence can be wrong.
    pub(super) fn parse(target: TargetName, request: &Request, context: &Context) -> Result<Self, Problem> {
        if request.body.len() > BODY_MOST {
            return Err(Problem::too_large(request.body.len(), BODY_MOST));
        }
        let mut faults = Vec::new();
        let mut named = |name: &'static str, lower: &str, most| {
            request.header(lower).map(|value| {
                header(name, value, most).unwrap_or_else(|fault| {
                    faults.push(fault);
                    SmolStr::default()
                })
            })
        };
        let key = named("Idempotency-Key", "idempotency-key", 255);
        let ordering = named("Ordering-Key", "ordering-key", 128);
        if key.is_none() {
            faults.push(Fault::new("header:Idempotency-Key", "is required: it is what makes a retry safe"));
        }
        if !faults.is_empty() {
            return Err(Problem::invalid(faults));
        }
        Ok(Self {
            breaker: breaker(target, request.header("tenant"), "header:Tenant")?,
            key: key.unwrap_or_default(),
            ordering,
            content_type: request.header("content-type").cloned(),
            carrier: context.carrier(),
            body: request.body.clone(),
        })
    }

    /// Returns the request as a row that nobody has written yet, and that promises nothing.
    pub(super) fn row(&self, now: Timestamp, writer: u64) -> RequestRow {
        let BreakerName { target, tenant } = &self.breaker;
        let digest = digest(
            self.content_type.as_deref().unwrap_or_default(),
            self.ordering.as_deref().unwrap_or_default(),
            &self.body,
        );
        let data = RequestData {
            target: target.clone(),
            tenant: tenant.clone(),
            digest,
            key: self.key.clone(),
            ordering: self.ordering.clone(),
            content_type: self.content_type.clone(),
            carrier: self.carrier.clone(),
            accepted: now,
            begun: now,
            tries: 0,
            due: now,
            until: now,
            writer,
            attempts: VecDeque::new(),
            answer: None,
            died: None,
        };
        RequestRow {
            id: RequestId::new(target, tenant.as_deref(), &self.key),
            version: 0,
            status: RequestStatus::Running,
            wake: now,
            expires: now,
            body: self.body.clone(),
            answer_body: Bytes::new(),
            data,
        }
    }
}

/// The command of a person to a breaker.
pub(super) struct ForceCommand {
    /// The state to be forced.
    pub(super) force: Forced,
    /// The reason, in words.
    pub(super) reason: String,
}

/// The state that a breaker can be forced into.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Forced {
    /// Requests wait.
    Open,
    /// Requests pass, and none is counted.
    Closed,
    /// The breaker decides again.
    Auto,
}

// By hand, since serde would also take `{"auto": null}`.
impl TryFrom<String> for Forced {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            "auto" => Ok(Self::Auto),
            other => Err(format!("force is `{other}`; open, closed or auto was expected")),
        }
    }
}

impl ForceCommand {
    /// Parses the body of `POST /targets/{target}/state`.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            force: Forced,
            #[serde(default)]
            reason: Option<String>,
        }
        small(body)?;
        let Raw { force, reason } = object(body, &[]).map_err(|fault| Problem::invalid(vec![fault]))?;
        let reason = reason.unwrap_or_else(|| "forced by hand".to_owned());
        if reason.chars().count() > REASON_MOST {
            let fault = Fault::new("/reason", format!("has more than {REASON_MOST} characters"));
            return Err(Problem::invalid(vec![fault]));
        }
        Ok(Self { force, reason })
    }
}
