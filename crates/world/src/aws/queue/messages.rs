//! The messages of one queue, and what SQS does with them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::str;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::Bytes;
use tenfold_ports::queue::{Delivery, Depth, Fifo};

use super::entry::BatchEntry;
use super::receipt::Receipt;
use super::settings::QueueSettings;
use crate::kernel::choice::Choices;
use crate::kernel::ids::QueueId;

/// For how long a deduplication id is remembered.
const DEDUPLICATION: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Clone)]
pub(crate) struct QueuedMessage {
    id: u64,
    body: Bytes,
    fifo: Option<Fifo>,
    visible: Timestamp,
    sent: Timestamp,
    /// How often this queue delivered it.
    received: u32,
    /// How often the queue that it came from, as a dead letter, did.
    before: u32,
}

impl QueuedMessage {
    fn in_flight(&self, now: Timestamp) -> bool {
        self.received > 0 && self.visible > now
    }

    fn group(&self) -> Option<&SmolStr> {
        self.fifo.as_ref().map(|fifo| &fifo.group)
    }
}

/// The messages of a queue.
#[derive(Debug, Clone)]
pub struct Messages {
    pub(super) settings: QueueSettings,
    queue: usize,
    /// By their places, which are in the order in which they came.
    all: BTreeMap<u64, QueuedMessage>,
    /// When each can be received, and its place: what a receive looks at, however many there are.
    times: BTreeSet<(Timestamp, u64)>,
    /// Those that were received and cannot be received again yet, where their number is limited.
    flying: BTreeSet<(Timestamp, u64)>,
    place: u64,
    next: u64,
    deduplication: BTreeMap<SmolStr, Timestamp>,
}

/// What a queue holds, whatever its messages are called. Two states that differ only in their messages' ids
/// count as one: a receipt is given anew with each receiving, and in quiescence nobody holds one any more.
impl Hash for Messages {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for message in self.all.values() {
            (&message.body, message.visible, message.sent, message.received, message.before).hash(state);
            message.fifo.hash(state);
        }
        (&self.deduplication, self.settings.duplicates).hash(state);
    }
}

impl Messages {
    pub(crate) const fn new(id: QueueId, settings: QueueSettings) -> Self {
        let queue = id.index;
        // A message keeps its id when it becomes a dead letter, so no two queues give the same one.
        let next = (queue as u64) << 32;
        Self {
            settings,
            queue,
            all: BTreeMap::new(),
            times: BTreeSet::new(),
            flying: BTreeSet::new(),
            place: 0,
            next,
            deduplication: BTreeMap::new(),
        }
    }

    /// Whether it is a FIFO queue.
    #[must_use]
    pub const fn is_fifo(&self) -> bool {
        self.settings.fifo
    }

    /// From now on no more may be received and not yet deleted than so many, or as were said before.
    pub(crate) fn limit_in_flight(&mut self, most: usize) {
        self.settings.most_in_flight = self.settings.most_in_flight.min(most);
    }

    /// How long a received message stays hidden.
    pub(crate) const fn visibility(&self) -> Duration {
        self.settings.visibility
    }

    /// How many messages there are, received or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The bodies of all messages, received or not.
    pub fn bodies(&self) -> impl Iterator<Item = &str> {
        self.all.values().map(|m| str::from_utf8(&m.body).unwrap_or_default())
    }

    /// When the next message can be received.
    #[must_use]
    pub fn next_visible(&self) -> Option<Timestamp> {
        if !self.settings.fifo {
            return self.times.first().map(|(visible, _)| *visible);
        }
        // The head of each group, once nothing of the group is in flight.
        let heads = self.all.iter().filter(|(place, m)| self.is_head(**place, m));
        heads.map(|(_, head)| self.unlocked(head)).min()
    }

    fn is_head(&self, place: u64, message: &QueuedMessage) -> bool {
        self.all.range(..place).all(|(_, before)| before.group() != message.group())
    }

    /// When the head of a group can be received.
    fn unlocked(&self, head: &QueuedMessage) -> Timestamp {
        let received = self.all.values().filter(|m| m.received > 0 && m.group() == head.group());
        received.map(|m| m.visible).fold(head.visible, Timestamp::max)
    }

