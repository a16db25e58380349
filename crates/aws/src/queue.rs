//! The port `Queue` on Amazon SQS.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry as Failed, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName as System, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use bytes::Bytes;
use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::queue::{BATCH, Delivery, Depth, Outgoing, Rejected};
use tenfold_ports::{CallError, Queue};

use crate::MethodActions;
use crate::batch::{entries, rejected};
use crate::client::timeouts;
use crate::error::{Effect, call_error};
use crate::retry::OnlyWhenCertain;

/// The IAM actions behind each method, on the queue. SQS has none of its own for batches.
pub const ACTIONS: &[MethodActions] = &[
    ("send", &["sqs:SendMessage"]),
    ("receive", &["sqs:ReceiveMessage"]),
    ("delete", &["sqs:DeleteMessage"]),
    ("hide", &["sqs:ChangeMessageVisibility"]),
    ("depth", &["sqs:GetQueueAttributes"]),
];

/// The longest wait of a receive that SQS takes.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// The longest visibility that SQS takes.
const MAX_VISIBILITY: Duration = Duration::from_hours(12);

/// A queue of SQS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: SmolStr,
}

impl SqsQueue {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<SmolStr>) -> Self {
        Self { client, url: url.into() }
    }
}

// The SDK's futures take kilobytes and nest deep. In a box they do neither to those who wait for them.
impl Queue for SqsQueue {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Rejected, CallError> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let entries = entries(messages, outgoing)?;
        let call = self.client.send_message_batch().queue_url(self.url.as_str()).set_entries(Some(entries));
        let call = call.customize().config_override(certain());
        let answer = Box::pin(call.send()).await.map_err(|e| call_error(&e, Effect::Write))?;
        Ok(rejected(answer.failed.iter().map(Failed::id)))
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Delivery>, CallError> {
        let wait = wait.min(MAX_WAIT);
        let call = self
            .client
            .receive_message()
            .queue_url(self.url.as_str())
            .max_number_of_messages(max.clamp(1, BATCH) as i32)
            .wait_time_seconds(wait.as_secs() as i32)
            .message_system_attribute_names(System::ApproximateReceiveCount)
            .message_system_attribute_names(System::SentTimestamp);
        // The SDK would give up before SQS has waited.
        let call = call.customize().config_override(certain().timeout_config(timeouts(wait)));
        let answer = Box::pin(call.send()).await.map_err(|e| call_error(&e, Effect::Write))?;
        answer.messages.into_iter().flatten().map(delivery).collect()
    }

    async fn delete(&self, receipts: Vec<SmolStr>) -> Result<Rejected, CallError> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        let entries = entries(receipts, |id, receipt| {
            DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt).build()
        })?;
        let call = self.client.delete_message_batch().queue_url(self.url.as_str()).set_entries(Some(entries));
        // To delete or to hide twice is to do it once, so the SDK may repeat these as it likes.
        let answer = Box::pin(call.send()).await.map_err(|e| call_error(&e, Effect::Write))?;
        Ok(rejected(answer.failed.iter().map(Failed::id)))
    }

    async fn hide(&self, receipts: Vec<SmolStr>, visibility: Duration) -> Result<Rejected, CallError> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        let seconds = visibility.min(MAX_VISIBILITY).as_secs_f64().ceil() as i32;
        let entries = entries(receipts, |id, receipt| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(id)
                .receipt_handle(receipt)
                .visibility_timeout(seconds)
                .build()
        })?;
        let call = self.client.change_message_visibility_batch().queue_url(self.url.as_str());
        let answer = Box::pin(call.set_entries(Some(entries)).send()).await;
        let answer = answer.map_err(|e| call_error(&e, Effect::Write))?;
        Ok(rejected(answer.failed.iter().map(Failed::id)))
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let call = self.client.get_queue_attributes().queue_url(self.url.as_str());
        let answer = Box::pin(call.set_attribute_names(Some(names.to_vec())).send()).await;
        let answer = answer.map_err(|e| call_error(&e, Effect::Read))?;
        let count = |name| answer.attributes()?.get(&name)?.parse().ok();
        let [visible, in_flight, delayed] = names.map(|name| count(name).unwrap_or(0));
        Ok(Depth { visible, in_flight, delayed })
    }
}

fn certain() -> config::Builder {
    config::Builder::default().retry_classifier(OnlyWhenCertain)
}

fn outgoing(id: String, message: Outgoing) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(message.body);
    match message.fifo {
        Some(fifo) => entry.message_group_id(fifo.group).message_deduplication_id(fifo.deduplication).build(),
        None => entry.delay_seconds(message.delay.as_secs() as i32).build(),
    }
}

fn delivery(message: Message) -> Result<Delivery, CallError> {
    let number = |name: System| message.attributes.as_ref()?.get(&name)?.parse::<i64>().ok();
    let bad = |what: &str| CallError::Refused(format!("SQS delivered a message without {what}"));
    let sent = number(System::SentTimestamp).ok_or_else(|| bad("the time it was sent"))?;
    let count = number(System::ApproximateReceiveCount).ok_or_else(|| bad("a receive count"))?;
    Ok(Delivery {
        id: message.message_id.ok_or_else(|| bad("an id"))?.into(),
        body: message.body.map(Bytes::from).unwrap_or_default(),
        receipt: message.receipt_handle.ok_or_else(|| bad("a receipt"))?.into(),
        receive_count: u32::try_from(count).unwrap_or(u32::MAX),
        sent_at: Timestamp::from_millisecond(sent).map_err(|e| bad(&format!("a sensible time: {e}")))?,
    })
}

#[cfg(test)]
mod tests {
    use tenfold_ports::queue::Fifo;

    use super::*;

    #[test]
    fn a_delay_is_for_standard_queues_and_a_group_for_fifo_queues() {
        let message = Outgoing::new("m".to_owned()).after(Duration::from_millis(1500));
        let standard = outgoing("0".into(), message.clone()).unwrap();
        assert_eq!((standard.delay_seconds, standard.message_group_id()), (Some(2), None));
        let fifo = Some(Fifo { group: "g".into(), deduplication: "d".into() });
        let fifo = outgoing("0".into(), Outgoing { fifo, ..message }).unwrap();
        assert_eq!((fifo.delay_seconds, fifo.message_group_id()), (None, Some("g")));
    }

    #[test]
    fn a_delivery_carries_what_sqs_knows_of_the_message() {
        let message = Message::builder()
            .message_id("id")
            .receipt_handle("r")
            .body("b")
            .attributes(System::ApproximateReceiveCount, "3")
            .attributes(System::SentTimestamp, "1523232000000");
        let delivery = delivery(message.build()).unwrap();
        assert_eq!((delivery.id.as_str(), delivery.receipt.as_str(), delivery.receive_count), ("id", "r", 3));
        assert_eq!(delivery.sent_at.as_millisecond(), 1_523_232_000_000);
        assert_eq!(delivery.body, "b");
    }

    #[test]
    fn a_delivery_without_its_attributes_is_an_error() {
        let message = Message::builder().message_id("id").receipt_handle("r").body("b").build();
        assert!(matches!(delivery(message), Err(CallError::Refused(why)) if why.contains("time")));
    }
}
