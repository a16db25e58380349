//! The messages of the retry queue and of the dead-letter queue.

use serde::{Deserialize, Serialize};
use tenfold_pattern::send;
use tenfold_ports::Carrier;
use tenfold_ports::queue::Outgoing;

use crate::names::{RequestId, TargetName};
use crate::rows::RequestRow;

/// How much of what waits for a target is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Look {
    /// What is too old, whatever the breaker says.
    TooOld,
    /// What is due.
    Due,
    /// Also what was put off, where the reason for that is gone: a breaker that has closed, a configuration that was
    /// changed.
    All,
}

/// A message of the retry queue: it says that something waits for a target. What that is, the index says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Wake {
    /// The name of the target.
    pub target: TargetName,
    /// How much is to be looked at.
    #[serde(default = "due", skip_serializing_if = "is_due")]
    pub look: Look,
}

// What an older version has sent names a request too, and no look.
const fn due() -> Look {
    Look::Due
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_due(look: &Look) -> bool {
    *look == Look::Due
}

impl Wake {
    /// Returns a message's text.
    #[must_use]
    pub fn body(&self) -> String {
        send::body(self)
    }
}

/// The dead-letter queue: a type of its own, so that nobody takes the retry queue for it.
#[derive(Debug, Clone)]
pub struct DeadLetters<Q>(pub Q);

/// A message of the dead-letter queue: a request was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadRequest {
    /// The id of the request.
    pub request: RequestId,
    /// The name of the request's target.
    pub target: TargetName,
    /// The trace and the correlation id of the request.
    #[serde(flatten)]
    pub carrier: Carrier,
    /// The reason why it was given up, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died: Option<String>,
}

impl DeadRequest {
    /// Returns the dead letter of a row.
    #[must_use]
    pub fn of(row: &RequestRow) -> Self {
        Self {
            request: row.id,
            target: row.data.target.clone(),
            carrier: row.data.carrier.clone(),
            died: row.data.died.clone(),
        }
    }

    /// Returns it as a message to send.
    #[must_use]
    pub fn outgoing(&self) -> Outgoing {
        Outgoing::new(send::body(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0e1f7c1a-52c5-5c39-9d3b-31a57a0cbe07";

    #[test]
    fn a_message_of_an_older_version_wakes_its_target() {
        let sent = format!(r#"{{"request":"{ID}","target":"pay","ticket":7}}"#);
        let read: Wake = serde_json::from_str(&sent).unwrap();
        assert_eq!((read.target.as_str(), read.look), ("pay", Look::Due));
        assert_eq!(read.body(), r#"{"target":"pay"}"#);
        assert_eq!(Wake { look: Look::All, ..read }.body(), r#"{"target":"pay","look":"all"}"#);
    }

    #[test]
    fn a_dead_letter_of_an_older_and_of_a_newer_version_reads() {
        let sent = format!(r#"{{"request":"{ID}","target":"pay","died":"too old"}}"#);
        let read: DeadRequest = serde_json::from_str(&sent).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), sent);
        let sent = format!(r#"{{"request":"{ID}","target":"pay","ticket":7,"correlation":"o-1","hop":2}}"#);
        let read: DeadRequest = serde_json::from_str(&sent).unwrap();
        assert_eq!((read.died, read.carrier.correlation.as_deref()), (None, Some("o-1")));
    }
}
