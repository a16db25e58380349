//! Batches of records, what comes of them, and what is told of those that were given up.

use std::rc::Rc;

use jiff::Timestamp;
use serde_json::json;
use smol_str::SmolStr;
use tenfold_ports::Bytes;
use tenfold_ports::stream::Record;

/// A batch on its way to a function.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Batch {
    /// Which mapping.
    pub mapping: usize,
    /// Which shard.
    pub shard: usize,
    /// The records, in order; at least one.
    pub records: Vec<Rc<Record>>,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BatchOutcome {
    /// The function answered: the sequences of the records that it could not take, none when all is well. One
    /// that is not of the batch fails the batch as a whole.
    Answered(Vec<SmolStr>),
    /// The function failed: an error, a crash, a time-out, or it was throttled.
    Failed,
}

pub(super) fn number(record: &Record) -> u64 {
    record.sequence.parse().unwrap_or(0)
}

/// The place in the batch of the first record that failed; none when all is well.
pub(super) fn failed_from(batch: &Batch, outcome: &BatchOutcome) -> Option<usize> {
    let BatchOutcome::Answered(failures) = outcome else { return Some(0) };
    let place = |sequence: &SmolStr| {
        batch.records.iter().position(|record| record.sequence == *sequence).unwrap_or(0)
    };
    failures.iter().map(place).min()
}

/// What an on-failure queue is told: where the records are, not what they are.
pub(super) fn letter(shard: usize, lost: &[Rc<Record>], invocations: u32, now: Timestamp) -> Bytes {
    let ends = lost.first().zip(lost.last());
    let letter = json!({
        "version": "1.0",
        "timestamp": format!("{now:.3}"),
        "requestContext": {
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": invocations,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "DDBStreamBatchInfo": {
            "shardId": format!("shardId-{shard:020}"),
            "startSequenceNumber": ends.map(|(first, _)| &first.sequence),
            "endSequenceNumber": ends.map(|(_, last)| &last.sequence),
            "approximateArrivalOfFirstRecord": ends.map(|(first, _)| format!("{:.3}", first.at)),
            "approximateArrivalOfLastRecord": ends.map(|(_, last)| format!("{:.3}", last.at)),
            "batchSize": lost.len(),
        },
    });
    Bytes::from(letter.to_string())
}
