//! DynamoDB's numbers, which travel as text.

use serde_json::{Number, Value as Json};
use tenfold_ports::table::{Doc, Value};

/// The number as an attribute's value: a whole one of 64 bits as itself, any other as a document.
pub(super) fn value(text: &str) -> Value {
    text.parse().map_or_else(|_| Value::Doc(Doc::Json(json(text))), Value::N)
}

/// The number as JSON. DynamoDB keeps 38 digits; what JSON's numbers cannot hold loses its last ones, and text that is
/// no number is `null`.
pub(super) fn json(text: &str) -> Json {
    let whole = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    let number = whole.ok().or_else(|| Number::from_f64(text.parse().ok()?));
    number.map_or(Json::Null, Json::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_as_exact_as_json_can_be() {
        assert_eq!(value("-9223372036854775808"), Value::N(i64::MIN));
        assert_eq!(value("18446744073709551615"), Value::Doc(Doc::Json(json!(u64::MAX))));
        assert_eq!(value("2.5"), Value::Doc(Doc::Json(json!(2.5))));
        assert_eq!(json("x"), Json::Null);
    }
}
