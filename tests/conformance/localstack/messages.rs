//! The steps over a queue, made alike on both sides, and what a consumer holds meanwhile.

use std::time::Duration;

use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::queue::{Delivery, Fifo, Outgoing, Queue, Rejected};

use crate::tables::failed;

/// One call.
#[derive(Debug, Clone)]
pub enum Step {
    Send(Vec<Message>),
    Receive {
        max: usize,
        /// From the dead-letter queue.
        letters: bool,
    },
    Delete(Batch),
    Hide(Batch, u64),
    /// Lets pass what passes soon.
    Settle,
}

/// A message to send. Its body and its deduplication id follow from how many were sent before.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// What the body begins with; empty stands for an empty body.
    pub body: Option<&'static str>,
    pub group: u8,
    /// Whether it is for the other kind of queue: with a group on a standard one, without one on a FIFO one.
    pub astray: bool,
    pub delay: u64,
    /// Has the deduplication id of an earlier message.
    pub again: Option<usize>,
}

/// Receipts for one call: some of those held, as a bit set, and odd ones before them.
#[derive(Debug, Clone)]
pub struct Batch {
    pub which: u16,
    pub odd: Vec<Odd>,
}

/// A receipt that is not of a message in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// Of no message ever.
    Nonsense,
    /// Of a message that was deleted.
    Gone,
    /// Of a message that came back and was not received again.
    Freed,
}

impl Odd {
    pub const ALL: [Self; 3] = [Self::Nonsense, Self::Gone, Self::Freed];
}

/// The most messages of a sequence.
const MESSAGES: usize = 10;

/// The kind of queue.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kind {
    pub fifo: bool,
    /// Received messages come back soon.
    pub short: bool,
    /// Messages sent appear soon.
    pub delayed: bool,
}

/// What a consumer holds.
#[derive(Debug, Clone, Default)]
pub struct Held {
    kind: Kind,
    sent: usize,
    /// Something changes soon by itself.
    soon: bool,
    messages: Vec<Holding>,
    gone: Vec<SmolStr>,
    freed: Vec<Holding>,
}

#[derive(Debug, Clone)]
struct Holding {
    body: String,
    receipt: SmolStr,
    /// Comes back soon.
    soon: bool,
}

impl Holding {
    /// The group, which the body begins with.
    fn group(&self) -> Option<char> {
        self.body.chars().next()
    }
}

/// The receipts of a call, and which of the holdings they are of.
struct Chosen {
    receipts: Vec<SmolStr>,
    odd: Vec<Odd>,
    held: Vec<usize>,
}

