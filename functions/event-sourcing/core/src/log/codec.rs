//! Events as bytes, and back: also those that an older program wrote.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;

use crate::aggregate::DomainEvent;

/// An event that this program does not know: a newer one wrote it, or it is damaged. It says nothing of the event's data,
/// which may be personal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("event `{type_name}` of schema {schema} cannot be read: {why}")]
pub struct UnknownEvent {
    /// The type of the event.
    pub type_name: SmolStr,
    /// Its schema.
    pub schema: u32,
    /// What is wrong with it.
    pub why: String,
}

/// An event as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "type")]
    type_name: SmolStr,
    #[serde(default = "first", skip_serializing_if = "is_first")]
    schema: u32,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    data: Value,
}

const fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
const fn is_first(schema: &u32) -> bool {
    *schema == 1
}

/// Writes events as bytes.
///
/// # Errors
/// An event cannot be written as `{"type": …, "data": …}`.
pub fn encode<E: DomainEvent>(events: &[E]) -> Result<Vec<u8>, serde_json::Error> {
    let stored = events.iter().map(|event| {
        let mut stored: Stored = serde_json::from_value(serde_json::to_value(event)?)?;
        stored.schema = E::schema(&stored.type_name);
        Ok(stored)
    });
    serde_json::to_vec(&stored.collect::<Result<Vec<Stored>, serde_json::Error>>()?)
}

/// Reads events, each as one of today's schema.
///
/// # Errors
/// One of them is not known here.
pub fn decode<E: DomainEvent>(bytes: &[u8]) -> Result<Vec<E>, UnknownEvent> {
    let unreadable = |error: serde_json::Error| UnknownEvent {
        type_name: SmolStr::new_static("?"),
        schema: 0,
        why: format!("no list of events: {}", without_data(&error)),
    };
    let stored: Vec<Stored> = serde_json::from_slice(bytes).map_err(unreadable)?;
    stored.into_iter().map(decode_one).collect()
}

fn decode_one<E: DomainEvent>(stored: Stored) -> Result<E, UnknownEvent> {
    let Stored { type_name, schema, mut data } = stored;
    let unknown = |why: String| UnknownEvent { type_name: type_name.clone(), schema, why };
    let current = E::schema(&type_name);
    if schema > current {
        return Err(unknown(format!("this program writes schema {current}; a newer one has written it")));
    }
    for from in schema..current {
        data = E::upcast(&type_name, from, data).map_err(unknown)?;
    }
    let mut event = json!({ "type": type_name });
    if !data.is_null() {
        event["data"] = data;
    }
    serde_json::from_value(event).map_err(|error| unknown(without_data(&error)))
}

/// Returns what is wrong without the words of an error in which a value of the data may be quoted.
fn without_data(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "its type or a field is not known here",
        _ => "it is no JSON",
    };
    format!("{kind} (column {})", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", content = "data", rename_all = "camelCase")]
    enum Event {
        Named { first: String, last: String },
        Left,
    }

    impl DomainEvent for Event {
        fn schema(type_name: &str) -> u32 {
            if type_name == "named" { 3 } else { 1 }
        }

        fn upcast(_: &str, schema: u32, mut data: Value) -> Result<Value, String> {
            // It was called otherwise.
            if schema == 1 {
                return Ok(json!({ "whole": data["name"].take() }));
            }
            let whole = data["whole"].as_str().ok_or("`whole` is no text")?;
            let (first, last) = whole.split_once(' ').ok_or("`whole` is one word")?;
            Ok(json!({ "first": first, "last": last }))
        }
    }

    #[test]
    fn what_was_written_reads_as_it_was() {
        let events = vec![Event::Named { first: "Ada".into(), last: "L".into() }, Event::Left];
        let bytes = encode(&events).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert_eq!(
            text,
            r#"[{"type":"named","schema":3,"data":{"first":"Ada","last":"L"}},{"type":"left"}]"#
        );
        assert_eq!(decode::<Event>(&bytes).unwrap(), events);
    }

    #[test]
    fn an_event_of_an_older_schema_is_taken_through_every_step() {
        let named = vec![Event::Named { first: "Ada".into(), last: "L".into() }];
        for old in [
            r#"[{"type":"named","data":{"name":"Ada L"}}]"#,
            r#"[{"type":"named","schema":2,"data":{"whole":"Ada L"}}]"#,
        ] {
            assert_eq!(decode::<Event>(old.as_bytes()).unwrap(), named);
        }
    }

    #[test]
    fn what_is_not_known_is_named_and_its_data_are_not_told() {
        for (bad, name) in [
            (r#"[{"type":"named","schema":4,"data":{"secret":"Ada"}}]"#, "named"),
            (r#"[{"type":"moved","data":{"secret":"Ada"}}]"#, "moved"),
            (r#"[{"type":"named","schema":2,"data":{"whole":"Ada"}}]"#, "named"),
            (r#"[{"type":"named","schema":3,"data":{"first":"Ada"}}]"#, "named"),
            (r#"{"Ada":1}"#, "?"),
        ] {
            let error = decode::<Event>(bad.as_bytes()).unwrap_err();
            assert_eq!(error.type_name, name);
            assert!(!error.to_string().contains("Ada"), "{error}");
        }
    }
}