    pub(crate) fn send(&mut self, entry: &BatchEntry, now: Timestamp) {
        let delay = if self.settings.fifo { self.settings.delay } else { entry.delay };
        if let Some(fifo) = &entry.fifo {
            self.deduplication.retain(|_, sent| now.duration_since(*sent) < DEDUPLICATION);
            if self.deduplication.contains_key(&fifo.deduplication) {
                return;
            }
            self.deduplication.insert(fifo.deduplication.clone(), now);
        }
        let (body, fifo) = (entry.body.clone(), entry.fifo.clone());
        let message = QueuedMessage {
            id: self.next,
            body,
            fifo,
            visible: now + delay,
            sent: now,
            received: 0,
            before: 0,
        };
        self.next += 1;
        self.add(message);
    }

    /// Adds each message once more, to be received from then on.
    pub(crate) fn repeat(&mut self, visible: Timestamp) {
        let all: Vec<QueuedMessage> = self.all.values().cloned().collect();
        all.into_iter().for_each(|message| self.add(QueuedMessage { visible, received: 0, ..message }));
    }

    fn add(&mut self, message: QueuedMessage) {
        self.times.insert((message.visible, self.place));
        self.all.insert(self.place, message);
        self.place += 1;
    }

    /// Changes when a message can be received.
    fn show_at(&mut self, place: u64, visible: Timestamp, received: bool) {
        let Some(message) = self.all.get_mut(&place) else { return };
        let before = (message.visible, place);
        message.visible = visible;
        self.times.remove(&before);
        self.times.insert((visible, place));
        if self.settings.most_in_flight < usize::MAX {
            self.flying.remove(&before);
            if received {
                self.flying.insert((visible, place));
            }
        }
    }

    fn remove(&mut self, place: u64) -> Option<QueuedMessage> {
        let message = self.all.remove(&place)?;
        self.times.remove(&(message.visible, place));
        self.flying.remove(&(message.visible, place));
        Some(message)
    }

    /// Whether so many are in flight that SQS gives out no more.
    fn is_full(&mut self, now: Timestamp) -> bool {
        if self.settings.most_in_flight == usize::MAX {
            return false;
        }
        while self.flying.first().is_some_and(|(visible, _)| *visible <= now) {
            self.flying.pop_first();
        }
        self.flying.len() >= self.settings.most_in_flight
    }

    /// Takes a message that another queue delivered too often. Its count goes on: SQS counts "across all
    /// queues".
    pub(crate) fn take_dead(&mut self, message: QueuedMessage, now: Timestamp) {
        let before = message.before + message.received;
        // A FIFO queue's time starts anew.
        let sent = if self.settings.fifo { now } else { message.sent };
        self.add(QueuedMessage { visible: now, sent, received: 0, before, ..message });
    }

    /// The places of the messages that can be received, in the order in which they are tried: as many as make
    /// `max` that were not received too often.
    fn ready(&self, now: Timestamp, max: usize, choices: &mut Choices) -> Vec<u64> {
        if self.settings.fifo {
            return self.ready_groups(now, choices);
        }
        let visible = self.times.range(..=(now, u64::MAX)).map(|(_, place)| *place);
        // A standard queue keeps no order: the oldest or the youngest first tells enough.
        let youngest = visible.clone().nth(1).is_some() && choices.pick(2) == 1;
        let mut left = max;
        let enough = |place: &u64| {
            let goes_on = left > 0;
            left -= usize::from(goes_on && !self.is_dead(*place));
            goes_on
        };
        if youngest {
            visible.rev().take_while(enough).collect()
        } else {
            visible.take_while(enough).collect()
        }
    }

