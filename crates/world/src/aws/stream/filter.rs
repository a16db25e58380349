//! Which records a mapping wants.

use std::borrow::Cow;

use tenfold_ports::stream::Record;
use tenfold_ports::table::{Item, Key, Value};

use crate::pattern::{BadPattern, EventNode, EventPattern, Leaf};

/// Filter criteria over the records of a stream, by Lambda's developer guide ("Using event filtering with a
/// DynamoDB event source"): `{"dynamodb": {"NewImage": {"kind": {"S": ["log"]}}}}`. Cheap to clone.
///
/// Numbers are text there, so `numeric` matches none of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordFilter(EventPattern);

impl RecordFilter {
    /// Reads a pattern of JSON, one of `FilterCriteria`'s.
    ///
    /// # Errors
    /// It is none, or looks at something else than `eventName`, `userIdentity.type`,
    /// `userIdentity.principalId` and the text (`S`), numbers (`N`) and truth values (`BOOL`) of
    /// `dynamodb.Keys`, `NewImage` and `OldImage`.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let pattern = EventPattern::parse(text)?;
        match pattern.paths().iter().find(|path| !known(path)) {
            None => Ok(Self(pattern.clone())),
            Some(path) => Err(BadPattern::new(
                &path.join("."),
                "is not looked at; eventName, userIdentity.type, userIdentity.principalId and \
                 dynamodb.<Keys, NewImage or OldImage>.<attribute>.<S, N or BOOL> are",
            )),
        }
    }

    pub(super) fn passes(&self, record: &Record) -> bool {
        self.0.matches(At::Record(record))
    }
}

fn known(path: &[&str]) -> bool {
    match path {
        ["eventName"] | ["userIdentity", "type" | "principalId"] => true,
        ["dynamodb", image, _, kind] => {
            matches!(*image, "Keys" | "NewImage" | "OldImage") && matches!(*kind, "S" | "N" | "BOOL")
        }
        _ => false,
    }
}

/// A place in a record.
#[derive(Clone, Copy)]
enum At<'a> {
    Record(&'a Record),
    /// Who removed the item, where DynamoDB did.
    Service,
    Change(&'a Record),
    Keys(&'a Key),
    Image(&'a Item),
    KeyPart(&'a str),
    Value(&'a Value),
    Text(&'a str),
    Number(i64),
    Bool(bool),
}

fn key_part<'a>(key: &'a Key, name: &str) -> Option<At<'a>> {
    match name {
        "pk" => Some(At::KeyPart(&key.pk)),
        "sk" => Some(At::KeyPart(&key.sk)),
        _ => None,
    }
}

impl EventNode for At<'_> {
    fn field(self, name: &str) -> Option<Self> {
        match (self, name) {
            (Self::Record(record), "eventName") => Some(Self::Text(record.kind().name())),
            (Self::Record(record), "userIdentity") => record.expired.then_some(Self::Service),
            (Self::Record(record), "dynamodb") => Some(Self::Change(record)),
            (Self::Service, "type") => Some(Self::Text("Service")),
            (Self::Service, "principalId") => Some(Self::Text("dynamodb.amazonaws.com")),
            (Self::Change(record), "Keys") => Some(Self::Keys(&record.key)),
            (Self::Change(record), "NewImage") => record.new.as_ref().map(Self::Image),
            (Self::Change(record), "OldImage") => record.old.as_ref().map(Self::Image),
            (Self::Keys(key), name) => key_part(key, name),
            (Self::Image(item), name) => {
                key_part(&item.key, name).or_else(|| item.get(name).map(Self::Value))
            }
            (Self::KeyPart(text), "S") => Some(Self::Text(text)),
            (Self::Value(Value::S(text)), "S") => Some(Self::Text(text)),
            (Self::Value(Value::N(number)), "N") => Some(Self::Number(*number)),
            (Self::Value(Value::Bool(truth)), "BOOL") => Some(Self::Bool(*truth)),
            _ => None,
        }
    }

    fn leaf(&self) -> Option<Leaf<'_>> {
        match self {
            Self::Text(text) => Some(Leaf::Text(Cow::Borrowed(text))),
            Self::Number(number) => Some(Leaf::Text(Cow::Owned(number.to_string()))),
            Self::Bool(truth) => Some(Leaf::Bool(*truth)),
            _ => None,
        }
    }
}
