//! Batches of a Kinesis data stream, and the changes of a table that come through one.
//!
//! The shapes are those of `aws_lambda_events`, of which [`KinesisBatch`] is a view. Where that crate is not AWS:
//!
//! * It is laxer: a record may be without a sequence number, which is refused here, since no answer could name it.
//! * It reads the digits behind the point of an arrival time as a whole number of milliseconds, so that `.25` s are 25 ms
//!   to it and `.1234` s fail the whole event. So the time is read here.
//!
//! What DynamoDB sends into a data stream has the shape of a stream's record, but two things are other, and the crate
//! does not know: the time is in milliseconds and not in seconds, and the sequence number is that of Kinesis. So
//! [`KinesisRecord::change`] reads both anew. A destination whose `ApproximateCreationDateTimePrecision` is
//! `MICROSECOND` the crate cannot read at all; leave it at `MILLISECOND`.
//!
//! The event source needs `FunctionResponseTypes: [ReportBatchItemFailures]`; the answer is that of
//! [`crate::stream::again_from`].

use aws_lambda_events::dynamodb::EventRecord;
use aws_lambda_events::kinesis::KinesisEvent;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, Unit};
use serde::Deserialize;
use serde_json::Value;
use smol_str::SmolStr;
use tenfold_ports::stream::Record;

/// A batch of records of one shard, the oldest first.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub struct KinesisBatch {
    /// The records; at least one.
    pub records: Vec<KinesisRecord>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KinesisRecord {
    /// Names the record within its shard: digits, not to be compared as text.
    pub sequence: SmolStr,
    /// What its sender chose to keep the order of.
    pub partition_key: SmolStr,
    /// What was sent, decoded.
    pub data: Bytes,
    /// When it arrived.
    pub at: Timestamp,
}

impl TryFrom<Value> for KinesisBatch {
    type Error = String;

    fn try_from(mut event: Value) -> Result<Self, String> {
        let records = event.get_mut("Records").and_then(Value::as_array_mut);
        let times: Vec<Option<f64>> = records.into_iter().flatten().map(take_arrival).collect();
        let event = KinesisEvent::deserialize(event).map_err(|e| e.to_string())?;
        let record = |(record, seconds): (aws_lambda_events::kinesis::KinesisRecord, Option<f64>)| {
            let sequence = SmolStr::from(record.sequence_number);
            if sequence.is_empty() {
                return Err("a record without a `sequenceNumber`".to_owned());
            }
            let at = arrival(seconds).map_err(|why| format!("record {sequence}: {why}"))?;
            Ok(KinesisRecord {
                sequence,
                partition_key: record.partition_key.into(),
                data: record.data.0.into(),
                at,
            })
        };
        let records = event.records.into_iter().map(|one| one.kinesis).zip(times).map(record);
        Ok(Self { records: records.collect::<Result<_, _>>()? })
    }
}

/// Takes a record's time out of an event, in seconds since 1970, and leaves one there that the crate reads.
fn take_arrival(record: &mut Value) -> Option<f64> {
    let time = record.get_mut("kinesis")?.get_mut("approximateArrivalTimestamp")?;
    std::mem::replace(time, 0.into()).as_f64()
}

fn arrival(seconds: Option<f64>) -> Result<Timestamp, String> {
    let seconds = seconds.ok_or("the `approximateArrivalTimestamp` is no number")?;
    let since = SignedDuration::try_from_secs_f64(seconds).map_err(|e| e.to_string())?;
    // A binary fraction is next to the decimal one that was sent.
    let at = Timestamp::from_duration(since).and_then(|at| at.round(Unit::Microsecond));
    at.map_err(|e| e.to_string())
}

impl KinesisRecord {
    /// The change of a table that DynamoDB sent as this record.
    ///
    /// # Errors
    /// The record is of somebody else, or of a table whose keys are not `pk` and `sk`; in words.
    pub fn change(&self) -> Result<Record, String> {
        let record: EventRecord = serde_json::from_slice(&self.data)
            .map_err(|e| format!("record {}: no change of a table: {e}", self.sequence))?;
        // Milliseconds that were taken for seconds.
        let at = record.change.approximate_creation_date_time.timestamp();
        crate::stream::read(record, self.sequence.clone(), at)
    }
}

#[cfg(test)]
mod tests {
    use tenfold_ports::stream::Kind;
    use tenfold_ports::table::Key;

    use super::*;

    const EVENT: &str = include_str!("../tests/events/kinesis.json");

    #[test]
    fn a_record_has_its_bytes_and_its_place() {
        let batch: KinesisBatch = serde_json::from_str(EVENT).unwrap();
        let first = &batch.records[0];
        assert_eq!(
            (first.partition_key.as_str(), &first.data[..]),
            ("1", b"Hello, this is a test.".as_slice())
        );
        assert_eq!(first.sequence, "49590338271490256608559692538361571095921575989136588898");
        assert_eq!(first.at.as_millisecond(), 1_545_084_650_987);
        let error = first.change().unwrap_err();
        assert!(error.contains(first.sequence.as_str()) && error.contains("no change of a table"), "{error}");
    }

    #[test]
    fn a_change_of_a_table_has_its_time_in_milliseconds_and_the_sequence_of_kinesis() {
        let batch: KinesisBatch = serde_json::from_str(EVENT).unwrap();
        let change = batch.records[1].change().unwrap();
        assert_eq!((change.key.clone(), change.kind()), (Key::new("order#1", "log#1"), Kind::Insert));
        assert_eq!(change.at.as_millisecond(), 1_700_000_000_500);
        assert_eq!(change.sequence, batch.records[1].sequence);
        assert_eq!(change.new.unwrap().number("n"), Ok(7));
    }

    #[test]
    fn an_arrival_is_read_as_the_fraction_of_a_second_that_it_is() {
        let batch: KinesisBatch = serde_json::from_str(EVENT).unwrap();
        assert_eq!(batch.records[1].at.to_string(), "2023-11-14T22:13:21.25Z");
        for (sent, microseconds) in
            [("7", 7_000_000), ("7.9", 7_900_000), ("7.025", 7_025_000), ("7.123456", 7_123_456)]
        {
            let event = EVENT.replace("1545084650.987", sent);
            let batch: KinesisBatch = serde_json::from_str(&event).unwrap();
            assert_eq!(batch.records[0].at.as_microsecond(), microseconds, "{sent}");
        }
        for bad in ["\"1545084650.987\"", "null", "1e300"] {
            let event = EVENT.replace("1545084650.987", bad);
            let error = serde_json::from_str::<KinesisBatch>(&event).unwrap_err().to_string();
            assert!(
                error.contains("record 49590338271490256608559692538361571095921575989136588898"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for bad in ["null", "[]", "{}", r#"{"Records": [1]}"#] {
            assert!(serde_json::from_str::<KinesisBatch>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_change_without_its_time_is_refused() {
        let mut batch: KinesisBatch = serde_json::from_str(EVENT).unwrap();
        let mut change: Value = serde_json::from_slice(&batch.records[1].data).unwrap();
        change["dynamodb"].as_object_mut().unwrap().remove("ApproximateCreationDateTime");
        batch.records[1].data = change.to_string().into();
        let error = batch.records[1].change().unwrap_err();
        assert!(error.contains("ApproximateCreationDateTime"), "{error}");
    }

    #[test]
    fn a_record_that_no_answer_could_name_is_refused() {
        let event = EVENT.replace("sequenceNumber", "number");
        let error = serde_json::from_str::<KinesisBatch>(&event).unwrap_err().to_string();
        assert!(error.contains("sequenceNumber"), "{error}");
    }
}
