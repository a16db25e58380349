//! Receiving: what comes, what goes to the dead letters, and receives that come back with less than there is.

use std::time::Duration;

use jiff::Timestamp;
use tenfold_ports::queue::Delivery;

use super::messages::{Messages, QueuedMessage};
use crate::kernel::choice::Choices;

/// The longest wait of a receive.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(20);
/// The longest visibility.
const MAX_VISIBILITY: Duration = Duration::from_hours(12);

/// For how long a message is hidden that is to be hidden for so long: whole seconds, at most 12 h.
pub(crate) fn visibility(asked: Duration) -> Duration {
    let time = asked.min(MAX_VISIBILITY);
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// Receives what can be received of one of the queues now. What was received too often becomes a dead letter
/// in another.
pub(crate) fn receive(
    queues: &mut [Messages],
    queue: usize,
    max: usize,
    now: Timestamp,
    choices: &mut Choices,
) -> Vec<Delivery> {
    let messages = &mut queues[queue];
    let (deliveries, dead) = messages.receive(now, max, choices);
    put_away(queues, queue, dead, now);
    deliveries
}

/// Whether a queue has a message to give. What would become a dead letter instead becomes it.
pub(crate) fn has_message(queues: &mut [Messages], queue: usize, now: Timestamp) -> bool {
    let dead = queues[queue].remove_dead(now);
    put_away(queues, queue, dead, now);
    queues[queue].next_visible().is_some_and(|at| at <= now)
}

fn put_away(queues: &mut [Messages], queue: usize, dead: Vec<QueuedMessage>, now: Timestamp) {
    if let Some((letters, _)) = queues[queue].settings.redrive {
        dead.into_iter().for_each(|message| queues[letters.index].take_dead(message, now));
    }
}

impl Messages {
    /// How many messages a receive of `max` delivers at most, where reads may be stale: SQS asks some of its
    /// servers only, and promises no full batches. It may be one; or none, unless the receive waits: "long
    /// polling queries all servers".
    pub(crate) fn perhaps_short(
        &self,
        max: usize,
        wait: Duration,
        now: Timestamp,
        choices: &mut Choices,
    ) -> usize {
        let visible = self.depth(now).visible;
        let least = usize::from(!wait.is_zero());
        if visible.min(max as u64) <= least as u64 {
            return max;
        }
        match choices.pick_rarely(3, 8) {
            0 => max,
            1 => 1,
            _ => least,
        }
    }
}
