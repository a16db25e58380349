//! The port `Topic` on Amazon SNS.

use aws_sdk_sns::Client;
use aws_sdk_sns::config;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::{BatchResultErrorEntry as Failed, MessageAttributeValue, PublishBatchRequestEntry};
use smol_str::SmolStr;
use tenfold_ports::queue::Rejected;
use tenfold_ports::topic::{Attribute, Notice};
use tenfold_ports::{CallError, Topic};

use crate::MethodActions;
use crate::batch::{entries, rejected};
use crate::error::{Effect, call_error};
use crate::retry::OnlyWhenCertain;

/// The IAM action behind the method, on the topic. SNS has none of its own for batches.
pub const ACTIONS: &[MethodActions] = &[("publish", &["sns:Publish"])];

/// A topic of SNS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SnsTopic {
    client: Client,
    arn: SmolStr,
}

impl SnsTopic {
    /// The topic with this ARN.
    pub fn new(client: Client, arn: impl Into<SmolStr>) -> Self {
        Self { client, arn: arn.into() }
    }
}

// The SDK's futures take kilobytes and nest deep. In a box they do neither to those who wait for them.
impl Topic for SnsTopic {
    async fn publish(&self, notices: Vec<Notice>) -> Result<Rejected, CallError> {
        if notices.is_empty() {
            return Ok(Vec::new());
        }
        let entries = entries(notices, entry)?;
        let call = self.client.publish_batch().topic_arn(self.arn.as_str());
        let call = call.set_publish_batch_request_entries(Some(entries)).customize();
        let certain = config::Builder::default().retry_classifier(OnlyWhenCertain);
        let answer = Box::pin(call.config_override(certain).send()).await;
        let answer = answer.map_err(|e| call_error(&e, Effect::Write))?;
        Ok(rejected(answer.failed().iter().map(Failed::id)))
    }
}

/// The entry of a batch for a notice.
fn entry(id: String, notice: Notice) -> Result<PublishBatchRequestEntry, BuildError> {
    let mut entry = PublishBatchRequestEntry::builder().id(id).message(notice.body);
    for (name, value) in notice.attributes {
        entry = entry.message_attributes(name, attribute(&value)?);
    }
    if let Some(fifo) = notice.fifo {
        entry = entry.message_group_id(fifo.group).message_deduplication_id(fifo.deduplication);
    }
    entry.build()
}

fn attribute(value: &Attribute) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type(value.data_type()).string_value(value.to_text()).build()
}

#[cfg(test)]
mod tests {
    use tenfold_ports::queue::Fifo;

    use super::*;

    #[test]
    fn attributes_keep_their_types() {
        let entry =
            entry("3".into(), Notice::new("n".to_owned()).with("event", "paid").with("price", 5)).unwrap();
        let attributes = entry.message_attributes().unwrap();
        let typed = |name| {
            let value: &MessageAttributeValue = &attributes[name];
            (value.data_type(), value.string_value().unwrap())
        };
        assert_eq!((entry.id(), entry.message()), ("3", "n"));
        assert_eq!((typed("event"), typed("price")), (("String", "paid"), ("Number", "5")));
        assert_eq!(entry.message_group_id(), None);
    }

    #[test]
    fn a_notice_for_a_fifo_topic_has_its_group() {
        let fifo = Some(Fifo { group: "g".into(), deduplication: "d".into() });
        let entry = entry("0".into(), Notice { fifo, ..Notice::new("n".to_owned()) }).unwrap();
        assert_eq!((entry.message_group_id(), entry.message_deduplication_id()), (Some("g"), Some("d")));
    }
}
