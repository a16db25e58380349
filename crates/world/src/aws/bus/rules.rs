//! The rules of one bus, and whom they send an event to.

use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tenfold_ports::bus::{BATCH, BusEvent, MAX_BYTES};
use tenfold_ports::queue::Rejected;
use tenfold_ports::{Bytes, CallError};

use crate::kernel::choice::Choices;
use crate::kernel::ids::QueueId;
use crate::pattern::EventPattern;

/// How a bus is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BusSettings {
    /// How many deliveries of a run may be made twice.
    pub duplicates: u32,
}

/// Who gets an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleTarget {
    /// A standard queue.
    Queue(QueueId),
    /// A function, invoked asynchronously.
    Function(usize),
}

/// Which events go to whom. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct BusRule {
    /// Which events.
    pub pattern: EventPattern,
    /// To whom.
    pub targets: Vec<RuleTarget>,
}

/// A bus: its rules, and what it remembers.
#[derive(Debug, Clone)]
pub struct Rules {
    pub(crate) name: &'static str,
    all: Vec<BusRule>,
    next: u64,
    duplicates_left: u32,
}

/// What changes in a run: the next event's id is a name like any other.
impl Hash for Rules {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.duplicates_left.hash(state);
    }
}

impl Rules {
    pub(crate) const fn new(name: &'static str, settings: BusSettings) -> Self {
        Self { name, all: Vec::new(), next: 0, duplicates_left: settings.duplicates }
    }

    pub(crate) fn add(&mut self, rule: BusRule) {
        self.all.push(rule);
    }

    /// Puts a batch: which events were rejected, and who gets what.
    pub(crate) fn put(
        &mut self,
        events: &[BusEvent],
        now: Timestamp,
        choices: &mut Choices,
    ) -> Result<(Rejected, Vec<(RuleTarget, Bytes)>), CallError> {
        if events.len() > BATCH {
            return Err(CallError::Refused("ValidationException: more than 10 entries".to_owned()));
        }
        if events.iter().map(BusEvent::size).sum::<usize>() > MAX_BYTES {
            return Err(CallError::Refused("ValidationException: total size of the entries".to_owned()));
        }
        let (mut rejected, mut sent) = (Rejected::new(), Vec::new());
        for (i, event) in events.iter().enumerate() {
            match self.whole(event, now) {
                Some(event) => self.send(&event, choices, &mut sent),
                None => rejected.push(i),
            }
        }
        Ok((rejected, sent))
    }

    /// The event as targets get it; none for one that EventBridge rejects.
    fn whole(&mut self, event: &BusEvent, now: Timestamp) -> Option<Json> {
        let detail: Json = serde_json::from_str(&event.detail).ok()?;
        let named = !event.source.is_empty() && !event.detail_type.is_empty();
        if !named || !detail.is_object() || event.source.starts_with("aws.") {
            return None;
        }
        let id = self.next;
        self.next += 1;
        Some(json!({
            "version": "0",
            "id": format!("{}-{id}", self.name),
            "detail-type": event.detail_type,
            "source": event.source,
            "account": "000000000000",
            "time": format!("{now:.0}"),
            "region": "us-east-1",
            "resources": [],
            "detail": detail,
        }))
    }

    fn send(&mut self, event: &Json, choices: &mut Choices, sent: &mut Vec<(RuleTarget, Bytes)>) {
        let mut text = None;
        for rule in self.all.iter().filter(|rule| rule.pattern.matches(event)) {
            let text = text.get_or_insert_with(|| Bytes::from(event.to_string()));
            for target in &rule.targets {
                let twice = self.duplicates_left > 0 && choices.pick_rarely(2, 8) == 1;
                self.duplicates_left -= u32::from(twice);
                sent.extend(std::iter::repeat_n((*target, text.clone()), 1 + usize::from(twice)));
            }
        }
    }
}
