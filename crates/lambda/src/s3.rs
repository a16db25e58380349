//! What a bucket says of its objects, as it comes to a function, or in the body of a message of a queue or topic.
//!
//! The shape is that of `aws_lambda_events`, of which [`BucketEvent`] is a view. The crate is laxer than S3: a bucket's
//! name and a key may be absent, which is refused here. It gives keys as S3 sends them, in the encoding of forms; the
//! view decodes them. It does not know the event that S3 sends once to try a new destination; that is an event of no
//! object.

use aws_lambda_events::s3::{S3Event, S3EventRecord};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use smol_str::SmolStr;

/// What happened in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct BucketEvent {
    /// One for each change of an object; none in the event that tries a destination.
    pub changes: Vec<ObjectChange>,
}

/// What happened to an object. S3 tells it at least once, and not always in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectChange {
    /// What happened, for instance `ObjectCreated:Put`.
    pub event: SmolStr,
    /// The bucket's name.
    pub bucket: SmolStr,
    /// The object's key, decoded.
    pub key: String,
    /// Its size in bytes; none where it was removed.
    pub size: Option<u64>,
    /// Its version, in a bucket that has versions.
    pub version: Option<SmolStr>,
    /// Its entity tag.
    pub etag: Option<SmolStr>,
    /// Orders the changes of one key: a hexadecimal number, to be compared after padding the shorter on its right.
    pub sequencer: Option<SmolStr>,
    /// When it happened.
    pub at: Timestamp,
}

impl TryFrom<Value> for BucketEvent {
    type Error = String;

    fn try_from(event: Value) -> Result<Self, String> {
        if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
            return Ok(Self { changes: Vec::new() });
        }
        let event = S3Event::deserialize(event).map_err(|e| e.to_string())?;
        Ok(Self { changes: event.records.into_iter().map(change).collect::<Result<_, _>>()? })
    }
}

fn change(record: S3EventRecord) -> Result<ObjectChange, String> {
    let object = record.s3.object;
    let bucket = record.s3.bucket.name.ok_or("a record without a bucket's `name`")?;
    let encoded = object.key.ok_or_else(|| format!("a record of the bucket {bucket} without a `key`"))?;
    let spaced = encoded.replace('+', " ");
    let key = percent_decode_str(&spaced).decode_utf8();
    let key =
        key.map_err(|_| format!("the key `{encoded}` of the bucket {bucket} is no UTF-8"))?.into_owned();
    let at = Timestamp::from_millisecond(record.event_time.timestamp_millis()).map_err(|e| e.to_string())?;
    Ok(ObjectChange {
        event: record.event_name.unwrap_or_default().into(),
        bucket: bucket.into(),
        key,
        size: object.size.and_then(|size| u64::try_from(size).ok()),
        version: object.version_id.map(SmolStr::from),
        etag: object.e_tag.map(SmolStr::from),
        sequencer: object.sequencer.map(SmolStr::from),
        at,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EVENT: &str = include_str!("../tests/events/s3.json");

    #[test]
    fn a_key_is_decoded() {
        let event: BucketEvent = serde_json::from_str(EVENT).unwrap();
        let [put] = &event.changes[..] else { panic!("one change") };
        assert_eq!((put.bucket.as_str(), put.key.as_str()), ("claims", "in/a photo+1 é.jpg"));
        assert_eq!(
            (put.event.as_str(), put.size, put.version.as_deref()),
            ("ObjectCreated:Put", Some(1024), None)
        );
        assert_eq!(put.at.to_string(), "1970-01-01T00:00:00.001Z");
        assert_eq!(put.sequencer.as_deref(), Some("0A1B2C3D4E5F678901"));
    }

    #[test]
    fn the_event_that_tries_a_destination_is_of_no_object() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014-10-13T15:57:02.089Z",
            "Bucket": "claims", "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4"});
        assert_eq!(serde_json::from_value::<BucketEvent>(test).unwrap().changes, []);
    }

    /// What the crate takes and S3 does not send.
    #[test]
    fn an_object_without_a_key_is_refused() {
        let error =
            serde_json::from_str::<BucketEvent>(&EVENT.replace("\"key\"", "\"k\"")).unwrap_err().to_string();
        assert!(error.contains("without a `key`"), "{error}");
    }
}
