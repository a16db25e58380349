//! Notifications of an SNS topic that a function is subscribed to.
//!
//! The shape is that of `aws_lambda_events`, of which [`Notification`] is a view. The crate is stricter than needed:
//! the signature, its certificate and the address for unsubscribing have to be there, as AWS sends them. It is laxer:
//! any number of records is well; SNS sends one, and more than one is refused here, since the invocation's answer could
//! not tell which of them failed.
//!
//! What comes through a queue with raw delivery is a message like others ([`crate::sqs`]).

use aws_lambda_events::sns::{SnsEvent, SnsMessage};
use serde::Deserialize;
use smol_str::SmolStr;
use tenfold_ports::Carrier;
use tenfold_ports::context::{CORRELATION_ID, TRACEPARENT};

/// A notification. SNS repeats it until the function answers, and then sends it to the subscription's own dead-letter
/// queue.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "SnsEvent")]
pub struct Notification(SnsMessage);

impl TryFrom<SnsEvent> for Notification {
    type Error = String;

    fn try_from(event: SnsEvent) -> Result<Self, String> {
        let [record] = <[_; 1]>::try_from(event.records)
            .map_err(|records| format!("{} records, expected one", records.len()))?;
        Ok(Self(record.sns))
    }
}

impl Notification {
    /// The topic's own id of the message, the same for all its subscribers.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.message_id
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.0.message
    }

    /// An attribute of the sender's; bytes are in base64.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        Some(&self.0.message_attributes.get(name)?.value)
    }

    /// The trace and the correlation id that came with the message, as far as its attributes say them.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        let attribute = |name| self.attribute(name).map(SmolStr::from);
        Carrier { traceparent: attribute(TRACEPARENT), correlation: attribute(CORRELATION_ID) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = include_str!("../tests/events/sns.json");

    #[test]
    fn a_notification_has_its_body_and_what_came_with_it() {
        let notification: Notification = serde_json::from_str(EVENT).unwrap();
        assert_eq!(
            (notification.id(), notification.body()),
            ("95df01b4-ee98-5cb9-9903-4c221d41eb5e", "{\"order\": 1}")
        );
        assert_eq!(notification.attribute("priority"), Some("high"));
        assert_eq!(notification.carrier().correlation.as_deref(), Some("order-1"));
        assert_eq!(notification.carrier().traceparent, None);
    }

    #[test]
    fn more_than_one_is_refused() {
        let mut event: serde_json::Value = serde_json::from_str(EVENT).unwrap();
        let record = event["Records"][0].clone();
        event["Records"] = vec![record.clone(), record].into();
        let error = serde_json::from_value::<Notification>(event).unwrap_err().to_string();
        assert_eq!(error, "2 records, expected one");
    }

    /// AWS sends it always, and the crate cannot do without.
    #[test]
    fn the_signature_has_to_be_there() {
        let error =
            serde_json::from_str::<Notification>(&EVENT.replace("\"Signature\"", "\"S\"")).unwrap_err();
        assert!(error.to_string().contains("Signature"), "{error}");
    }
}
