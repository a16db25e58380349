use jiff::SignedDuration;
use serde_json::Value as Json;
use smol_str::SmolStr;

use super::*;
use crate::kernel::choice::Rest;
use crate::kernel::ids::QueueId;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn later(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

fn always_first() -> Choices {
    Choices::new(Vec::new(), Rest::First)
}

fn key(n: usize) -> Key {
    Key::new("p", SmolStr::from(n.to_string()))
}

/// A stream of one shard with so many inserts.
fn stream(inserts: usize, settings: MappingSettings) -> Stream {
    let mut stream = Stream::new(1);
    stream.map(settings);
    for n in 1..=inserts {
        stream.record(&key(n), None, Some(&Item::new(key(n)).with("n", n as i64)), now(), false);
    }
    stream
}

/// The next batch, as the sort keys of its records.
fn next(stream: &mut Stream, at: Timestamp) -> Option<(Batch, Vec<usize>)> {
    let batch = stream.next_batch(0, 0, at, &mut always_first())?;
    let keys = batch.records.iter().map(|record| record.key.sk.parse().unwrap()).collect();
    Some((batch, keys))
}

fn keys(stream: &mut Stream) -> Vec<usize> {
    next(stream, now()).map(|(_, keys)| keys).unwrap_or_default()
}

/// Takes batches until there are none; `function` gives what it could not take. All batches in their order.
fn drain(stream: &mut Stream, function: impl Fn(&[usize]) -> BatchOutcome) -> (Vec<Vec<usize>>, Vec<Posted>) {
    let (mut batches, mut letters) = (Vec::new(), Vec::new());
    while let Some((batch, keys)) = next(stream, now()) {
        letters.extend(stream.finish(&batch, &function(&keys), now(), &mut always_first()));
        batches.push(keys);
        assert!(batches.len() < 100, "it never ends: {batches:?}");
    }
    (batches, letters)
}

/// Fails as a whole where the item is among the batch.
fn poisoned(item: usize) -> impl Fn(&[usize]) -> BatchOutcome {
    move |keys| if keys.contains(&item) { BatchOutcome::Failed } else { BatchOutcome::Answered(Vec::new()) }
}

/// Answers that the item failed; its sequence is its number.
fn reported(item: usize) -> impl Fn(&[usize]) -> BatchOutcome {
    move |keys| {
        let failed = keys.iter().filter(|key| **key == item);
        BatchOutcome::Answered(failed.map(|key| SmolStr::from(key.to_string())).collect())
    }
}

#[test]
fn a_checkpoint_moves_with_what_is_done_and_one_batch_of_a_shard_is_on_its_way_at_a_time() {
    let mut stream = stream(5, MappingSettings { batch: 2, ..MappingSettings::default() });
    let (first, keys_of_first) = next(&mut stream, now()).unwrap();
    assert_eq!(keys_of_first, [1, 2]);
    assert_eq!(next(&mut stream, now()), None);
    stream.finish(&first, &BatchOutcome::Answered(Vec::new()), now(), &mut always_first());
    assert_eq!(drain(&mut stream, poisoned(0)).0, [vec![3, 4], vec![5]]);
    assert!(stream.is_read(0, 0) && stream.shards[0].0.is_empty());
}

#[test]
fn items_are_spread_over_shards_that_wait_for_none_of_each_other() {
    let mut stream = Stream::new(2);
    stream.map(MappingSettings::default());
    for n in 0..20 {
        let key = Key::new(format!("p{n}"), "s");
        stream.record(&key, None, Some(&Item::new(key.clone())), now(), false);
    }
    let of =
        |stream: &mut Stream, shard| stream.next_batch(0, shard, now(), &mut always_first()).unwrap().records;
    let (one, other) = (of(&mut stream, 0), of(&mut stream, 1));
    assert_eq!(one.len() + other.len(), 20);
    assert!(one.iter().all(|record| stream.shard_of(&record.key) == 0));
}

#[test]
fn a_batch_that_failed_comes_again_with_the_same_start() {
    let mut stream = stream(3, MappingSettings { batch: 2, ..MappingSettings::default() });
    for _ in 0..3 {
        let (batch, keys) = next(&mut stream, now()).unwrap();
        assert_eq!(keys, [1, 2]);
        assert_eq!(stream.finish(&batch, &BatchOutcome::Failed, now(), &mut always_first()), None);
    }
}

#[test]
fn from_the_first_record_that_failed_on_all_come_again() {
    let mut stream = stream(4, MappingSettings::default());
    let (batch, _) = next(&mut stream, now()).unwrap();
    stream.finish(&batch, &BatchOutcome::Answered(vec!["4".into(), "2".into()]), now(), &mut always_first());
    assert_eq!(keys(&mut stream), [2, 3, 4]);
}

#[test]
fn an_answer_with_a_sequence_that_is_not_of_the_batch_fails_all_of_it() {
    let mut stream = stream(3, MappingSettings::default());
    let (batch, _) = next(&mut stream, now()).unwrap();
    stream.finish(&batch, &BatchOutcome::Answered(vec!["3".into(), "".into()]), now(), &mut always_first());
    assert_eq!(keys(&mut stream), [1, 2, 3]);
}

#[test]
fn a_batch_is_given_up_after_its_retries_and_the_queue_is_told_where_it_was() {
    let failures = QueueId { index: 7, name: "failures" };
    let settings =
        MappingSettings { batch: 2, max_retries: Some(2), on_failure: Some(failures), ..Default::default() };
    let mut stream = stream(3, settings);
    let (batches, letters) = drain(&mut stream, poisoned(1));
    assert_eq!(batches, [vec![1, 2], vec![1, 2], vec![1, 2], vec![3]]);
    let [letter] = &letters[..] else { panic!("one letter: {letters:?}") };
    let sent: Json = serde_json::from_slice(&letter.body).unwrap();
    assert_eq!((letter.queue, &sent["requestContext"]["approximateInvokeCount"]), (failures, &3.into()));
    let info = &sent["DDBStreamBatchInfo"];
    assert_eq!((&info["startSequenceNumber"], &info["endSequenceNumber"]), (&"1".into(), &"2".into()));
    assert_eq!((&info["batchSize"], stream.given_up(0)), (&2.into(), 2));
}

#[test]
fn a_batch_is_split_until_only_the_bad_record_is_given_up() {
    let settings = MappingSettings { bisect: true, max_retries: Some(1), ..Default::default() };
    let mut stream = stream(5, settings);
    let (batches, letters) = drain(&mut stream, poisoned(4));
    let expected =
        [vec![1, 2, 3, 4, 5], vec![1, 2], vec![3, 4, 5], vec![3], vec![4, 5], vec![4], vec![4], vec![5]];
    assert_eq!(batches, expected);
    assert_eq!((letters, stream.given_up(0)), (vec![], 1), "and nobody is told");
}

#[test]
fn a_batch_with_a_reported_record_is_split_there_and_then_given_up_to_its_end() {
    let settings = MappingSettings { bisect: true, max_retries: Some(1), ..Default::default() };
    let mut stream = stream(4, settings);
    assert_eq!(drain(&mut stream, reported(3)).0, [vec![1, 2, 3, 4], vec![3, 4], vec![3, 4]]);
    assert_eq!(stream.given_up(0), 2);
}

#[test]
fn records_expire_after_a_day_whether_or_not_they_were_tried() {
    let mut stream = stream(2, MappingSettings { batch: 1, ..MappingSettings::default() });
    let (batch, _) = next(&mut stream, now()).unwrap();
    stream.finish(&batch, &BatchOutcome::Failed, now(), &mut always_first());
    stream.record(&key(3), None, Some(&Item::new(key(3))), later(1), false);
    let (_, keys) = next(&mut stream, later(24)).unwrap();
    assert_eq!((keys, stream.expired(0)), (vec![3], 2));
}

#[test]
fn a_mapping_gets_what_one_of_its_filters_lets_through_and_passes_over_the_rest() {
    let wants = |text: &str| RecordFilter::parse(text).unwrap();
    let filters = vec![
        wants(r#"{"eventName": ["INSERT"], "dynamodb": {"NewImage": {"n": {"N": ["2", "4"]}}}}"#),
        wants(r#"{"userIdentity": {"principalId": ["dynamodb.amazonaws.com"]}}"#),
        wants(
            r#"{"dynamodb": {"Keys": {"sk": {"S": [{"prefix": "1"}]}}, "OldImage": {"on": {"BOOL": [true]}}}}"#,
        ),
    ];
    let mut stream = stream(5, MappingSettings { batch: 2, filters, ..MappingSettings::default() });
    stream.record(&key(5), Some(&Item::new(key(5))), None, now(), false);
    stream.record(&key(6), Some(&Item::new(key(6))), None, now(), true);
    let on = |on: bool| Item::new(key(11)).with("on", on);
    stream.record(&key(11), Some(&on(false)), Some(&on(true)), now(), false);
    stream.record(&key(11), Some(&on(true)), Some(&on(false)), now(), false);
    stream.record(&key(7), None, Some(&Item::new(key(7))), now(), false);
    let (batches, _) = drain(&mut stream, poisoned(0));
    assert_eq!(batches, [vec![2, 4], vec![6, 11]]);
    assert!(stream.shards[0].0.is_empty());
}

#[test]
fn a_filter_on_what_no_record_has_is_refused() {
    for (text, at) in [
        (r#"{"dynamodb": {"NewImage": {"kind": ["log"]}}}"#, "dynamodb.NewImage.kind"),
        (
            r#"{"dynamodb": {"NewImage": {"data": {"M": {"n": {"N": ["1"]}}}}}}"#,
            "dynamodb.NewImage.data.M.n.N",
        ),
        (r#"{"NewImage": {"kind": {"S": ["log"]}}}"#, "NewImage.kind.S"),
    ] {
        assert_eq!(RecordFilter::parse(text).unwrap_err().at, at);
    }
}

#[test]
fn each_mapping_has_a_checkpoint_of_its_own() {
    let mut stream = stream(2, MappingSettings::default());
    let other = stream.map(MappingSettings::default());
    drain(&mut stream, poisoned(0));
    let batch = stream.next_batch(other, 0, now(), &mut always_first()).unwrap();
    assert_eq!(batch.records.len(), 2);
}
