//! Waking the retry processor for a target, and not for each of its requests.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tenfold_pattern::send;
use tenfold_ports::Queue;
use tenfold_ports::queue::Outgoing;

use super::message::{Look, Wake};
use crate::decide::timing::delay;
use crate::decide::wake::SWEEP_EVERY;
use crate::names::TargetName;

/// How long after a write the index certainly has it, as far as anybody can say: a look that comes sooner may miss it.
pub const INDEX_LAG: Duration = Duration::from_secs(1);
/// How much later than it may be tried a request is looked at, so that one message serves those that come together.
const TOGETHER: SignedDuration = SignedDuration::from_secs(2);
/// The number of targets of which it is remembered.
const REMEMBERED: usize = 2_000;

/// The messages that an environment has sent, by when the last one for each target arrives.
#[derive(Debug, Default)]
pub struct Wakes {
    sent: Mutex<HashMap<TargetName, Timestamp>>,
}

impl Wakes {
    /// Sees to it that a target is looked at when a request of it is due, by a message of ours that comes then. One that
    /// could not be sent is no loss but of time: the sweep of the next minute finds the request.
    pub async fn by<Q: Queue>(&self, queue: &Q, target: &TargetName, now: Timestamp, due: Timestamp) {
        let due = due.max(now + INDEX_LAG);
        // One that comes before the next sweep is enough for all that is due later: that sends another.
        if self.comes(target, due.min(now + SWEEP_EVERY), due + TOGETHER) {
            return;
        }
        let message = outgoing(target, Look::Due, now, due);
        let arrives = now + message.delay;
        if send::messages(queue, vec![message]).await.is_empty() {
            self.remember(target, arrives);
        }
    }

    fn comes(&self, target: &TargetName, least: Timestamp, most: Timestamp) -> bool {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get(target).is_some_and(|arrives| (least..=most).contains(arrives))
    }

    fn remember(&self, target: &TargetName, arrives: Timestamp) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= REMEMBERED {
            sent.clear();
        }
        sent.insert(target.clone(), arrives);
    }
}

/// Returns the message that lets a target be looked at when something of it is due.
#[must_use]
pub fn outgoing(target: &TargetName, look: Look, now: Timestamp, due: Timestamp) -> Outgoing {
    let wake = Wake { target: target.clone(), look };
    Outgoing::new(wake.body()).after(delay(now, due))
}
