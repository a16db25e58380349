//! The messages of the retry queue and of the dead-letter queue.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_pattern::send;
use tenfold_ports::Carrier;
use tenfold_ports::queue::Outgoing;

use crate::names::{RequestId, TargetName};
use crate::rows::RequestRow;

/// A message of the retry queue or of the dead-letter queue: it says when to look at a request, or that it
/// was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryMessage {
    /// The id of the request to look at.
    pub request: RequestId,
    /// The name of the request's target.
    pub target: TargetName,
    /// The generation of the row: its `wake` time in milliseconds since 1970. None fits always.
    #[serde(rename = "ticket", default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// The trace and the correlation id of the request.
    #[serde(flatten)]
    pub carrier: Carrier,
    /// The reason why it was given up, in words; in the dead-letter queue only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died: Option<String>,
}

impl RetryMessage {
    /// Returns the message that brings a row back, with the row's generation.
    #[must_use]
    pub fn of(row: &RequestRow) -> Self {
        Self {
            request: row.id,
            target: row.data.target.clone(),
            generation: Some(row.wake.as_millisecond()),
            carrier: row.data.carrier.clone(),
            died: row.data.died.clone(),
        }
    }

    /// Returns the message that brings the next of an order group, of which only the id is known: its trace is in its
    /// row.
    #[must_use]
    pub fn next_in_group(request: RequestId, target: TargetName) -> Self {
        Self { request, target, generation: None, carrier: Carrier::default(), died: None }
    }

    /// Returns the dead letter of a row, which fits the row whatever its generation.
    #[must_use]
    pub fn dead_letter(row: &RequestRow) -> Self {
        Self { generation: None, ..Self::of(row) }
    }

    /// Returns whether it was sent for the row as it is, and not for one of an older generation.
    #[must_use]
    pub fn fits(&self, row: &RequestRow) -> bool {
        self.generation.is_none_or(|generation| generation == row.wake.as_millisecond())
    }

    /// Returns it as a message to send, hidden for `delay`.
    #[must_use]
    pub fn outgoing(&self, delay: Duration) -> Outgoing {
        Outgoing::new(send::body(self)).after(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_an_older_version_reads_and_is_sent_as_it_was() {
        let id = "0e1f7c1a-52c5-5c39-9d3b-31a57a0cbe07";
        let sent = format!(r#"{{"request":"{id}","target":"pay","ticket":7,"died":"too old"}}"#);
        let read: RetryMessage = serde_json::from_str(&sent).unwrap();
        assert_eq!(read.generation, Some(7));
        assert_eq!(serde_json::to_string(&read).unwrap(), sent);
    }

    #[test]
    fn a_message_of_a_newer_version_reads() {
        let sent = r#"{"request":"0e1f7c1a-52c5-5c39-9d3b-31a57a0cbe07","target":"pay","correlation":"o-1","hop":2}"#;
        let read: RetryMessage = serde_json::from_str(sent).unwrap();
        assert_eq!((read.generation, read.carrier.correlation.as_deref()), (None, Some("o-1")));
    }
}
