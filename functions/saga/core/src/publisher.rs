//! The publisher: `saga-publisher`, called by the table's stream with new log entries.
//!
//! The log is the outbox: what is in it was written together with what it tells of, so there is no gap between
//! the two, and here it only goes on. Choreographed sagas go on by their events on a topic. Orchestrated ones by
//! an execution for each round, started under a name that is made of both, so that a second start is none (of an
//! Express workflow: another one, which changes nothing). What
//! is stuck becomes a letter in the dead-letter queue, in either style.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use futures_util::StreamExt;
use futures_util::future::join3;
use futures_util::stream;
use serde::Serialize;
use smol_str::SmolStr;
use tenfold_ports::metrics::Metric;
use tenfold_ports::queue::{self, Outgoing};
use tenfold_ports::stream::{Kind, Record};
use tenfold_ports::table::BadItem;
use tenfold_ports::topic::{self, Notice};
use tenfold_ports::{CallError, Flow, Host, Queue, Topic};

use crate::context::{Payload, SagaContext, Style};
use crate::error::{BAD_ITEM, SAGA_STUCK, UNDO_REFUSED};
use crate::event::{LogEvent, SagaEvent, StepEvent};
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::names::{Name, SagaId};
use crate::rows::{LOG, LogEntry};
use crate::state::SagaState;

/// How many executions are started at a time.
const WIDTH: usize = 8;

/// What a publisher reaches.
#[derive(Debug)]
pub struct Publisher<T, F, Q, H, P> {
    /// Where choreographed sagas publish.
    pub topic: T,
    /// The state machine of orchestrated ones.
    pub flow: F,
    /// Where people hear of what is stuck.
    pub dead_letters: Q,
    /// Time and metrics.
    pub host: H,
    /// What the sagas are about.
    pub payload: PhantomData<P>,
}

/// A dead letter about something that a person has to look at, as the state machine writes it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct DeadLetter {
    saga: SagaId,
    round: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Name>,
    error: DeadLetterError,
}

/// A dead letter about a log entry that is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct UnreadableEntry {
    entry: String,
    error: DeadLetterError,
}

impl UnreadableEntry {
    fn of(record: &Record, error: &BadItem) -> Self {
        let error = DeadLetterError { error: BAD_ITEM, cause: error.to_string() };
        Self { entry: record.key.to_string(), error }
    }
}

/// As Step Functions names its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterError {
    error: &'static str,
    cause: String,
}

/// Entries of a batch, each with its place there.
type Placed<T> = Vec<(usize, T)>;

impl<T: Topic, F: Flow, Q: Queue, H: Host, P: Payload> Publisher<T, F, Q, H, P> {
    /// Publishes what is new in the log. Answers the first record that has to come again, and with it all after
    /// it; what of these was published already is published twice, which changes nothing.
    pub async fn publish(&self, records: &[Record]) -> Option<SmolStr> {
        let mut entries: Placed<LogEntry<P>> = Vec::new();
        let mut dead_letters: Placed<Outgoing> = Vec::new();
        for (at, record) in records.iter().enumerate() {
            let Some(item) = record.new.as_ref().filter(|_| is_entry(record)) else { continue };
            match LogEntry::read(item) {
                Ok(entry) => entries.push((at, entry)),
                Err(error) => {
                    // Nobody can act on it but a person; those behind it go on.
                    tracing::error!(%error, "log entry not readable");
                    dead_letters.push((at, Outgoing::new(json(&UnreadableEntry::of(record, &error)))));
                }
            }
        }
        self.count(&entries);
        let about =
            entries.iter().filter_map(|(at, entry)| Some((*at, Outgoing::new(json(&dead_letter(entry)?)))));
        dead_letters.extend(about);
        let (notified, started, sent) =
            join3(self.notify(&entries), self.start(&entries), self.send(dead_letters)).await;
        let first = [notified, started, sent].into_iter().flatten().min()?;
        Some(records[first].sequence.clone())
    }

    /// Publishes the events of choreographed sagas; answers those that were not.
    async fn notify(&self, entries: &[(usize, LogEntry<P>)]) -> Vec<usize> {
        let choreographed = entries.iter().filter(|(_, entry)| entry.style == Style::Choreographed);
        let notices = choreographed.map(|(at, entry)| (*at, notice(entry))).collect();
        let mut failed = Vec::new();
        for batch in batches(notices) {
            let (places, notices): (Vec<usize>, Vec<Notice>) = batch.into_iter().unzip();
            match self.topic.publish(notices).await {
                Ok(rejected) => failed.extend(rejected.into_iter().filter_map(|i| places.get(i).copied())),
                Err(error) => failed.extend(all_of(&places, "events not published", &error)),
            }
        }
        failed
    }

