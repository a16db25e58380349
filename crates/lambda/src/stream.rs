//! Changes of a table, in the records of the port: from DynamoDB's own stream, or through a Kinesis data stream.
//!
//! The shapes are those of `aws_lambda_events`, of which [`StreamBatch`] is a view; images are read by the reader that
//! `tenfold-aws` has for the table itself. The crate is stricter than needed: a record has to have its `eventID`,
//! `eventName`, `awsRegion` and `SizeBytes`, all of which AWS sends. It is laxer: keys, a sequence number and the time
//! may be absent (it makes 1970 of the time), which is refused here. It drops the fraction of a second at which a change
//! was made; Lambda sends none.
//!
//! The event source needs `FunctionResponseTypes: [ReportBatchItemFailures]`, or the answer means nothing, and a
//! stream of old and new images.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use jiff::Timestamp;
use serde::Deserialize;
use smol_str::SmolStr;
use tenfold_aws::table::{Attributes, read_item, take_key};
use tenfold_ports::stream::Record;
use tenfold_ports::table::Item;

/// Where a batch begins again. Lambda reads the same of both kinds of stream.
pub use aws_lambda_events::streams::KinesisEventResponse as StreamResponse;

/// A batch of changes, the oldest of each item first.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Event")]
pub struct StreamBatch {
    /// The changes; at least one.
    pub records: Vec<Record>,
}

/// Where the batch begins again: at the first record that was not handled, and all after it come again too. Of none if
/// all were handled.
#[must_use]
pub fn again_from(first: Option<SmolStr>) -> StreamResponse {
    let mut response = StreamResponse::default();
    response.set_failures(first);
    response
}

impl TryFrom<Event> for StreamBatch {
    type Error = String;

    fn try_from(event: Event) -> Result<Self, String> {
        let of = |record: EventRecord| {
            let sequence =
                record.change.sequence_number.clone().ok_or("a record without a `SequenceNumber`")?;
            let at = record.change.approximate_creation_date_time.timestamp_millis();
            read(record, sequence.into(), at)
        };
        Ok(Self { records: event.records.into_iter().map(of).collect::<Result<_, String>>()? })
    }
}

/// The change in a record, which was made at the millisecond `at` since 1970; 0 is no time.
pub(crate) fn read(record: EventRecord, sequence: SmolStr, at: i64) -> Result<Record, String> {
    let change = record.change;
    let mut keys = Attributes::from(change.keys);
    let key = take_key(&mut keys)
        .map_err(|_| format!("record {sequence}: the keys `pk` and `sk`, both of text, were expected"))?;
    // An image that did not come is empty; one that came has its keys at least.
    let image = |image: serde_dynamo::Item| -> Result<Option<Item>, String> {
        let attributes = Attributes::from(image);
        let item = (!attributes.is_empty()).then(|| read_item(attributes)).transpose();
        item.map_err(|error| format!("record {sequence}: {error}"))
    };
    let (old, new) = (image(change.old_image)?, image(change.new_image)?);
    if at == 0 {
        return Err(format!("record {sequence}: without an `ApproximateCreationDateTime`"));
    }
    let at = Timestamp::from_millisecond(at).map_err(|e| format!("record {sequence}: {e}"))?;
    let expired =
        record.user_identity.is_some_and(|identity| identity.principal_id == "dynamodb.amazonaws.com");
    Ok(Record { sequence, key, old, new, at, expired })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenfold_ports::stream::Kind;
    use tenfold_ports::table::{Doc, Key, Value};

    use super::*;

    const EVENT: &str = include_str!("../tests/events/dynamodb.json");

    fn batch() -> StreamBatch {
        serde_json::from_str(EVENT).unwrap()
    }

    #[test]
    fn records_tell_what_changed_and_who_did() {
        let [inserted, modified, expired] = &batch().records[..] else { panic!("three records") };
        assert_eq!(inserted.key, Key::new("order#1", "log#1"));
        assert_eq!((inserted.kind(), inserted.sequence.as_str()), (Kind::Insert, "111"));
        assert_eq!(inserted.at.as_millisecond(), 1_700_000_000_000);
        assert_eq!((modified.kind(), modified.expired), (Kind::Modify, false));
        assert_eq!((expired.kind(), expired.expired), (Kind::Remove, true));
    }

    #[test]
    fn attributes_are_those_of_the_table() {
        let batch = batch();
        let item = batch.records[0].new.as_ref().unwrap();
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
        let error = refused(|record| record["dynamodb"]["Keys"] = json!({"id": {"S": "x"}}));
        assert!(error.contains("record 111: the keys `pk` and `sk`"), "{error}");
    }

    /// What the crate takes and AWS does not send.
    #[test]
    fn a_record_that_no_answer_could_name_is_refused() {
        let error = refused(|record| {
            record["dynamodb"].as_object_mut().unwrap().remove("SequenceNumber");
        });
        assert!(error.contains("SequenceNumber"), "{error}");
    }

    /// The crate takes it for one of 1970.
    #[test]
    fn a_record_without_its_time_is_refused_and_named() {
        let error = refused(|record| {
            record["dynamodb"].as_object_mut().unwrap().remove("ApproximateCreationDateTime");
        });
        assert!(error.contains("record 111: without an `ApproximateCreationDateTime`"), "{error}");
    }

    /// What AWS sends always and the crate cannot do without.
    #[test]
    fn fields_that_nobody_reads_have_to_be_there() {
        for needed in ["eventID", "eventName", "awsRegion"] {
            let error = refused(|record| {
                record.as_object_mut().unwrap().remove(needed);
            });
            assert!(error.contains(needed), "{error}");
        }
    }

    /// The error of the batch whose first record is changed.
    fn refused(change: impl Fn(&mut serde_json::Value)) -> String {
        let mut event: serde_json::Value = serde_json::from_str(EVENT).unwrap();
        change(&mut event["Records"][0]);
        serde_json::from_value::<StreamBatch>(event).unwrap_err().to_string()
    }

    #[test]
    fn the_answer_has_the_names_that_lambda_reads() {
        let expected = json!({"batchItemFailures": [{"itemIdentifier": "111"}]});
        assert_eq!(serde_json::to_value(again_from(Some("111".into()))).unwrap(), expected);
        assert_eq!(serde_json::to_value(again_from(None)).unwrap(), json!({"batchItemFailures": []}));
    }
}
