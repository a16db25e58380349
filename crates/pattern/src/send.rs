//! Messages and notices in batches that one call takes, side by side, and which of them did not go.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::stream;
use serde::Serialize;
use tenfold_ports::queue::{self, Outgoing, Rejected};
use tenfold_ports::topic::{self, Notice};
use tenfold_ports::{CallError, Queue, Topic};

/// How many batches are on their way at a time.
const WIDTH: usize = 4;

/// A message's body. SNS and SQS take no characters that XML does not have, and would refuse the whole message for
/// one; JSON can say them in others. (Control characters are escaped in any JSON.)
pub fn body<T: Serialize>(value: &T) -> String {
    // What is sent are structs of text and numbers, which can always be written as JSON.
    let text = serde_json::to_string(value).unwrap_or_default();
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        return text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
    }
    text
}

/// Sends messages to a queue. Answers the places, in their order, of those that did not go or may not have gone.
pub async fn messages<Q: Queue>(queue: &Q, messages: Vec<Outgoing>) -> Vec<usize> {
    let batches = batches(messages, queue::BATCH, queue::MAX_BYTES, |message| message.body.len());
    in_batches(batches, async |batch| queue.send(batch).await).await
}

/// Publishes notices on a topic. Answers the places, in their order, of those that did not go or may not have gone.
pub async fn notices<T: Topic>(topic: &T, notices: Vec<Notice>) -> Vec<usize> {
    let batches = batches(notices, topic::BATCH, topic::MAX_BYTES, Notice::size);
    in_batches(batches, async |batch| topic.publish(batch).await).await
}

/// Deletes messages from a queue by their receipts. Answers how many may still be there.
pub async fn deletions<Q: Queue>(queue: &Q, receipts: Vec<tenfold_ports::SmolStr>) -> usize {
    let batches = batches(receipts, queue::BATCH, usize::MAX, |_| 0);
    in_batches(batches, async |batch| queue.delete(batch).await).await.len()
}

async fn in_batches<E>(
    batches: Vec<Vec<E>>,
    call: impl AsyncFn(Vec<E>) -> Result<Rejected, CallError>,
) -> Vec<usize> {
    let mut first = 0;
    let calls = batches.into_iter().map(|batch| {
        let (begin, size) = (first, batch.len());
        first += size;
        let call = &call;
        async move {
            match call(batch).await {
                Ok(rejected) => {
                    if !rejected.is_empty() {
                        tracing::warn!(rejected = rejected.len(), of = size, "entries rejected");
                    }
                    rejected.into_iter().map(|place| begin + place).collect()
                }
                Err(error) => {
                    tracing::warn!(%error, entries = size, "batch not sent");
                    (begin..begin + size).collect::<Vec<_>>()
                }
            }
        }
    });
    let failed: Vec<Vec<usize>> = stream::iter(calls).buffered(WIDTH).collect().await;
    failed.into_iter().flatten().collect()
}

/// The entries in their order, in batches of at most `most` entries and `bytes` bytes. One that is larger than that
/// is a batch of its own, which the service refuses by itself.
fn batches<E>(entries: Vec<E>, most: usize, bytes: usize, size: impl Fn(&E) -> usize) -> Vec<Vec<E>> {
    let mut left: VecDeque<E> = entries.into();
    let mut batches = Vec::new();
    while let Some(entry) = left.pop_front() {
        let mut room = bytes.saturating_sub(size(&entry));
        let mut batch = vec![entry];
        while batch.len() < most
            && let Some(entry) = left.pop_front_if(|entry| size(entry) <= room)
        {
            room -= size(&entry);
            batch.push(entry);
        }
        batches.push(batch);
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_keep_all_in_order_and_within_the_limits(sizes in prop::collection::vec(0_usize..40, 0..50)) {
            let made = batches(sizes.clone(), 10, 100, |size| *size);
            prop_assert_eq!(made.concat(), sizes);
            for batch in &made {
                prop_assert!((1..=10).contains(&batch.len()) && batch.iter().sum::<usize>() <= 100);
            }
        }
    }

    #[test]
    fn what_is_too_large_is_alone() {
        assert_eq!(batches(vec![1, 200, 2], 10, 100, |size| *size), [vec![1], vec![200], vec![2]]);
    }

    #[test]
    fn a_body_has_no_character_that_xml_lacks() {
        let text = body(&"a\u{ffff}b\u{fffe}\u{1}");
        assert_eq!(text, r#""a\uffffb\ufffe\u0001""#);
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), "a\u{ffff}b\u{fffe}\u{1}");
    }
}
