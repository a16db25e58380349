//! What of the language is used, in the order in which it is written.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use crate::definition::policy::Retry;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Machine {
    pub comment: String,
    pub start_at: String,
    #[serde(serialize_with = "in_order")]
    pub states: Vec<(String, State)>,
}

#[derive(Serialize)]
#[serde(tag = "Type", rename_all_fields = "PascalCase")]
pub(super) enum State {
    Task(Task),
    Fail { error: &'static str, cause: &'static str },
    Succeed {},
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Task {
    pub resource: String,
    pub parameters: Json,
    /// `null`: what the task answers is dropped, and its input is its output.
    pub result_path: (),
    pub timeout_seconds: u32,
    pub retry: Vec<Retrier>,
    pub catch: Vec<Catcher>,
    #[serde(flatten)]
    pub then: Then,
}

#[derive(Serialize)]
pub(super) enum Then {
    Next(String),
    End(bool),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Catcher {
    pub error_equals: Vec<&'static str>,
    /// Beside the input, which goes on; without it the error would replace it.
    pub result_path: &'static str,
    pub next: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Retrier {
    error_equals: Vec<&'static str>,
    #[serde(flatten)]
    waits: Waits,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Waits {
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_seconds: Option<u32>,
    max_attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_delay_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter_strategy: Option<&'static str>,
}

impl Retrier {
    pub(super) fn never(errors: &[&'static str]) -> Self {
        let waits = Waits {
            interval_seconds: None,
            max_attempts: 0,
            backoff_rate: None,
            max_delay_seconds: None,
            jitter_strategy: None,
        };
        Self { error_equals: errors.to_vec(), waits }
    }

    pub(super) fn of(errors: &[&'static str], waits: Waits) -> Self {
        Self { error_equals: errors.to_vec(), waits }
    }
}

impl From<Retry> for Waits {
    fn from(retry: Retry) -> Self {
        Self {
            interval_seconds: Some(retry.interval),
            max_attempts: retry.attempts,
            backoff_rate: Some(retry.backoff),
            max_delay_seconds: Some(retry.max_delay),
            jitter_strategy: Some("FULL"),
        }
    }
}

/// JSON whose objects keep their order, whatever the features of `serde_json` are in a build.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Json {
    Text(String),
    #[serde(serialize_with = "in_order")]
    Map(Vec<(&'static str, Json)>),
    #[serde(serialize_with = "in_order")]
    Object(Vec<(SmolStr, Json)>),
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

fn in_order<K: Serialize, V: Serialize, S: Serializer>(
    pairs: &[(K, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, value) in pairs {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

/// As it is checked in.
pub(in crate::definition) fn pretty<T: Serialize>(value: &T) -> String {
    // Structs of text and numbers can always be written as JSON.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
