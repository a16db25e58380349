//! API Gateway REST proxy events (payload version 1) as requests, and answers as proxy responses.
//!
//! The shapes are those of `aws_lambda_events`, of which this is a view. Where that crate is not AWS:
//!
//! * It is stricter: a header that HTTP does not allow (a blank in its name, a control character in its value) or
//!   whose value is `null` fails the whole event. Such a request is answered with 400, since a caller sent it.
//! * It is laxer: a method that is empty becomes GET, which nobody sends, and a path may be absent, which fails the
//!   invocation here.
//! * Its `Body::from_maybe_encoded` panics at a body that is no base64; the body is decoded here.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use smol_str::SmolStr;
use tenfold_ports::api::{Request, Response};

use aws_lambda_events::apigw::ApiGatewayProxyRequest as ProxyRequest;
/// The answer that API Gateway expects of a proxy function.
pub use aws_lambda_events::apigw::ApiGatewayProxyResponse as ProxyResponse;
use aws_lambda_events::encodings::Body;

/// Why there is no request in an event.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRequest {
    /// The event is no proxy event of API Gateway: whoever calls the function is not it.
    #[error("not an API Gateway proxy event: {0}")]
    NotProxied(String),
    /// The event is one, of a request with a header that HTTP does not allow: its sender can mend it.
    #[error("a header's name or value is not as RFC 9110 has it: a control character, for instance")]
    BadHeader,
}

impl NoRequest {
    fn not_proxied(why: impl fmt::Display) -> Self {
        Self::NotProxied(why.to_string())
    }
}

/// The request in an event. API Gateway has decoded query parameters and not the path. The event's `path` has no stage,
/// but the base path of a custom domain where there is one: what the resource says of it is the path.
///
/// # Errors
/// The event is of another shape, or says that its body is base64 where it is not; or its headers are none.
pub fn request(event: &str) -> Result<Request, NoRequest> {
    let event: ProxyRequest = serde_json::from_str(event).map_err(|error| refused(event, &error))?;
    let whole = event.path.as_deref().unwrap_or_default();
    if !whole.starts_with('/') {
        return Err(NoRequest::not_proxied(format!("path `{whole}` does not begin with /")));
    }
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        let decoded = STANDARD.decode(&body).map_err(|e| NoRequest::not_proxied(format!("body: {e}")))?;
        Bytes::from(decoded)
    } else {
        Bytes::from(body)
    };
    let path = below_base(whole, event.resource.as_deref());
    let seen = event.request_context.path.as_deref();
    let base = seen.and_then(|seen| seen.strip_suffix(path)).or_else(|| whole.strip_suffix(path));
    // All values of a name are in the second of each; some senders of events leave it out.
    let (single, multi) = (event.query_string_parameters, event.multi_value_query_string_parameters);
    let query = single.iter().filter(|(name, _)| multi.first(name).is_none()).chain(multi.iter());
    let mut headers = event.headers;
    headers.extend(event.multi_value_headers);
    Ok(Request {
        method: event.http_method.as_str().to_ascii_uppercase().into(),
        base: base.unwrap_or_default().into(),
        path: path.into(),
        query: by_name(query),
        // What came as text is text.
        headers: by_name(
            headers.iter().filter_map(|(name, value)| {
                Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?))
            }),
        ),
        body,
    })
}

/// Whom an event that the crate does not read is to be blamed on: its sender's headers, if all else is well.
fn refused(event: &str, error: &serde_json::Error) -> NoRequest {
    let Ok(mut rest) = serde_json::from_str::<Value>(event) else { return NoRequest::not_proxied(error) };
    for of_the_sender in ["headers", "multiValueHeaders"] {
        rest.as_object_mut().map(|fields| fields.remove(of_the_sender));
    }
    ProxyRequest::deserialize(rest).map_or_else(|_| NoRequest::not_proxied(error), |_| NoRequest::BadHeader)
}

/// The path without the base path of a custom domain: as many parts from its end as the resource has. A greedy
/// resource (`/{proxy+}`) does not say how many.
fn below_base<'a>(path: &'a str, resource: Option<&str>) -> &'a str {
    let Some(resource) = resource.filter(|resource| resource.len() > 1 && !resource.ends_with("+}")) else {
        return path;
    };
    let parts = resource.matches('/').count();
    let from = path.trim_end_matches('/').rmatch_indices('/').nth(parts - 1);
    from.map_or(path, |(at, _)| &path[at..])
}

/// Pairs in the order of their names, the values of a name in theirs.
fn by_name<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(SmolStr, SmolStr)> {
    let mut pairs: Vec<_> = pairs.map(|(name, value)| (SmolStr::from(name), SmolStr::from(value))).collect();
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    pairs
}

/// A response as API Gateway expects it. A header that HTTP does not allow is left out, and the log says so.
#[must_use]
pub fn proxied(response: Response) -> ProxyResponse {
    let media = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let textual = media.is_none_or(|(_, media)| is_textual(media));
    let (body, is_base64_encoded) = match String::from_utf8(response.body.into()) {
        Ok(text) if textual => (Body::Text(text), false),
        Ok(text) => (Body::Binary(text.into_bytes()), true),
        Err(bytes) => (Body::Binary(bytes.into_bytes()), true),
    };
    let mut all = HeaderMap::with_capacity(response.headers.len());
    for (name, value) in &response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value)) {
            all.append(name, value);
        } else {
            tracing::warn!(name = name.as_str(), "a header was left out of the answer: HTTP has no such");
        }
    }
    let (mut single, mut multi) = (HeaderMap::new(), HeaderMap::new());
    for name in all.keys() {
        let repeated = all.get_all(name).iter().nth(1).is_some();
        let into = if repeated { &mut multi } else { &mut single };
        all.get_all(name).iter().for_each(|value| {
            into.append(name.clone(), value.clone());
        });
    }
    let mut proxied = ProxyResponse::default();
    proxied.status_code = response.status.into();
    proxied.headers = single;
    proxied.multi_value_headers = multi;
    proxied.body = Some(body);
    proxied.is_base64_encoded = is_base64_encoded;
    proxied
}

/// Whether a media type is text by its name. What is not travels as base64, which API Gateway turns into bytes
/// for the media types that the API declares as binary.
fn is_textual(media: &str) -> bool {
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, name) = media.split_once('/').unwrap_or((media.as_str(), ""));
    kind == "text"
        || name.ends_with("+json")
        || name.ends_with("+xml")
        || matches!(name, "json" | "xml" | "javascript" | "x-www-form-urlencoded" | "x-ndjson" | "yaml")
}

#[cfg(test)]
mod tests;
