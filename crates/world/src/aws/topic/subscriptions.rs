//! The subscriptions of one topic, and what SNS makes of a notice for each.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use smol_str::SmolStr;
use tenfold_ports::queue::Rejected;
use tenfold_ports::topic::{BATCH, MAX_BYTES, Notice};
use tenfold_ports::{Bytes, CallError};

use super::settings::{QueueSubscription, TopicSettings};
use crate::aws::queue::Posted;
use crate::kernel::choice::Choices;

/// For how long a deduplication id is remembered.
const DEDUPLICATION: SignedDuration = SignedDuration::from_mins(5);
/// The most attributes that raw delivery can give to a message of SQS.
const MAX_RAW_ATTRIBUTES: usize = 10;

/// A topic: its subscriptions, and what it remembers.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    pub(crate) name: &'static str,
    pub(crate) settings: TopicSettings,
    all: Vec<QueueSubscription>,
    duplicates_left: u32,
    next: u64,
    deduplication: BTreeMap<SmolStr, Timestamp>,
}

/// What changes in a run. How the topic is set up is the same in all runs of a workload, and the next
/// notice's id is a name like any other.
impl Hash for Subscriptions {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.duplicates_left, &self.deduplication).hash(state);
    }
}

fn refused<T>(why: &str) -> Result<T, CallError> {
    Err(CallError::Refused(why.to_owned()))
}

impl Subscriptions {
    pub(crate) const fn new(name: &'static str, settings: TopicSettings) -> Self {
        let duplicates_left = settings.duplicates;
        Self { name, settings, all: Vec::new(), duplicates_left, next: 0, deduplication: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, subscription: QueueSubscription) {
        self.all.push(subscription);
    }

    /// Publishes a batch: which notices were rejected, and the messages for the queues.
    pub(crate) fn publish(
        &mut self,
        notices: &[Notice],
        now: Timestamp,
        choices: &mut Choices,
    ) -> Result<(Rejected, Vec<Posted>), CallError> {
        if notices.len() > BATCH {
            return refused("TooManyEntriesInBatchRequest");
        }
        if notices.iter().map(Notice::size).sum::<usize>() > MAX_BYTES {
            return refused("BatchRequestTooLong");
        }
        if let Some(bad) = notices.iter().find_map(bad_attribute) {
            return refused(&format!("ParameterValueInvalid: the attribute `{bad}`"));
        }
        if notices.iter().any(|notice| notice.fifo.is_some() != self.settings.fifo) {
            return refused("InvalidParameter: MessageGroupId is for FIFO topics, and required there");
        }
        let (mut rejected, mut posted) = (Rejected::new(), Vec::new());
        for (i, notice) in notices.iter().enumerate() {
            if notice.body.is_empty() {
                rejected.push(i);
            } else if !self.known(notice, now) {
                self.deliver(notice, now, choices, &mut posted);
            }
        }
        Ok((rejected, posted))
    }

    /// Whether a notice is one that was published already, which it is from now on.
    fn known(&mut self, notice: &Notice, now: Timestamp) -> bool {
        let Some(fifo) = &notice.fifo else { return false };
        self.deduplication.retain(|_, at| now.duration_since(*at) < DEDUPLICATION);
        if self.deduplication.contains_key(&fifo.deduplication) {
            return true;
        }
        self.deduplication.insert(fifo.deduplication.clone(), now);
        false
    }

    fn deliver(&mut self, notice: &Notice, now: Timestamp, choices: &mut Choices, posted: &mut Vec<Posted>) {
        let id = self.next;
        self.next += 1;
        let passes = |subscription: &&QueueSubscription| {
            subscription.filter.as_ref().is_none_or(|filter| filter.passes(&notice.attributes))
                && !(subscription.raw && notice.attributes.len() > MAX_RAW_ATTRIBUTES)
        };
        let mut envelope = None;
        for subscription in self.all.iter().filter(passes) {
            let body = if subscription.raw {
                Bytes::copy_from_slice(notice.body.as_bytes())
            } else {
                envelope.get_or_insert_with(|| enveloped(self.name, id, notice, now)).clone()
            };
            let message = Posted { queue: subscription.queue, body, fifo: notice.fifo.clone() };
            let twice = !self.settings.fifo && self.duplicates_left > 0 && choices.pick_rarely(2, 8) == 1;
            self.duplicates_left -= u32::from(twice);
            posted.extend(std::iter::repeat_n(message, 1 + usize::from(twice)));
        }
    }
}

/// The name of an attribute that SNS does not take.
fn bad_attribute(notice: &Notice) -> Option<&str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let all = &notice.attributes;
    let bad = all.iter().enumerate().find(|(i, (name, value))| {
        let again = all[..*i].iter().any(|(before, _)| before == name);
        again || name.is_empty() || !name.chars().all(allowed) || value.to_text().is_empty()
    });
    bad.map(|(_, (name, _))| name.as_str())
}

/// The body of a message without raw delivery, as SNS's developer guide has it ("Amazon SNS message
/// formats").
fn enveloped(topic: &str, id: u64, notice: &Notice, now: Timestamp) -> Bytes {
    let attributes = notice.attributes.iter().map(|(name, value)| {
        (name.to_string(), json!({ "Type": value.data_type(), "Value": value.to_text() }))
    });
    let envelope = json!({
        "Type": "Notification",
        "MessageId": format!("{topic}-{id}"),
        "TopicArn": format!("arn:aws:sns:us-east-1:000000000000:{topic}"),
        "Message": notice.body,
        "Timestamp": format!("{now:.3}"),
        "MessageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
    });
    Bytes::from(envelope.to_string())
}
