//! HTTP as a pattern's core sees it: a request that came through API Gateway, and the answer.
//!
//! The translation from and to API Gateway's events belongs to `tenfold-lambda`; what a path or a header means
//! belongs to the pattern.

use bytes::Bytes;
use serde::Serialize;
use smol_str::SmolStr;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Request {
    /// The method, in upper case.
    pub method: SmolStr,
    /// What stands before `path` where the caller sees it: a stage (`/prod`), a base path of a custom domain, or
    /// nothing.
    pub base: SmolStr,
    /// The path below `base`, beginning with `/`, as it was sent: still percent-encoded.
    pub path: SmolStr,
    /// Query parameters, decoded, in the order of their names; all values of a name, in their order.
    pub query: Vec<(SmolStr, SmolStr)>,
    /// Header names in lower case, and their values; all values of a name, in their order.
    pub headers: Vec<(SmolStr, SmolStr)>,
    /// The body, decoded.
    pub body: Bytes,
    /// The ARN of who has signed the request, as API Gateway has found it; none where it asks for no signature.
    pub caller: Option<SmolStr>,
}

impl Request {
    /// The header `name` (lower case); its last value where it came several times.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&SmolStr> {
        self.header_values(name).last()
    }

    /// All values of the header `name` (lower case), in their order.
    pub fn header_values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a SmolStr> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v)
    }

    /// Sets the header `name` (lower case) in place of what came.
    pub fn set_header(&mut self, name: &'static str, value: impl Into<SmolStr>) {
        self.headers.retain(|(n, _)| n != name);
        self.headers.push((SmolStr::new_static(name), value.into()));
    }

    /// The query parameter `name`; its last value where it came several times.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&SmolStr> {
        self.parameter_values(name).last()
    }

    /// All values of the query parameter `name`, in their order.
    pub fn parameter_values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a SmolStr> {
        self.query.iter().filter(move |(n, _)| n == name).map(|(_, v)| v)
    }

    /// The parts of the path between its slashes, still percent-encoded.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|s| !s.is_empty()).collect()
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, and their values.
    pub headers: Vec<(SmolStr, SmolStr)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// An answer with a JSON body.
    #[must_use]
    pub fn json<T: Serialize>(status: u16, body: &T) -> Self {
        Self::typed(status, "application/json", body)
    }

    /// An answer without a body.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// The answer with one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<SmolStr>) -> Self {
        self.headers.push((SmolStr::new_static(name), value.into()));
        self
    }

    fn typed<T: Serialize>(status: u16, media: &'static str, body: &T) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self { status, headers: Vec::new(), body: body.into() }.with("content-type", media),
            // Our own answers have text keys only, so this cannot be; but an answer must not panic.
            Err(_) => Self::empty(500),
        }
    }
}

/// A problem document, RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Problem {
    /// Names the kind of problem: `urn:tenfold:problem:<name>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words, the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong this time, what was expected, and what to do.
    pub detail: String,
    /// Where in the request: one entry for each fault found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// After how many seconds to try again; becomes the `Retry-After` header.
    #[serde(skip)]
    pub retry_after: Option<u32>,
    /// The methods that the resource has, separated by commas; becomes the `Allow` header.
    #[serde(skip)]
    pub allow: Option<Box<str>>,
}

/// One fault in a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Fault {
    /// A JSON pointer into the body, `header:<Name>`, `query:<name>` or `path`.
    pub at: String,
    /// What was wrong and what was expected.
    pub detail: String,
}

impl Fault {
    /// A fault at a place.
    pub fn new(at: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { at: at.into(), detail: detail.into() }
    }
}

impl Problem {
    /// A problem of the kind `name`.
    pub fn new(status: u16, name: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:tenfold:problem:{name}"),
            title,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            allow: None,
        }
    }

    /// 400: the request as a whole could be understood, these parts could not.
    #[must_use]
    pub fn invalid(errors: Vec<Fault>) -> Self {
        let detail = errors.iter().map(|e| format!("{}: {}", e.at, e.detail)).collect::<Vec<_>>().join("; ");
        Self { errors, ..Self::new(400, "invalid-request", "The request is not valid", detail) }
    }

    /// 404: there is no such route.
    #[must_use]
    pub fn no_route(path: &str) -> Self {
        Self::new(404, "no-route", "There is no such resource", format!("nothing is at {path}"))
    }

    /// 405: the route exists, but not with this method. The answer has an `Allow` header (RFC 9110 §15.5.6).
    #[must_use]
    pub fn method_not_allowed(method: &str, allowed: &[&str]) -> Self {
        let detail = format!("{method}; use {}", allowed.join(" or "));
        let problem = Self::new(405, "method-not-allowed", "The method is not allowed here", detail);
        Self { allow: Some(allowed.join(", ").into()), ..problem }
    }

    /// 413: the body is larger than the route takes.
    #[must_use]
    pub fn too_large(size: usize, limit: usize) -> Self {
        let detail = format!("the body has {size} bytes; at most {limit} are taken");
        Self::new(413, "too-large", "The body is too large", detail)
    }

    /// 503: a service that the function needs did not answer; nothing was done that the caller must undo.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>, retry_after: u64) -> Self {
        Self::new(503, "unavailable", "Try again later", detail).after(retry_after)
    }

    /// 500: something that repeating the request does not mend; the log knows more, under the correlation id.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(500, "internal-error", "Something went wrong inside", detail)
    }

    /// The problem with a time, in seconds, after which trying again makes sense.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let response = Self::typed(problem.status, PROBLEM_JSON, &problem);
        let response = match problem.retry_after {
            Some(seconds) => response.with("retry-after", smol_str::format_smolstr!("{seconds}")),
            None => response,
        };
        match problem.allow {
            Some(methods) => response.with("allow", methods),
            None => response,
        }
    }
}
