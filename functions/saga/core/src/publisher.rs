//! The publisher: `saga-publisher`, called by the table's stream with new log entries.
//!
//! The log is the outbox: what is in it was written together with what it tells of, so there is no gap
//! between the two, and here it only goes on. Choreographed sagas go on by their events on a topic.
//! Orchestrated ones by an execution for each round, started under a name that is made of both, so that a
//! second start is none (of an Express workflow: another one, which changes nothing). What is stuck becomes a
//! dead letter, in either style.
//!
//! Which entry goes where is decided in [`decide`](crate::decide); this module makes the calls and counts.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use futures_util::StreamExt;
use futures_util::future::join3;
use futures_util::stream;
use smol_str::SmolStr;
use tenfold_pattern::read::readable;
use tenfold_pattern::send;
use tenfold_ports::metrics::Metric;
use tenfold_ports::queue::Outgoing;
use tenfold_ports::stream::Record;
use tenfold_ports::{Context, Flow, Queue, Runtime, Topic};
use tracing::Instrument;

use crate::context::{Payload, Style, span};
use crate::decide::{dead_letter, execution_name, is_entry, notice, starts_execution, unreadable};
use crate::metrics;
use crate::mutant::{Mutant, is_in};
use crate::rows::LogEntry;

/// How many executions are started at a time.
const WIDTH: usize = 8;

/// What the records of a batch say, each with its place there.
type Placed<T> = Vec<(usize, T)>;

/// The publisher, and what it reaches.
#[derive(Debug)]
pub struct Publisher<T, F, Q, R, P> {
    /// The topic of the events of choreographed sagas.
    pub topic: T,
    /// The state machine of orchestrated ones.
    pub flow: F,
    /// The queue in which people find what is stuck.
    pub dead_letters: Q,
    /// The time and the metrics.
    pub runtime: R,
    /// What the sagas are about.
    pub payload: PhantomData<P>,
}

impl<T: Topic, F: Flow, Q: Queue, R: Runtime, P: Payload> Publisher<T, F, Q, R, P> {
    /// Publishes what is new in the log. Answers the first record that has to come again, and with it all
    /// after it; what of these was published already is published twice, which changes nothing.
    pub async fn handle(&self, records: &[Record], context: &Context) -> Option<SmolStr> {
        let mut entries: Placed<LogEntry<P>> = Vec::new();
        let mut dead_letters: Placed<Outgoing> = Vec::new();
        for (at, record) in records.iter().enumerate() {
            let Some(item) = record.new.as_ref().filter(|_| is_entry(record)) else { continue };
            // Nobody can act on one that cannot be read but a person; those behind it go on.
            let entry = LogEntry::read(item).inspect_err(|error| {
                dead_letters.push((at, Outgoing::new(send::body(&unreadable(record, error)))));
            });
            entries.extend(readable(&self.runtime, entry).map(|entry| (at, entry)));
        }
        self.count(&entries);
        if !is_in(Mutant::StuckWithoutLetter) {
            let about = entries.iter().filter_map(|(at, entry)| Some((*at, dead_letter(entry)?)));
            dead_letters.extend(about.map(|(at, letter)| (at, Outgoing::new(send::body(&letter)))));
        }
        let (notified, started, sent) =
            join3(self.notify(&entries, context), self.start(&entries, context), self.send(dead_letters))
                .await;
        let unsent: BTreeSet<usize> = [notified, started, sent].into_iter().flatten().collect();
        // What comes again does so by an answer that Lambda does not count as an error.
        self.runtime.record(&[], &metrics::batch(unsent.len()).collect::<Vec<_>>());
        Some(records[*unsent.first()?].sequence.clone())
    }

    /// Publishes the events of choreographed sagas; answers those that were not.
    async fn notify(&self, entries: &[(usize, LogEntry<P>)], context: &Context) -> Vec<usize> {
        let choreographed = entries.iter().filter(|(_, entry)| entry.style == Style::Choreographed);
        let (places, notices): (Vec<usize>, Vec<_>) = {
            let notice = |entry: &LogEntry<P>| notice(entry, &context.of(&entry.carrier).carrier());
            choreographed.map(|(at, entry)| (*at, notice(entry))).unzip()
        };
        failed(&places, send::notices(&self.topic, notices).await)
    }

    /// Starts the executions of orchestrated sagas; answers the entries whose execution was not started.
    async fn start(&self, entries: &[(usize, LogEntry<P>)], context: &Context) -> Vec<usize> {
        let starts = entries.iter().filter(|(_, entry)| starts_execution(entry)).map(async |(at, entry)| {
            let span = span(entry.saga, &context.of(&entry.carrier));
            let saga = entry.clone().context();
            // Running or over: it was started, perhaps by this very call before its answer was lost.
            let start = async {
                let started = self.flow.start(&execution_name(&saga), &send::body(&saga)).await;
                started
                    .inspect_err(|error| tracing::warn!(%error, "execution not started"))
                    .err()
                    .map(|_| *at)
            };
            start.instrument(span).await
        });
        let failed: Vec<Option<usize>> = stream::iter(starts).buffered(WIDTH).collect().await;
        failed.into_iter().flatten().collect()
    }

    /// Sends dead letters about what a person has to look at; answers the entries whose dead letter was not
    /// sent.
    async fn send(&self, dead_letters: Placed<Outgoing>) -> Vec<usize> {
        let (places, dead_letters): (Vec<usize>, Vec<_>) = dead_letters.into_iter().unzip();
        failed(&places, send::messages(&self.dead_letters, dead_letters).await)
    }

    fn count(&self, entries: &[(usize, LogEntry<P>)]) {
        let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
        for name in entries.iter().flat_map(|(_, entry)| metrics::entry(entry)) {
            *counts.entry(name).or_default() += 1;
        }
        let now = self.runtime.now();
        let oldest =
            entries.iter().map(|(_, entry)| now.duration_since(entry.at).as_secs_f64()).fold(0.0, f64::max);
        let mut metrics: Vec<Metric> =
            counts.into_iter().map(|(name, n)| Metric::count(name, f64::from(n))).collect();
        metrics.push(Metric::milliseconds(metrics::OUTBOX_AGE, oldest * 1000.0));
        self.runtime.record(&[], &metrics);
    }
}

/// The places of what did not go, by its places among what was to go.
fn failed(places: &[usize], failed: Vec<usize>) -> Vec<usize> {
    failed.into_iter().filter_map(|at| places.get(at).copied()).collect()
}
