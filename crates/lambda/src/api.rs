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
pub struct BadEvent(String);

type Single = HashMap<String, Option<String>>;
type Multi = HashMap<String, Option<Vec<String>>>;

/// What is used of the event. Every map can be `null`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    http_method: SmolStr,
    path: SmolStr,
    headers: Option<Single>,
    multi_value_headers: Option<Multi>,
    query_string_parameters: Option<Single>,
    multi_value_query_string_parameters: Option<Multi>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The request in an event. API Gateway has decoded query parameters, and `path` has no stage.
///
/// # Errors
/// The event is of another shape, or says that its body is base64 where it is not.
pub fn request(event: &str) -> Result<Request, BadEvent> {
    let event: Event = serde_json::from_str(event).map_err(|e| BadEvent(e.to_string()))?;
    if !event.path.starts_with('/') {
        return Err(BadEvent(format!("path `{}` does not begin with /", event.path)));
    }
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        let decoded = STANDARD.decode(&body).map_err(|e| BadEvent(format!("body: {e}")))?;
        Bytes::from(decoded)
    } else {
        Bytes::from(body)
    };
    let mut headers: Vec<(SmolStr, SmolStr)> = last(event.headers, event.multi_value_headers);
    for (name, _) in &mut headers {
        *name = name.to_ascii_lowercase().into();
    }
    Ok(Request {
        method: event.http_method.to_ascii_uppercase().into(),
        path: event.path,
        query: last(event.query_string_parameters, event.multi_value_query_string_parameters),
        headers,
        body,
    })
}

/// The last value of each name, by name. Several values are in `multi`; some senders of events leave it out.
fn last(single: Option<Single>, multi: Option<Multi>) -> Vec<(SmolStr, SmolStr)> {
    let mut all: HashMap<String, String> =
        single.into_iter().flatten().filter_map(|(name, value)| Some((name, value?))).collect();
    let multi = multi.into_iter().flatten();
    all.extend(multi.filter_map(|(name, values)| Some((name, values?.pop()?))));
    let mut all: Vec<_> = all.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    all.sort_unstable();
    all
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
