//! What comes in: headers and bodies, parsed at the edge into types, with every fault named.
//!
//! A target's configuration is parsed in [`config`](crate::config).

use std::collections::VecDeque;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_pattern::http::{Fields, idempotency_key, name_header, page_token, parameter, within};
use tenfold_ports::api::{Fault, Problem, Request};
use tenfold_ports::downstream::Method;
use tenfold_ports::{Bytes, Carrier, Context};

use super::passage::passage;
use crate::call::BODY_MOST;
use crate::configure::CONFIG_MOST;
use crate::names::{BreakerName, RequestId, TENANT_MOST, TargetName, TenantName, digest};
use crate::passage::Passage;
use crate::rows::{RequestData, RequestRow, RequestStatus, StoredBody};

/// The largest body of a configuration or a command, in bytes.
pub(super) const SMALL: usize = CONFIG_MOST;
/// The longest sort key of DynamoDB, in bytes.
const LONGEST_KEY: usize = 1024;
/// The longest reason of a command, in characters.
const REASON_MOST: usize = 200;
/// The longest ordering key, in characters.
const ORDERING_MOST: usize = 128;

/// Parses the name of a target in a path.
pub(super) fn target(name: &str) -> Result<TargetName, Problem> {
    TargetName::parse(name).map_err(|fault| Problem::invalid(vec![fault]))
}

/// Returns the breaker that a request means: the target's own, or that of the tenant in its query.
pub(super) fn breaker(target: TargetName, request: &Request) -> Result<BreakerName, Problem> {
    let tenant = tenant_parameter(request).map_err(|fault| Problem::invalid(vec![fault]))?;
    Ok(BreakerName { target, tenant })
}

/// Parses the query parameter that names a tenant.
pub(super) fn tenant_parameter(request: &Request) -> Result<Option<SmolStr>, Fault> {
    let parsed = |tenant: &SmolStr| {
        let named = TenantName::parse(tenant).map(TenantName::into_text);
        named.map_err(|error| Fault::new("query:tenant", error.to_string()))
    };
    parameter(request, "tenant")?.map(parsed).transpose()
}

/// Returns the sort key that the page before of a list ended with. Whatever row has it: what cannot be read must not hide
/// those behind it.
pub(super) fn after(list: &str, request: &Request) -> Result<Option<SmolStr>, Fault> {
    let Some(token) = parameter(request, "after")? else { return Ok(None) };
    let sk: SmolStr = page_token::read(list, token)?;
    if (1..=LONGEST_KEY).contains(&sk.len()) { Ok(Some(sk)) } else { Err(page_token::no_place()) }
}

/// Parses the header that names the tenant on whose behalf a request is sent.
pub(super) fn tenant_header(request: &Request) -> Result<Option<SmolStr>, Fault> {
    name_header(request, "Tenant", TENANT_MOST)
}

/// A request that is sent to a target.
pub(super) struct Submission {
    /// The breaker that it is sent through.
    pub(super) breaker: BreakerName,
    key: SmolStr,
    ordering: Option<SmolStr>,
    content_type: Option<SmolStr>,
    passage: Passage,
    carrier: Carrier,
    body: Bytes,
}

impl Submission {
    /// Parses a request: after this only the target's existence can be wrong.
    pub(super) fn parse(
        target: TargetName,
        method: Method,
        request: &Request,
        context: &Context,
    ) -> Result<Self, Problem> {
        within(&request.body, BODY_MOST)?;
        let mut faults = Vec::new();
        let key = idempotency_key(request).map_err(|fault| faults.push(fault));
        let ordering =
            name_header(request, "Ordering-Key", ORDERING_MOST).map_err(|fault| faults.push(fault));
        let tenant = tenant_header(request).map_err(|fault| faults.push(fault));
        let (Ok(key), Ok(ordering), Ok(tenant)) = (key, ordering, tenant) else {
            return Err(Problem::invalid(faults));
        };
        Ok(Self {
            breaker: BreakerName { target, tenant },
            key,
            ordering,
            content_type: request.header("content-type").cloned(),
            passage: passage(method, request, context)?,
            carrier: context.carrier(),
            body: request.body.clone(),
        })
    }

    /// Returns the request as a row that nobody has written yet, and that promises nothing.
    pub(super) fn row(&self, now: Timestamp, writer: u64, shards: u16) -> RequestRow {
        let BreakerName { target, tenant } = &self.breaker;
        let digest = digest(
            self.content_type.as_deref().unwrap_or_default(),
            self.ordering.as_deref().unwrap_or_default(),
            &self.passage,
            &self.body,
        );
        let id = RequestId::new(target, tenant.as_deref(), &self.key);
        let data = RequestData {
            target: target.clone(),
            tenant: tenant.clone(),
            digest,
            key: self.key.clone(),
            ordering: self.ordering.clone(),
            content_type: self.content_type.clone(),
            passage: self.passage.clone(),
            carrier: self.carrier.clone(),
            accepted: now,
            begun: now,
            tries: 0,
            due: now,
            shard: id.shard(shards),
            until: now,
            writer,
            attempts: VecDeque::new(),
            answer: None,
            died: None,
            dismissed: None,
        };
        RequestRow {
            id,
            version: 0,
            status: RequestStatus::Running,
            wake: now,
            expires: now,
            body: StoredBody::of(&self.body, now),
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
#[derive(Clone, Copy)]
pub(super) enum Forced {
    /// Requests wait.
    Open,
    /// Requests pass, and none is counted.
    Closed,
    /// The breaker decides again.
    Auto,
}

impl ForceCommand {
    /// Parses the body of `POST /targets/{target}/state`.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        within(body, SMALL)?;
        let mut fields = Fields::parse(body).map_err(Problem::invalid)?;
        let states = [("open", Forced::Open), ("closed", Forced::Closed), ("auto", Forced::Auto)];
        let force = fields.choice("force", &states);
        let reason = fields.optional_parsed("reason", |reason| {
            let most = format!("has more than {REASON_MOST} characters");
            if reason.chars().count() > REASON_MOST { Err(most) } else { Ok(reason.to_owned()) }
        });
        fields.finish().map_err(Problem::invalid)?;
        let force = force.ok_or_else(|| Problem::internal("a state without a fault is missing"))?;
        Ok(Self { force, reason: reason.unwrap_or_else(|| "forced by hand".to_owned()) })
    }
}
