//! How large a document is, as DynamoDB counts, without writing it down.
//!
//! By its developer guide ("DynamoDB item sizes and formats"): text takes its bytes, a number about a byte for two
//! digits and one more, null and truth values one, a list or map three and one for each entry, with the names.

use std::fmt::{self, Display, Write};

use serde::Serialize;
use serde::ser::{self, Serializer};
use serde_json::Value as Json;

/// The size of a document. What is rare is written down first.
pub(super) fn size<T: Serialize>(document: &T) -> Result<usize, serde_json::Error> {
    match document.serialize(VALUE) {
        Ok(size) => Ok(size),
        Err(Uncounted) => Ok(of_json(&serde_json::to_value(document)?)),
    }
}

fn of_json(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) => 1,
        Json::Number(n) => number(n.to_string().len()),
        Json::String(text) => text.len(),
        Json::Array(all) => 3 + all.iter().map(|each| 1 + of_json(each)).sum::<usize>(),
        Json::Object(map) => 3 + map.iter().map(|(k, v)| 1 + k.len() + of_json(v)).sum::<usize>(),
    }
}

/// A number of so many characters.
const fn number(characters: usize) -> usize {
    characters.div_ceil(2) + 1
}

const fn digits(n: u64) -> usize {
    match n.checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    }
}

/// What is not counted by itself: floating point, bytes, and names that are no text.
#[derive(Debug)]
struct Uncounted;

impl Display for Uncounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not counted")
    }
}

impl std::error::Error for Uncounted {}

impl ser::Error for Uncounted {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Gives the size of what is serialized.
struct Count {
    /// Whether it is the name of an entry, which is text.
    is_name: bool,
}

const VALUE: Count = Count { is_name: false };

/// The entries of a list or map so far.
struct Entries {
    bytes: usize,
    /// What there is around them.
    outside: usize,
}

const LIST: Entries = Entries { bytes: 3, outside: 0 };

/// A list or map under the name of its variant.
const fn of_variant(name: &str) -> Entries {
    Entries { bytes: 3, outside: 3 + 1 + name.len() }
}

impl Entries {
    fn add<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Uncounted> {
        self.bytes += 1 + name.len() + value.serialize(VALUE)?;
        Ok(())
    }

    const fn whole(self) -> usize {
        self.outside + self.bytes
    }
}

/// Counts text as it is written.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

type Counted = Result<usize, Uncounted>;

macro_rules! whole_numbers {
    ($($name:ident $type:ty),*) => {$(
        fn $name(self, n: $type) -> Counted {
            if self.is_name {
                return Err(Uncounted);
            }
            #[allow(unused_comparisons, reason = "some are never below 0")]
            let sign = usize::from(n < 0);
            #[allow(clippy::cast_lossless, reason = "of each type")]
            Ok(number(sign + digits((n as i128).unsigned_abs() as u64)))
        }
    )*};
}

impl Serializer for Count {
    type Ok = usize;
    type Error = Uncounted;
    type SerializeSeq = Entries;
    type SerializeTuple = Entries;
    type SerializeTupleStruct = Entries;
    type SerializeTupleVariant = Entries;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    whole_numbers! {
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64
    }

    fn serialize_bool(self, _: bool) -> Counted {
        if self.is_name { Err(Uncounted) } else { Ok(1) }
    }

    fn serialize_f32(self, _: f32) -> Counted {
        Err(Uncounted)
    }

    fn serialize_f64(self, _: f64) -> Counted {
        Err(Uncounted)
    }

    fn serialize_char(self, c: char) -> Counted {
        Ok(c.len_utf8())
    }

    fn serialize_str(self, text: &str) -> Counted {
        Ok(text.len())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Counted {
        let mut length = Length(0);
        write!(length, "{value}").map_err(|_| Uncounted)?;
        Ok(length.0)
    }

    fn serialize_bytes(self, _: &[u8]) -> Counted {
        Err(Uncounted)
    }

    fn serialize_none(self) -> Counted {
        Ok(1)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Counted {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Counted {
        Ok(1)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Counted {
        Ok(1)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Counted {
        Ok(variant.len())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Counted {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Counted {
        Ok(3 + 1 + variant.len() + value.serialize(self)?)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Entries, Uncounted> {
        Ok(LIST)
    }

    fn serialize_tuple(self, _: usize) -> Result<Entries, Uncounted> {
        Ok(LIST)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Entries, Uncounted> {
        Ok(LIST)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries, Uncounted> {
        Ok(of_variant(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, Uncounted> {
        Ok(LIST)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, Uncounted> {
        Ok(LIST)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries, Uncounted> {
        Ok(of_variant(variant))
    }
}

macro_rules! lists {
    ($($list:ident $add:ident),*) => {$(
        impl ser::$list for Entries {
            type Ok = usize;
            type Error = Uncounted;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Uncounted> {
                self.add("", value)
            }

            fn end(self) -> Counted {
                Ok(self.whole())
            }
        }
    )*};
}

lists! {
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
}

macro_rules! structs {
    ($($of:ident),*) => {$(
        impl ser::$of for Entries {
            type Ok = usize;
            type Error = Uncounted;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Uncounted> {
                self.add(name, value)
            }

            fn end(self) -> Counted {
                Ok(self.whole())
            }
        }
    )*};
}

structs! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Entries {
    type Ok = usize;
    type Error = Uncounted;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Uncounted> {
        self.bytes += 1 + name.serialize(Count { is_name: true })?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Uncounted> {
        self.bytes += value.serialize(VALUE)?;
        Ok(())
    }

    fn end(self) -> Counted {
        Ok(self.whole())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    /// All kinds of values.
    #[derive(Serialize)]
    enum Kind {
        Unit,
        Newtype(i64),
        Tuple(u8, &'static str),
        Struct { a: Option<bool>, b: [i32; 3] },
    }

    #[derive(Serialize)]
    struct All {
        kinds: Vec<Kind>,
        #[serde(rename = "n")]
        numbers: (u64, i8, i64, u16),
        nothing: Option<()>,
        by_number: BTreeMap<u32, char>,
        by_truth: BTreeMap<bool, f64>,
        #[serde(flatten)]
        flat: BTreeMap<String, String>,
        date: jiff::civil::Date,
    }

    #[test]
    fn a_document_is_counted_as_its_json_is() {
        let numbers = (u64::MAX, -7, i64::MIN, 0);
        let kinds = [Kind::Unit, Kind::Newtype(-1000), Kind::Tuple(255, "ä\"\n")];
        let structs = Kind::Struct { a: Some(true), b: [0, 10, -100] };
        let flat = BTreeMap::from([("c".to_owned(), "text".to_owned())]);
        let all = All {
            kinds: kinds.into_iter().chain([structs]).collect(),
            numbers,
            nothing: None,
            by_number: BTreeMap::from([(17, 'x'), (5, '€')]),
            by_truth: BTreeMap::from([(true, -0.25)]),
            flat,
            date: jiff::civil::date(2030, 1, 2),
        };
        assert_eq!(size(&all).unwrap(), of_json(&serde_json::to_value(&all).unwrap()));
        assert_eq!(size(&all.kinds).unwrap(), of_json(&serde_json::to_value(&all.kinds).unwrap()));
        assert!(all.kinds.serialize(VALUE).is_ok() && all.serialize(VALUE).is_err());
        for json in
            [json!(null), json!([[], {}]), json!({"a": 1.5e300, "b": [true, -5, "x"]}), json!({"a": 10})]
        {
            assert_eq!(size(&json).unwrap(), of_json(&json), "{json}");
        }
    }
}
