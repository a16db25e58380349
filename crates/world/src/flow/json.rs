//! A JSON value that many states share.

use std::cell::OnceCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::ops::Deref;
use std::rc::Rc;

use rustc_hash::FxHasher;
use serde_json::Value;

use super::error::{DATA_LIMIT_EXCEEDED, TaskError};

/// A JSON value. A clone shares it, and it is hashed and measured once, however many states hold it.
#[derive(Clone)]
pub struct SharedJson(Rc<Inner>);

struct Inner {
    value: Value,
    hash: OnceCell<u64>,
    size: OnceCell<usize>,
}

impl SharedJson {
    /// Shares a value.
    #[must_use]
    pub fn new(value: Value) -> Self {
        Self(Rc::new(Inner { value, hash: OnceCell::new(), size: OnceCell::new() }))
    }

    /// How many bytes the value takes as JSON text in UTF-8, without white space.
    #[must_use]
    pub fn size(&self) -> usize {
        *self.0.size.get_or_init(|| {
            let mut count = Count(0);
            // A count takes every byte, and all keys of a value are text.
            serde_json::to_writer(&mut count, &self.0.value).map_or(usize::MAX, |()| count.0)
        })
    }

    /// Refuses what no state or task may take or give.
    pub(super) fn within_limit(self) -> Result<Self, TaskError> {
        if self.size() <= MAX_PAYLOAD {
            return Ok(self);
        }
        let why = format!("{} bytes of JSON, and at most {MAX_PAYLOAD} are allowed", self.size());
        Err(TaskError::new(DATA_LIMIT_EXCEEDED, why))
    }

    /// The value itself, copied only where others share it.
    #[must_use]
    pub fn into_value(self) -> Value {
        Rc::try_unwrap(self.0).map_or_else(|shared| shared.value.clone(), |shared| shared.value)
    }
}

/// The largest input or output of a state or task, in bytes of JSON (developer guide, "Step Functions service
/// quotas").
const MAX_PAYLOAD: usize = 256 * 1024;

/// The beginning of a value, for a message.
pub(super) fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Deref for SharedJson {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0.value
    }
}

impl From<Value> for SharedJson {
    fn from(value: Value) -> Self {
        Self::new(value)
    }
}

impl PartialEq for SharedJson {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || self.0.value == other.0.value
    }
}

impl Eq for SharedJson {}

impl PartialEq<Value> for SharedJson {
    fn eq(&self, other: &Value) -> bool {
        self.0.value == *other
    }
}

impl Hash for SharedJson {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let hash = self.0.hash.get_or_init(|| {
            let mut hasher = FxHasher::default();
            self.0.value.hash(&mut hasher);
            hasher.finish()
        });
        state.write_u64(*hash);
    }
}

impl fmt::Display for SharedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}

impl fmt::Debug for SharedJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use proptest::prelude::*;
    use rustc_hash::FxBuildHasher;
    use serde_json::json;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[ -~é\\n\"]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]{0,2}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn equal_values_hash_equally_and_the_size_is_that_of_the_text(value in value()) {
            let (one, other) = (SharedJson::new(value.clone()), SharedJson::new(value.clone()));
            prop_assert_eq!(&one, &other);
            prop_assert_eq!(FxBuildHasher.hash_one(&one), FxBuildHasher.hash_one(&other));
            prop_assert_eq!(one.size(), value.to_string().len());
        }
    }

    #[test]
    fn values_that_differ_hash_differently() {
        let values = [json!(null), json!({}), json!([]), json!({"a": 1}), json!({"a": 2}), json!({"b": 1})];
        let hashes: std::collections::BTreeSet<u64> =
            values.iter().map(|v| FxBuildHasher.hash_one(SharedJson::new(v.clone()))).collect();
        assert_eq!(hashes.len(), values.len());
    }
}