impl Held {
    pub fn new(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Whether the step would meet what changes by itself about now.
    pub fn changes_soon(&self, step: &Step) -> bool {
        self.soon && matches!(step, Step::Receive { .. })
    }

    /// What changes soon has changed.
    pub fn settle(&mut self) {
        self.soon = false;
        self.freed.extend(self.messages.extract_if(.., |m| m.soon));
    }

    fn outgoing(&mut self, messages: Vec<Message>) -> Vec<Outgoing> {
        // More than a batch holds is refused whole; else there are only so many.
        let room = if messages.len() > 10 { messages.len() } else { MESSAGES.saturating_sub(self.sent) };
        let mut batch = Vec::new();
        for message in messages.into_iter().take(room) {
            let n = self.sent;
            self.sent += 1;
            self.soon |= self.kind.delayed || message.delay == 1;
            let body = match message.body {
                Some("") => String::new(),
                Some(begin) => format!("{begin}{n}"),
                None => format!("{}:{n}", message.group),
            };
            let id = message.again.filter(|earlier| *earlier < n).unwrap_or(n);
            let fifo = Fifo {
                group: format!("group-{}", message.group).into(),
                deduplication: format!("id-{id}").into(),
            };
            let delay = Duration::from_secs(message.delay);
            batch.push(Outgoing { body, delay, fifo: (self.kind.fifo != message.astray).then_some(fifo) });
        }
        batch
    }

    /// Takes what was received, and says it in an order that is the same on both sides: none on a standard
    /// queue, that of each group on a FIFO queue.
    fn take(&mut self, deliveries: &[Delivery], letters: bool) -> String {
        let mut all: Vec<(Holding, u32)> =
            deliveries.iter().map(|d| (self.holding(d), d.receive_count)).collect();
        if self.kind.fifo {
            all.sort_by_key(|(m, _)| m.group());
        } else {
            all.sort_by(|(a, _), (b, _)| a.body.cmp(&b.body));
        }
        let show = |(m, count): &(Holding, u32)| format!("{:?} for the {count}. time", m.body);
        let seen = all.iter().map(show).collect::<Vec<_>>().join(", ");
        if !letters {
            self.freed.retain(|freed| all.iter().all(|(m, _)| m.body != freed.body));
            self.soon |= self.kind.short && !all.is_empty();
            self.messages.extend(all.into_iter().map(|(m, _)| m));
        }
        seen
    }

    fn holding(&self, delivery: &Delivery) -> Holding {
        let body = String::from_utf8_lossy(&delivery.body).into_owned();
        Holding { body, receipt: delivery.receipt.clone(), soon: self.kind.short }
    }

    /// Chooses receipts, but none that could run out meanwhile where that makes a difference.
    fn choose(&self, batch: &Batch, hides: bool) -> Chosen {
        let mut chosen = Chosen { receipts: Vec::new(), odd: Vec::new(), held: Vec::new() };
        for odd in &batch.odd {
            let receipt = match odd {
                Odd::Nonsense => Some(SmolStr::new_static("nonsense")),
                Odd::Gone => self.gone.last().cloned(),
                Odd::Freed => self.freed.last().map(|m| m.receipt.clone()),
            };
            if let Some(receipt) = receipt {
                chosen.receipts.push(receipt);
                chosen.odd.push(*odd);
            }
        }
        let picked = |i: usize| batch.which & (1 << i) != 0;
        for (i, message) in self.messages.iter().enumerate() {
            // LocalStack unlocks a group with the first message that comes back: all of it or nothing.
            let group =
                || self.messages.iter().enumerate().any(|(j, m)| picked(j) && m.group() == message.group());
            let wanted = if self.kind.fifo && hides { group() } else { picked(i) };
            if wanted && !(message.soon && (self.kind.fifo || hides)) {
                chosen.receipts.push(message.receipt.clone());
                chosen.held.push(i);
            }
        }
        chosen
    }

    fn deleted(&mut self, chosen: &Chosen, rejected: &Rejected) {
        for (i, odd) in chosen.odd.iter().enumerate() {
            if *odd == Odd::Freed && !rejected.contains(&i) {
                self.freed.retain(|m| m.receipt != chosen.receipts[i]);
                self.gone.push(chosen.receipts[i].clone());
            }
        }
        let done = self.take_out(chosen, rejected);
        self.gone.extend(done.into_iter().map(|m| m.receipt));
    }

    fn hidden(&mut self, chosen: &Chosen, rejected: &Rejected, seconds: u64) {
        match seconds {
            0 => {
                let done = self.take_out(chosen, rejected);
                self.freed.extend(done);
            }
            1 => {
                self.soon |= !chosen.held.is_empty();
                for i in &chosen.held {
                    self.messages[*i].soon = true;
                }
            }
            _ => {}
        }
    }

    fn take_out(&mut self, chosen: &Chosen, rejected: &Rejected) -> Vec<Holding> {
        let before = chosen.odd.len();
        let done = chosen.held.iter().enumerate().filter(|(n, _)| !rejected.contains(&(before + n)));
        let done: Vec<usize> = done.map(|(_, i)| *i).collect();
        let mut at = 0..;
        self.messages.extract_if(.., |_| at.next().is_some_and(|i| done.contains(&i))).collect()
    }
}

impl Step {
    /// Makes the call, and says what came of it.
    pub async fn make(self, queue: &impl Queue, mut held: Held, on_localstack: bool) -> (Held, String) {
        let seen = match self {
            Self::Settle => String::new(),
            Self::Send(messages) => {
                let batch = held.outgoing(messages);
                said(&queue.send(batch).await)
            }
            Self::Receive { max, letters } => match queue.receive(max, Duration::ZERO).await {
                Ok(deliveries) => held.take(&deliveries, letters),
                Err(error) => failed(&error),
            },
            Self::Delete(batch) => {
                let chosen = held.choose(&batch, false);
                let result = queue.delete(chosen.receipts.clone()).await;
                if let Ok(rejected) = &result {
                    held.deleted(&chosen, rejected);
                }
                said(&result)
            }
            Self::Hide(batch, seconds) => {
                let chosen = held.choose(&batch, true);
                let result = queue.hide(chosen.receipts.clone(), Duration::from_secs(seconds)).await;
                let result = result.map(|rejected| documented(rejected, &chosen, on_localstack));
                if let Ok(rejected) = &result {
                    held.hidden(&chosen, rejected, seconds);
                }
                said(&result)
            }
        };
        (held, seen)
    }
}

/// DIFFERENCES.md: LocalStack says yes to hiding what is not in flight, and does nothing; AWS documents the
/// error `MessageNotInflight`.
fn documented(mut rejected: Rejected, chosen: &Chosen, on_localstack: bool) -> Rejected {
    if on_localstack {
        let freed = chosen.odd.iter().enumerate().filter(|(_, odd)| **odd == Odd::Freed);
        rejected.extend(freed.map(|(i, _)| i));
        rejected.sort_unstable();
        rejected.dedup();
    }
    rejected
}

fn said(result: &Result<Rejected, CallError>) -> String {
    match result {
        Ok(rejected) => format!("done except {rejected:?}"),
        Err(error) => failed(error),
    }
}
