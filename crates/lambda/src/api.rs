//! API Gateway REST proxy events (payload version 1) as requests, and answers as proxy responses.
//!
//! The shapes are those of `aws_lambda_events`, of which this is a view. Where that crate is not AWS:
//!
//! * It is stricter: a header that HTTP does not allow (a blank in its name, a control character in its value) or
//!   whose value is `null` fails the whole event. Such headers are taken out before, and the request is answered with
//!   400, since a caller sent it.
//! * It is stricter, too, with what nobody reads here: `requestContext` and the `httpMethod` in it have to be there, as
//!   API Gateway sends them.
//! * It is laxer: a method that is empty becomes GET, which nobody sends, and a path may be absent, which fails the
//!   invocation here.
//! * Its maps of the query fail at a value that is `null`, part a single value at its commas, and panic when they are
//!   read and a name has an empty list of values; the query is read here, where neither is a value.
//! * Its `Body::from_maybe_encoded` panics at a body that is no base64; the body is decoded here.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use smol_str::SmolStr;
use tenfold_ports::api::{Fault, Request, Response};
use tenfold_ports::context::{CORRELATION_ID, clean_correlation_id};

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
    /// The event is one, of a request with headers that HTTP does not allow or that cannot go on as they are: its sender
    /// can mend it.
    #[error("the request has headers that are not allowed")]
    BadHeader {
        /// One for each of these headers.
        faults: Vec<Fault>,
        /// The request without them, which says to what it belongs.
        request: Box<Request>,
    },
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
    let mut event: Value = serde_json::from_str(event).map_err(NoRequest::not_proxied)?;
    let mut faults = take_bad_headers(&mut event);
    let query = take_query(&mut event)?;
    let event = ProxyRequest::deserialize(event).map_err(NoRequest::not_proxied)?;
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
    let path = below_base(whole, event.resource.as_deref(), &event.path_parameters);
    let seen = event.request_context.path.as_deref();
    let base = seen.and_then(|seen| seen.strip_suffix(path)).or_else(|| whole.strip_suffix(path));
    // As with the query.
    let mut headers = event.headers;
    headers.extend(event.multi_value_headers);
    let request =
        Request {
            method: event.http_method.as_str().to_ascii_uppercase().into(),
            base: base.unwrap_or_default().into(),
            path: path.into(),
            query,
            // What came as text is text.
            headers: by_name(headers.iter().filter_map(|(name, value)| {
                Some((name.as_str(), std::str::from_utf8(value.as_bytes()).ok()?))
            })),
            body,
            caller: event.request_context.identity.user_arn.filter(|arn| !arn.is_empty()).map(SmolStr::from),
        };
    faults.extend(wrong_correlation(&request));
    if faults.is_empty() {
        Ok(request)
    } else {
        Err(NoRequest::BadHeader { faults, request: Box::new(request) })
    }
}

/// Takes the headers that HTTP does not allow out of an event, and says what is wrong with each.
fn take_bad_headers(event: &mut Value) -> Vec<Fault> {
    let mut bad = BTreeMap::new();
    for map in ["headers", "multiValueHeaders"] {
        let Some(headers) = event.get_mut(map).and_then(Value::as_object_mut) else { continue };
        headers.retain(|name, value| match wrong_with(name, value) {
            None => true,
            Some(why) => {
                bad.insert(name.clone(), why);
                false
            }
        });
    }
    bad.into_iter().map(|(name, why)| Fault::new(format!("header:{name}"), why)).collect()
}

fn wrong_with(name: &str, value: &Value) -> Option<&'static str> {
    let is_well = |value: &Value| value.as_str().is_some_and(|text| HeaderValue::from_str(text).is_ok());
    if HeaderName::try_from(name).is_err() {
        return Some("the name has a character that RFC 9110 does not allow there, as a blank");
    }
    let all_well = match value {
        Value::Array(values) => values.iter().all(is_well),
        one => is_well(one),
    };
    (!all_well).then_some("the value is no text, or has a control character, which RFC 9110 does not allow")
}

/// Takes the query out of an event: pairs in the order of their names, the values of a name in theirs.
fn take_query(event: &mut Value) -> Result<Vec<(SmolStr, SmolStr)>, NoRequest> {
    type Single = BTreeMap<SmolStr, Option<SmolStr>>;
    type Multi = BTreeMap<SmolStr, Option<Vec<Option<SmolStr>>>>;
    let single: Option<Single> = take(event, "queryStringParameters")?;
    let multi: Option<Multi> = take(event, "multiValueQueryStringParameters")?;
    let single = single.into_iter().flatten().map(|(name, value)| (name, vec![value]));
    let multi = multi.into_iter().flatten().filter_map(|(name, values)| Some((name, values?)));
    // All values of a name are in the second; some senders of events leave it out.
    let all: BTreeMap<_, _> = single.chain(multi).collect();
    let pairs = all
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().flatten().map(move |value| (name.clone(), value)));
    Ok(pairs.collect())
}

fn take<T: DeserializeOwned>(event: &mut Value, name: &str) -> Result<T, NoRequest> {
    let value = event.get_mut(name).map(Value::take).unwrap_or_default();
    T::deserialize(value).map_err(|error| NoRequest::not_proxied(format!("{name}: {error}")))
}

/// What is wrong with a correlation id, where something is: it goes on as it came or not at all.
fn wrong_correlation(request: &Request) -> Option<Fault> {
    let mut values = request.header_values(CORRELATION_ID);
    let first = values.next()?;
    let why = if values.next().is_some() {
        "comes several times; one was expected"
    } else if clean_correlation_id(Some(first)).is_none() {
        "1 to 128 visible ASCII characters were expected"
    } else {
        return None;
    };
    Some(Fault::new(format!("header:{CORRELATION_ID}"), why))
}

/// The path without the base path of a custom domain: as many parts from its end as the resource has. A greedy
/// resource (`/requests/{name}/{path+}`) does not say how many: there it begins where the parts before the greedy one
/// are those of the resource and its parameters.
fn below_base<'a>(path: &'a str, resource: Option<&str>, parameters: &HashMap<String, String>) -> &'a str {
    let Some(resource) = resource.filter(|resource| resource.len() > 1) else { return path };
    if resource.ends_with("+}") {
        let fixed: Vec<_> = resource.split('/').skip(1).filter(|part| !part.ends_with("+}")).collect();
        return below_greedy(path, &fixed, parameters);
    }
    let parts = resource.matches('/').count();
    let from = path.trim_end_matches('/').rmatch_indices('/').nth(parts - 1);
    from.map_or(path, |(at, _)| &path[at..])
}

fn below_greedy<'a>(path: &'a str, fixed: &[&str], parameters: &HashMap<String, String>) -> &'a str {
    let is_part = |part: &str, of: &str| match of.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        Some(name) => parameters.get(name).is_none_or(|value| value == part || decoded(part) == *value),
        None => part == of,
    };
    let begins_here = |at: &usize| {
        let parts: Vec<_> = path[at + 1..].splitn(fixed.len() + 1, '/').collect();
        parts.len() > fixed.len() && parts.iter().zip(fixed).all(|(part, of)| is_part(part, of))
    };
    let from = path.match_indices('/').map(|(at, _)| at).find(begins_here);
    from.map_or(path, |at| &path[at..])
}

fn decoded(part: &str) -> Cow<'_, str> {
    percent_decode_str(part).decode_utf8_lossy()
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
