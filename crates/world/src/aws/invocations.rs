//! Asynchronous invocations: what Lambda has taken from schedules, alarms and buses and not yet carried out.
//!
//! By Lambda's developer guide ("Invoking a function asynchronously"): an event is delivered at least once
//! and in any order; after an error it comes again after one minute, then after two, and is then given up,
//! with a message to an on-failure destination where there is one.
//!
//! Who runs the function is not here: [`crate::World::next_invocation`] hands out what is due, and
//! [`crate::World::finish_invocation`] learns what came of it. Not modelled: throttling, a maximum age other
//! than the retries' own, destinations for successes.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tenfold_ports::Bytes;

use super::alarm::AlarmChange;
use super::queue::Posted;
use super::schedule::Tick;
use crate::kernel::choice::Choices;
use crate::kernel::ids::QueueId;

/// How long Lambda waits before the second attempt and before the third.
pub(crate) const PAUSES: [SignedDuration; 2] = [SignedDuration::from_mins(1), SignedDuration::from_mins(2)];

/// How a function is set up for asynchronous invocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionSettings {
    /// How often an event comes again after an error, 0 to 2.
    pub retries: usize,
    /// The queue that is told of an event that was given up.
    pub on_failure: Option<QueueId>,
    /// How many events of a run may come again although all was well.
    pub duplicates: u32,
}

impl Default for FunctionSettings {
    fn default() -> Self {
        Self { retries: PAUSES.len(), on_failure: None, duplicates: 0 }
    }
}

/// What a function is invoked with. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum InvocationPayload {
    /// A schedule's tick.
    Tick(Tick),
    /// An alarm that has changed its state.
    Alarm(AlarmChange),
    /// Any other event, as JSON text.
    Event(Bytes),
}

impl InvocationPayload {
    /// The event as Lambda gets it.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Tick(tick) => tick.to_json(),
            Self::Alarm(change) => change.to_json(),
            Self::Event(text) => serde_json::from_slice(text).unwrap_or_default(),
        }
    }
}

/// An event on its way to a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AsyncInvocation {
    /// Which function.
    pub function: usize,
    /// What it is invoked with.
    pub payload: InvocationPayload,
    /// Which attempt it is, from 1 on.
    pub attempt: usize,
    id: u64,
}

#[derive(Debug, Clone)]
struct Pending {
    invocation: Rc<AsyncInvocation>,
    due: Timestamp,
    on_its_way: bool,
}

/// The events of one function that are not yet done with.
#[derive(Debug, Clone)]
pub struct Invocations {
    name: &'static str,
    settings: FunctionSettings,
    function: usize,
    all: Vec<Pending>,
    next: u64,
    duplicates_left: u32,
}

impl Hash for Invocations {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.duplicates_left.hash(state);
        for Pending { invocation, due, on_its_way } in &self.all {
            (&invocation.payload, invocation.attempt, due, on_its_way).hash(state);
        }
    }
}

impl Invocations {
    pub(crate) const fn new(name: &'static str, function: usize, settings: FunctionSettings) -> Self {
        let duplicates_left = settings.duplicates;
        Self { name, settings, function, all: Vec::new(), next: 0, duplicates_left }
    }

    /// The function's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What all events are about, on their way or not.
    pub fn payloads(&self) -> impl Iterator<Item = &InvocationPayload> {
        self.all.iter().map(|pending| &pending.invocation.payload)
    }

    /// When the next event is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.all.iter().filter(|pending| !pending.on_its_way).map(|pending| pending.due).min()
    }

    /// Takes an event in.
    pub(crate) fn push(&mut self, payload: InvocationPayload, due: Timestamp) {
        let invocation = AsyncInvocation { function: self.function, payload, attempt: 1, id: self.next };
        self.next += 1;
        self.all.push(Pending { invocation: Rc::new(invocation), due, on_its_way: false });
    }

    /// One of those that are due: the oldest or the youngest, which tells enough.
    pub(crate) fn next(&mut self, now: Timestamp, choices: &mut Choices) -> Option<Rc<AsyncInvocation>> {
        let due = |pending: &&mut Pending| !pending.on_its_way && pending.due <= now;
        let mut due: Vec<&mut Pending> = self.all.iter_mut().filter(due).collect();
        let youngest = due.len() > 1 && choices.pick(2) == 1;
        let chosen = if youngest { due.pop()? } else { due.into_iter().next()? };
        chosen.on_its_way = true;
        Some(Rc::clone(&chosen.invocation))
    }

    pub(crate) fn finish(
        &mut self,
        invocation: &AsyncInvocation,
        well: bool,
        now: Timestamp,
        choices: &mut Choices,
    ) -> Option<Posted> {
        let at = self.all.iter().position(|p| p.invocation.id == invocation.id && p.on_its_way)?;
        let again = well && self.duplicates_left > 0 && choices.pick_rarely(2, 8) == 1;
        self.duplicates_left -= u32::from(again);
        let pause = PAUSES[..self.settings.retries.min(PAUSES.len())].get(invocation.attempt - 1);
        match pause {
            _ if again => self.all[at].on_its_way = false,
            Some(pause) if !well => {
                let next = AsyncInvocation { attempt: invocation.attempt + 1, ..invocation.clone() };
                self.all[at] = Pending { invocation: Rc::new(next), due: now + *pause, on_its_way: false };
            }
            _ => {
                self.all.remove(at);
                let queue = self.settings.on_failure.filter(|_| !well)?;
                return Some(Posted { queue, body: letter(invocation, now), fifo: None });
            }
        }
        None
    }
}

/// What an on-failure destination is told.
fn letter(invocation: &AsyncInvocation, now: Timestamp) -> Bytes {
    let letter = json!({
        "version": "1.0",
        "timestamp": format!("{now:.3}"),
        "requestContext": {
            "condition": "RetriesExhausted",
            "approximateInvokeCount": invocation.attempt,
        },
        "requestPayload": invocation.payload.to_json(),
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
    });
    Bytes::from(letter.to_string())
}
