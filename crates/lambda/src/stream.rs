//! Batches of a DynamoDB stream, in the records of the port, and the answer that says where to begin again.
//!
//! The event source needs `FunctionResponseTypes: [ReportBatchItemFailures]`, or its answer means nothing, and a
//! stream of old and new images. Image come out as `tenfold-aws` reads them from the table itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use smol_str::SmolStr;
use tenfold_aws::number;
use tenfold_ports::stream::Record;
use tenfold_ports::table::{Doc, Item, Key, Value};

pub use crate::sqs::BatchItemFailure;

/// A batch of changes, the oldest of each item first.
#[derive(Debug, Clone, Deserialize)]
pub struct StreamEvent {
    /// The changes; at least one.
    #[serde(rename = "Records", deserialize_with = "records")]
    pub records: Vec<Record>,
}

/// Where the batch begins again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamResponse {
    /// The first record that was not handled: it and all after it come again. None: all were handled.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

impl From<Option<SmolStr>> for StreamResponse {
    /// Of the sequence of the first record that has to come again.
    fn from(first: Option<SmolStr>) -> Self {
        let failure = first.map(|sequence| BatchItemFailure { item_identifier: sequence });
        Self { batch_item_failures: failure.into_iter().collect() }
    }
}

type Image = BTreeMap<SmolStr, AttributeJson>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRecord {
    dynamodb: RawChange,
    #[serde(default)]
    user_identity: Option<Identity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawChange {
    sequence_number: SmolStr,
    /// Seconds since 1970.
    approximate_creation_date_time: f64,
    keys: Image,
    old_image: Option<Image>,
    new_image: Option<Image>,
}

/// Who made a change, where nobody who called did.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    principal_id: Option<String>,
}

/// An attribute as DynamoDB writes it in JSON; bytes are in base64.
#[derive(Deserialize)]
enum AttributeJson {
    S(SmolStr),
    N(String),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(IgnoredAny),
    B(String),
    L(Vec<AttributeJson>),
    M(Image),
    #[serde(rename = "SS")]
    Texts(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "BS")]
    Blobs(Vec<String>),
}

fn records<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Record>, D::Error> {
    let raw = Vec::<RawRecord>::deserialize(deserializer)?;
    raw.into_iter().map(|record| record.read().map_err(serde::de::Error::custom)).collect()
}

impl RawRecord {
    fn read(self) -> Result<Record, String> {
        let RawChange { sequence_number, approximate_creation_date_time, keys, old_image, new_image } =
            self.dynamodb;
        let key = key(&keys).ok_or_else(|| {
            format!("record {sequence_number}: the keys `pk` and `sk`, both of text, were expected")
        })?;
        let milliseconds = (approximate_creation_date_time * 1000.0) as i64;
        let at = Timestamp::from_millisecond(milliseconds);
        let at = at.map_err(|e| format!("record {sequence_number}: {e}"))?;
        let image = |attributes: Option<Image>| attributes.map(|all| item(key.clone(), all)).transpose();
        let (old, new) = (image(old_image)?, image(new_image)?);
        let by = self.user_identity.and_then(|identity| identity.principal_id);
        let expired = by.as_deref() == Some("dynamodb.amazonaws.com");
        Ok(Record { sequence: sequence_number, key, old, new, at, expired })
    }
}

fn key(keys: &Image) -> Option<Key> {
    let part = |name: &str| match keys.get(name) {
        Some(AttributeJson::S(text)) => Some(text.clone()),
        _ => None,
    };
    Some(Key { pk: part("pk")?, sk: part("sk")? })
}

fn item(key: Key, attributes: Image) -> Result<Item, String> {
    let mut item = Item::new(key);
    for (name, value) in attributes {
        if name != "pk" && name != "sk" {
            item.set(name, value.value()?);
        }
    }
    Ok(item)
}

impl AttributeJson {
    fn value(self) -> Result<Value, String> {
        Ok(match self {
            Self::Bool(b) => Value::Bool(b),
            Self::S(text) => Value::S(text),
            Self::B(text) => Value::B(bytes(&text)?.into()),
            Self::N(n) => number::value(&n),
            other => Value::Doc(Doc::Json(other.json()?)),
        })
    }

    fn json(self) -> Result<Json, String> {
        Ok(match self {
            Self::Bool(b) => Json::Bool(b),
            Self::S(text) => Json::String(text.into()),
            Self::N(n) => number::json(&n),
            Self::Null(_) => Json::Null,
            Self::B(text) => bytes(&text)?.into(),
            Self::L(all) => Json::Array(all.into_iter().map(Self::json).collect::<Result<_, _>>()?),
            Self::M(all) => {
                let all = all.into_iter().map(|(name, value)| Ok((name.into(), value.json()?)));
                Json::Object(all.collect::<Result<_, String>>()?)
            }
            Self::Texts(all) => all.into(),
            Self::Numbers(all) => all.iter().map(|n| number::json(n)).collect(),
            Self::Blobs(all) => {
                let all = all.iter().map(|text| bytes(text).map(Json::from));
                Json::Array(all.collect::<Result<_, _>>()?)
            }
        })
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|e| format!("bytes that are no base64: {e}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenfold_ports::stream::Kind;

    use super::*;

    fn event() -> StreamEvent {
        serde_json::from_str(include_str!("../tests/events/dynamodb.json")).unwrap()
    }

    #[test]
    fn records_tell_what_changed_and_who_did() {
        let [inserted, modified, expired] = &event().records[..] else { panic!("three records") };
        assert_eq!(inserted.key, Key::new("order#1", "log#1"));
        assert_eq!((inserted.kind(), inserted.sequence.as_str()), (Kind::Insert, "111"));
        assert_eq!(inserted.at.as_millisecond(), 1_700_000_000_500);
        assert_eq!((modified.kind(), modified.expired), (Kind::Modify, false));
        assert_eq!((expired.kind(), expired.expired), (Kind::Remove, true));
    }

    #[test]
    fn attributes_are_those_of_the_table() {
        let event = event();
        let item = event.records[0].new.as_ref().unwrap();
        assert_eq!(item.number("n"), Ok(7));
        assert_eq!(item.text("t").unwrap(), "text");
        assert_eq!(item.get("on"), Some(&Value::Bool(true)));
        assert_eq!(item.bytes("b").unwrap().unwrap(), [0, 1].as_slice());
        let document =
            json!({"list": [1, 2.5, null, "x"], "set": ["a"], "deep": {"yes": true}, "raw": [0, 1]});
        assert_eq!(item.get("data"), Some(&Value::Doc(Doc::Json(document))));
        assert_eq!(item.get("pk"), None, "the key is no attribute");
    }

    #[test]
    fn a_record_of_another_table_is_refused_and_named() {
        let text = json!({"Records": [{"dynamodb": {
            "SequenceNumber": "9", "ApproximateCreationDateTime": 1, "Keys": {"id": {"S": "x"}},
        }}]});
        let error = serde_json::from_value::<StreamEvent>(text).unwrap_err().to_string();
        assert!(error.contains("record 9: the keys `pk` and `sk`"), "{error}");
    }

    #[test]
    fn the_answer_has_the_names_that_lambda_reads() {
        let again = StreamResponse::from(Some("111".into()));
        let expected = json!({"batchItemFailures": [{"itemIdentifier": "111"}]});
        assert_eq!(serde_json::to_value(again).unwrap(), expected);
        assert_eq!(StreamResponse::from(None), StreamResponse::default());
    }
}
