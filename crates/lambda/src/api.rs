//! API Gateway REST proxy events (payload version 1) as requests, and answers as proxy responses.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::api::{Request, Response};

/// An event that is no proxy event of API Gateway.
#[derive(Debug, thiserror::Error)]
#[error("not an API Gateway proxy event: {0}")]
pub struct NoProxyEvent(String);

type Single = HashMap<String, Option<String>>;
type Multi = HashMap<String, Option<Vec<String>>>;

/// What is used of the event. Every map can be `null`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyEvent {
    http_method: SmolStr,
    path: SmolStr,
    #[serde(default)]
    resource: Option<String>,
    #[serde(default)]
    request_context: Option<RequestContext>,
    headers: Option<Single>,
    multi_value_headers: Option<Multi>,
    query_string_parameters: Option<Single>,
    multi_value_query_string_parameters: Option<Multi>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
struct RequestContext {
    /// The path as the caller has it: with the stage, or the base path of a custom domain.
    path: Option<String>,
}

/// The request in an event. API Gateway has decoded query parameters and not the path. The event's `path` has no stage,
/// but the base path of a custom domain where there is one: what the resource says of it is the path.
///
/// # Errors
/// The event is of another shape, or says that its body is base64 where it is not.
pub fn request(event: &str) -> Result<Request, NoProxyEvent> {
    let event: ProxyEvent = serde_json::from_str(event).map_err(|e| NoProxyEvent(e.to_string()))?;
    if !event.path.starts_with('/') {
        return Err(NoProxyEvent(format!("path `{}` does not begin with /", event.path)));
    }
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        let decoded = STANDARD.decode(&body).map_err(|e| NoProxyEvent(format!("body: {e}")))?;
        Bytes::from(decoded)
    } else {
        Bytes::from(body)
    };
    let mut headers = values(event.headers, event.multi_value_headers);
    for (name, _) in &mut headers {
        *name = name.to_ascii_lowercase().into();
    }
    let path = below_base(&event.path, event.resource.as_deref());
    let seen = event.request_context.and_then(|context| context.path);
    let base = seen.as_deref().and_then(|seen| seen.strip_suffix(path.as_str())).map(SmolStr::from);
    let base = base.or_else(|| event.path.strip_suffix(path.as_str()).map(SmolStr::from)).unwrap_or_default();
    Ok(Request {
        method: event.http_method.to_ascii_uppercase().into(),
        base,
        path,
        query: values(event.query_string_parameters, event.multi_value_query_string_parameters),
        headers,
        body,
    })
}

/// The path without the base path of a custom domain: as many parts from its end as the resource has. A greedy
/// resource (`/{proxy+}`) does not say how many.
fn below_base(path: &SmolStr, resource: Option<&str>) -> SmolStr {
    let Some(resource) = resource.filter(|resource| resource.len() > 1 && !resource.ends_with("+}")) else {
        return path.clone();
    };
    let parts = resource.matches('/').count();
    let from = path.trim_end_matches('/').rmatch_indices('/').nth(parts - 1);
    from.map_or_else(|| path.clone(), |(at, _)| path[at..].into())
}

/// All values of each name, by name. Several values are in `multi`; some senders of events leave it out.
fn values(single: Option<Single>, multi: Option<Multi>) -> Vec<(SmolStr, SmolStr)> {
    let mut all: HashMap<String, Vec<String>> =
        single.into_iter().flatten().filter_map(|(name, value)| Some((name, vec![value?]))).collect();
    all.extend(multi.into_iter().flatten().filter_map(|(name, values)| Some((name, values?))));
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_unstable();
    let pairs = all.into_iter().flat_map(|(name, values)| {
        let name = SmolStr::from(name);
        values.into_iter().map(move |value| (name.clone(), SmolStr::from(value)))
    });
    pairs.collect()
}

/// The response that API Gateway expects of a proxy function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProxyResponse {
    status_code: u16,
    headers: HashMap<SmolStr, SmolStr>,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    multi_value_headers: HashMap<SmolStr, Vec<SmolStr>>,
    body: String,
    is_base64_encoded: bool,
}

impl From<Response> for ProxyResponse {
    fn from(response: Response) -> Self {
        let media = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let textual = media.is_none_or(|(_, media)| is_textual(media));
        let (body, is_base64_encoded) = match std::str::from_utf8(&response.body) {
            Ok(text) if textual => (text.to_owned(), false),
            _ => (STANDARD.encode(&response.body), true),
        };
        let mut multi: HashMap<SmolStr, Vec<SmolStr>> = HashMap::new();
        for (name, value) in response.headers {
            multi.entry(name).or_default().push(value);
        }
        let mut headers = HashMap::new();
        multi.retain(|name, values| {
            let repeated = values.len() > 1;
            if !repeated {
                headers.extend(values.pop().map(|value| (name.clone(), value)));
            }
            repeated
        });
        let status_code = response.status;
        Self { status_code, headers, multi_value_headers: multi, body, is_base64_encoded }
    }
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
