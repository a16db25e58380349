//! Items and values as DynamoDB's attribute values, and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value as Json};
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{Doc, Item, Key, Value};

/// The partition key's attribute.
pub(super) const PK: &str = "pk";
/// The sort key's attribute.
pub(super) const SK: &str = "sk";

/// An item as the SDK has it: its attributes by name.
pub type Attributes = HashMap<String, AttributeValue>;

pub(super) fn key(key: &Key) -> Attributes {
    HashMap::from([(PK.to_owned(), text(&key.pk)), (SK.to_owned(), text(&key.sk))])
}

pub(super) fn text(text: &SmolStr) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

pub(super) fn number(n: i64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

/// An item to write. A document that cannot be written as JSON refuses the call that would have stored it.
pub(super) fn item(item: &Item) -> Result<Attributes, CallError> {
    let mut attributes = key(&item.key);
    for (name, value) in item.attributes() {
        attributes.insert(name.to_owned(), to_attribute(value)?);
    }
    Ok(attributes)
}

pub(super) fn to_attribute(value: &Value) -> Result<AttributeValue, CallError> {
    Ok(match value {
        Value::Bool(b) => AttributeValue::Bool(*b),
        Value::N(n) => number(*n),
        Value::S(s) => text(s),
        Value::B(b) => AttributeValue::B(Blob::new(b.to_vec())),
        Value::Doc(doc) => {
            let json = doc.to_json();
            json_to_attribute(json.map_err(|e| CallError::Refused(format!("document: {e}")))?)
        }
    })
}

/// The item in the attributes that DynamoDB gives, in an answer or as an image of its stream. Sets become arrays, and
/// bytes inside of a document the array of numbers as which serde writes them.
///
/// # Errors
/// Refused: without its keys, both of text, it is no item of a Tenfold table.
pub fn read_item(mut attributes: Attributes) -> Result<Item, CallError> {
    let mut item = Item::new(take_key(&mut attributes)?);
    for (name, value) in attributes {
        item.set(name.into(), from_attribute(value));
    }
    Ok(item)
}

/// Takes the primary key out of `attributes`.
///
/// # Errors
/// Refused: one of its two attributes is not there, or is no text.
pub fn take_key(attributes: &mut Attributes) -> Result<Key, CallError> {
    let mut part = |name: &str| match attributes.remove(name) {
        Some(AttributeValue::S(text)) => Ok(SmolStr::from(text)),
        _ => Err(CallError::Refused(format!("an item without the text attribute `{name}`"))),
    };
    Ok(Key { pk: part(PK)?, sk: part(SK)? })
}

fn from_attribute(value: AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(b) => Value::Bool(b),
        AttributeValue::S(s) => Value::S(s.into()),
        AttributeValue::B(b) => Value::B(b.into_inner().into()),
        AttributeValue::N(n) => super::number::value(&n),
        other => Value::Doc(Doc::Json(attribute_to_json(other))),
    }
}

fn json_to_attribute(json: Json) -> AttributeValue {
    match json {
        Json::Null => AttributeValue::Null(true),
        Json::Bool(b) => AttributeValue::Bool(b),
        Json::Number(n) => AttributeValue::N(n.to_string()),
        Json::String(s) => AttributeValue::S(s),
        Json::Array(all) => AttributeValue::L(all.into_iter().map(json_to_attribute).collect()),
        Json::Object(map) => {
            AttributeValue::M(map.into_iter().map(|(k, v)| (k, json_to_attribute(v))).collect())
        }
    }
}

/// Total, so that an item that someone else wrote can be read: sets become arrays, and bytes the array of
/// numbers as which serde writes them.
fn attribute_to_json(value: AttributeValue) -> Json {
    match value {
        AttributeValue::Bool(b) => Json::Bool(b),
        AttributeValue::S(s) => Json::String(s),
        AttributeValue::N(n) => super::number::json(&n),
        AttributeValue::B(b) => bytes(b),
        AttributeValue::L(all) => all.into_iter().map(attribute_to_json).collect(),
        AttributeValue::M(map) => {
            Json::Object(map.into_iter().map(|(k, v)| (k, attribute_to_json(v))).collect::<Map<_, _>>())
        }
        AttributeValue::Ss(all) => all.into_iter().map(Json::String).collect(),
        AttributeValue::Ns(all) => all.iter().map(|n| super::number::json(n)).collect(),
        AttributeValue::Bs(all) => all.into_iter().map(bytes).collect(),
        _ => Json::Null,
    }
}

fn bytes(blob: Blob) -> Json {
    blob.into_inner().into_iter().map(Json::from).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
    struct Order {
        id: u64,
        price: i64,
        note: Option<String>,
        raw: Vec<u8>,
        kind: Kind,
    }

    #[derive(Debug, Clone, PartialEq, Hash, Serialize, Deserialize)]
    enum Kind {
        Plain,
        Parts(Vec<i64>),
    }

    #[test]
    fn an_item_comes_back_as_it_was_written() {
        let order =
            Order { id: u64::MAX, price: 1, note: None, raw: vec![0, 255], kind: Kind::Parts(vec![-1]) };
        let written = Item::new(Key::new("p", "s"))
            .with("on", true)
            .with("n", i64::MIN)
            .with("t", "text")
            .with("b", Bytes::from_static(b"\0\x01"))
            .with_doc(order.clone());
        let read = read_item(item(&written).unwrap()).unwrap();
        assert_eq!(read.key, written.key);
        for (name, value) in written.attributes() {
            assert_eq!(read.get(name), Some(value), "{name}");
        }
        assert_eq!(read.doc::<Order>().unwrap(), order);
        let plain = Order { kind: Kind::Plain, note: Some(String::new()), ..order };
        let read = read_item(item(&written.with_doc(plain.clone())).unwrap()).unwrap();
        assert_eq!(read.doc::<Order>().unwrap(), plain);
    }

    #[test]
    fn types_that_tenfold_does_not_write_are_read_as_documents() {
        let set = AttributeValue::Ns(vec!["1".into(), "2.5".into()]);
        assert_eq!(from_attribute(set), Value::Doc(Doc::Json(json!([1, 2.5]))));
        assert_eq!(from_attribute(AttributeValue::Null(true)), Value::Doc(Doc::Json(Json::Null)));
        assert_eq!(from_attribute(AttributeValue::N("1.5".into())), Value::Doc(Doc::Json(json!(1.5))));
        let blobs = AttributeValue::Bs(vec![Blob::new(vec![7])]);
        assert_eq!(from_attribute(blobs), Value::Doc(Doc::Json(json!([[7]]))));
    }

    #[test]
    fn an_item_without_text_keys_is_refused() {
        let error = read_item(HashMap::from([(PK.to_owned(), number(1))])).unwrap_err();
        assert!(matches!(error, CallError::Refused(why) if why.contains("`pk`")));
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            ".*".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::hash_map(".*", inner, 0..4).prop_map(|m| m.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_survives(json in json()) {
            prop_assert_eq!(attribute_to_json(json_to_attribute(json.clone())), json);
        }
    }
}