    /// Starts the executions of orchestrated sagas; answers the entries whose execution was not started.
    async fn start(&self, entries: &[(usize, LogEntry<P>)]) -> Vec<usize> {
        let begins = |entry: &LogEntry<P>| {
            let LogEvent::Saga(event) = entry.event else { return false };
            let begins = matches!(
                event,
                SagaEvent::Started
                    | SagaEvent::Cancelled
                    | SagaEvent::Deadline
                    | SagaEvent::Retried
                    | SagaEvent::Resumed
            );
            begins && entry.style == Style::Orchestrated
        };
        let starts = entries.iter().filter(|(_, entry)| begins(entry)).map(async |(at, entry)| {
            let context = entry.clone().context();
            let input = json(&context);
            // Running or over: it was started, perhaps by this very call before its answer was lost.
            self.flow.start(&execution(&context), &input).await.map(|_| ()).map_err(|error| (*at, error))
        });
        let done: Vec<Result<(), (usize, CallError)>> = stream::iter(starts).buffered(WIDTH).collect().await;
        let failed = done.into_iter().filter_map(Result::err);
        failed.flat_map(|(at, error)| all_of(&[at], "execution not started", &error)).collect()
    }

    /// Sends dead letters about what a person has to look at; answers the entries whose dead letter was not sent.
    async fn send(&self, mut dead_letters: Placed<Outgoing>) -> Vec<usize> {
        let mut failed = Vec::new();
        while !dead_letters.is_empty() {
            let rest = dead_letters.split_off(dead_letters.len().min(queue::BATCH));
            let (places, batch): (Vec<usize>, Vec<Outgoing>) =
                std::mem::replace(&mut dead_letters, rest).into_iter().unzip();
            match self.dead_letters.send(batch).await {
                Ok(rejected) => failed.extend(rejected.into_iter().filter_map(|i| places.get(i).copied())),
                Err(error) => failed.extend(all_of(&places, "dead letters not sent", &error)),
            }
        }
        failed
    }

    fn count(&self, entries: &[(usize, LogEntry<P>)]) {
        let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
        for name in entries.iter().flat_map(|(_, entry)| metrics::entry(entry)) {
            *counts.entry(name).or_default() += 1;
        }
        let now = self.host.now();
        let oldest =
            entries.iter().map(|(_, entry)| now.duration_since(entry.at).as_secs_f64()).fold(0.0, f64::max);
        let mut metrics: Vec<Metric> =
            counts.into_iter().map(|(name, n)| Metric::count(name, f64::from(n))).collect();
        metrics.push(Metric::milliseconds(metrics::OUTBOX_AGE, oldest * 1000.0));
        self.host.record(&[], &metrics);
    }
}

/// The name of the execution of a round: a second start under it is none.
fn execution<P>(context: &SagaContext<P>) -> String {
    format!("{}-{}", context.saga, context.round)
}

/// A message's body. SNS and SQS take no characters that XML does not have, and would refuse the whole message
/// for one; JSON can say them in others. (Control characters are escaped in any JSON.)
fn json<T: Serialize>(value: &T) -> String {
    // A struct of text and numbers can always be written as JSON.
    let text = serde_json::to_string(value).unwrap_or_default();
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        return text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
    }
    text
}

fn is_entry(record: &Record) -> bool {
    record.kind() == Kind::Insert && record.key.sk.starts_with(LOG)
}

/// An entry as an event. Subscriptions filter by its attributes.
fn notice<P: Payload>(entry: &LogEntry<P>) -> Notice {
    Notice::new(json(entry))
        .with("definition", entry.definition.as_str())
        .with("style", entry.style.name())
        .with("event", SmolStr::from(entry.event.clone()))
}

/// The dead letter about an entry; none where nobody needs to look at it. A step that an orchestrated saga could not
/// undo has a letter of the state machine's already.
fn dead_letter<P>(entry: &LogEntry<P>) -> Option<DeadLetter> {
    if is_in(Mutant::StuckWithoutLetter) {
        return None;
    }
    let step = match &entry.event {
        LogEvent::Step(step, event) => Some((step, *event == StepEvent::Stuck)),
        LogEvent::Saga(_) => None,
    };
    let step_stuck = entry.style == Style::Choreographed && step.is_some_and(|(_, stuck)| stuck);
    if !step_stuck && entry.state != Some(SagaState::Stuck) {
        return None;
    }
    let cause = entry.error.clone().unwrap_or_else(|| format!("stuck by {}", entry.event));
    let error = if step_stuck { UNDO_REFUSED } else { SAGA_STUCK };
    Some(DeadLetter {
        saga: entry.saga,
        round: entry.round,
        step: step.map(|(step, _)| step.clone()),
        error: DeadLetterError { error, cause },
    })
}

/// Notices in batches that one call can publish.
fn batches(notices: Placed<Notice>) -> Vec<Placed<Notice>> {
    let mut batches: Vec<Placed<Notice>> = Vec::new();
    let mut bytes = 0;
    for (at, notice) in notices {
        let size = notice.size();
        match batches.last_mut() {
            Some(batch) if batch.len() < topic::BATCH && bytes + size <= topic::MAX_BYTES => {
                bytes += size;
                batch.push((at, notice));
            }
            _ => {
                bytes = size;
                batches.push(vec![(at, notice)]);
            }
        }
    }
    batches
}

fn all_of(places: &[usize], what: &'static str, error: &CallError) -> Vec<usize> {
    tracing::warn!(%error, entries = places.len(), what);
    places.to_vec()
}

#[cfg(test)]
mod tests;