    /// As many of one group as can be, then those of the next.
    fn ready_groups(&self, now: Timestamp, choices: &mut Choices) -> Vec<u64> {
        let free = |(place, m): &(&u64, &QueuedMessage)| self.is_head(**place, m) && self.unlocked(m) <= now;
        let mut heads: Vec<&QueuedMessage> = self.all.iter().filter(free).map(|(_, head)| head).collect();
        let first = choices.pick(heads.len());
        heads.rotate_left(first);
        let group = |head: &QueuedMessage| {
            let group = head.group().cloned();
            let all = self.all.iter().filter(move |(_, m)| m.group() == group.as_ref());
            all.take_while(move |(_, m)| m.visible <= now).map(|(place, _)| *place)
        };
        heads.into_iter().flat_map(group).collect()
    }

    /// Takes out the messages that a receive would find first and make dead letters of.
    pub(crate) fn remove_dead(&mut self, now: Timestamp) -> Vec<QueuedMessage> {
        let mut dead = Vec::new();
        while let Some((_, place)) = self.times.range(..=(now, u64::MAX)).next().copied()
            && !self.settings.fifo
            && self.is_dead(place)
        {
            dead.extend(self.remove(place));
        }
        dead
    }

    /// Whether the next receiving makes a message a dead letter.
    fn is_dead(&self, place: u64) -> bool {
        let most = self.settings.redrive.map_or(u32::MAX, |(_, receives)| receives);
        self.all.get(&place).is_some_and(|message| message.received >= most)
    }

    /// Delivers at most `max` messages, and gives away those that were delivered too often.
    pub(crate) fn receive(
        &mut self,
        now: Timestamp,
        max: usize,
        choices: &mut Choices,
    ) -> (Vec<Delivery>, Vec<QueuedMessage>) {
        let (mut deliveries, mut dead) = (Vec::new(), Vec::new());
        if self.is_full(now) {
            return (deliveries, dead);
        }
        for place in self.ready(now, max, choices) {
            if deliveries.len() == max {
                break;
            }
            if self.is_dead(place) {
                dead.extend(self.remove(place));
            } else {
                let twice =
                    !self.settings.fifo && self.settings.duplicates > 0 && choices.pick_rarely(2, 8) == 1;
                self.settings.duplicates -= u32::from(twice);
                let visibility = if twice { Duration::ZERO } else { self.settings.visibility };
                deliveries.extend(self.deliver(place, now, visibility));
            }
        }
        (deliveries, dead)
    }

    fn deliver(&mut self, place: u64, now: Timestamp, visibility: Duration) -> Option<Delivery> {
        self.show_at(place, now + visibility, true);
        let queue = self.queue;
        let message = self.all.get_mut(&place)?;
        message.received += 1;
        Some(Delivery {
            id: format_smolstr!("{}", message.id),
            body: message.body.clone(),
            receipt: format_smolstr!("{queue}.{place}.{}", message.received),
            receive_count: message.before + message.received,
            sent_at: message.sent,
        })
    }

    /// Deletes, and answers whether SQS would call it done.
    pub(crate) fn delete(&mut self, receipt: Receipt, now: Timestamp) -> bool {
        // What is gone may be deleted again.
        let Some(message) = self.all.get(&receipt.place) else { return true };
        let newest = message.received == receipt.received;
        // A standard queue takes the newest receipt for as long as the message lives, and says yes to an
        // older one without deleting. A FIFO queue's receipts expire.
        let deletes = newest && (!self.settings.fifo || message.in_flight(now));
        if deletes {
            self.remove(receipt.place);
        }
        deletes || !self.settings.fifo
    }

    /// Hides, and answers whether SQS would call it done: not for what is not in flight by this receipt.
    pub(crate) fn hide(&mut self, receipt: Receipt, now: Timestamp, until: Timestamp) -> bool {
        let Some(message) = self.all.get(&receipt.place) else { return false };
        let holds = message.received == receipt.received && message.in_flight(now);
        if holds {
            self.show_at(receipt.place, until, true);
        }
        holds
    }

    pub(crate) fn depth(&self, now: Timestamp) -> Depth {
        let mut depth = Depth::default();
        for message in self.all.values() {
            match (message.visible > now, message.received) {
                (false, _) => depth.visible += 1,
                (true, 0) => depth.delayed += 1,
                (true, _) => depth.in_flight += 1,
            }
        }
        depth
    }
}
