//! What is counted and timed of a run: by histograms and seconds, never a list of all.

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;
use jiff::SignedDuration;
use rustc_hash::FxHashMap;
use tenfold_ports::metrics::{Metric, Unit};

use super::nanos::Nanos;

/// A second of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct SecondOf {
    pub came: u64,
    pub answered: u64,
    pub failed: u64,
    /// What waits: messages that somebody receives, records that not all have read, and executions that run.
    pub backlog: f64,
    pub p50: f64,
    pub p99: f64,
    pub busy: u32,
    pub calls: u64,
    pub refused: u64,
    pub hottest: f64,
}

/// Times in microseconds, up to a day and to a hundredth.
#[derive(Debug)]
pub(super) struct Times(Option<Histogram<u64>>);

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, 86_400_000_000, 2).ok())
    }
}

impl Times {
    pub fn record(&mut self, microseconds: u64) {
        if let Some(times) = &mut self.0 {
            times.saturating_record(microseconds.max(1));
        }
    }

    /// A quantile in milliseconds; nothing where nothing took any time.
    pub fn at(&self, quantile: f64) -> f64 {
        let value = self.0.as_ref().map_or(0, |times| times.value_at_quantile(quantile));
        if value <= 1 { 0.0 } else { value as f64 / 1_000.0 }
    }

    fn clear(&mut self) {
        if let Some(times) = &mut self.0 {
            times.reset();
        }
    }
}

/// Whether a request with this answer was served, be it with a refusal that is its own fault.
pub(super) const fn is_served(status: u16) -> bool {
    status < 500 && status != 429
}

/// What is counted and timed of a run.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub came: u64,
    pub statuses: BTreeMap<u16, u64>,
    /// How many were served while requests came.
    pub in_time: u64,
    pub times: Times,
    /// The same without the time of the services outside, of the API and of starts.
    pub added: Times,
    pub calls: FxHashMap<&'static str, u64>,
    pub refused: u64,
    /// Calls of which no latency is known.
    pub unknown: BTreeSet<&'static str>,
    /// What handlers counted, and the most of what they measured, by the metric's name.
    pub metrics: BTreeMap<&'static str, f64>,
    pub seconds: Vec<SecondOf>,
    /// How many are in which state at the end, and how long they took to it.
    pub states: BTreeMap<&'static str, (u64, Times)>,
    /// When something was last changed by the script.
    pub changed: Option<Nanos>,
    /// What usually waits: the most before the script has changed anything, where all was well then.
    pub usual: f64,
    this: SecondOf,
    times_of_this: Times,
    refused_before: u64,
}

impl Recorder {
    /// Takes in the states of what the pattern is about, and how long each took to come to its end.
    pub fn states(&mut self, all: Vec<(&'static str, Option<SignedDuration>)>) {
        for (state, took) in all {
            let (count, times) = self.states.entry(state).or_default();
            *count += 1;
            if let Some(took) = took {
                times.record(took.as_micros().max(0) as u64);
            }
        }
    }

    /// The script changes something; all services were well before, or not.
    pub fn change(&mut self, now: Nanos, was_well: bool) {
        if self.changed.is_none() && was_well {
            self.usual = self.seconds.iter().map(|second| second.backlog).fold(0.0, f64::max);
        }
        self.changed = Some(now);
    }

    pub fn came(&mut self) {
        self.came += 1;
        self.this.came += 1;
    }

    pub fn call(&mut self, name: &'static str) {
        *self.calls.entry(name).or_default() += 1;
        self.this.calls += 1;
    }

    /// A request has its answer, in the time in which requests come or after it.
    pub fn answered(&mut self, took: u64, worked: u64, status: u16, in_time: bool) {
        self.in_time += u64::from(in_time && is_served(status));
        *self.statuses.entry(status).or_default() += 1;
        self.this.answered += 1;
        self.this.failed += u64::from(status >= 429);
        // What no function has worked on says nothing of how long it takes.
        if is_served(status) || worked > 0 {
            self.times.record(took);
            self.times_of_this.record(took);
            self.added.record(worked);
        }
    }

    /// Ends a second, of which this was seen besides.
    pub fn end_second(&mut self, backlog: f64, busy: u32, hottest: f64) {
        let mut this = std::mem::take(&mut self.this);
        (this.backlog, this.busy, this.hottest) = (backlog, busy, hottest);
        (this.p50, this.p99) = (self.times_of_this.at(0.5), self.times_of_this.at(0.99));
        this.refused = self.refused - self.refused_before;
        self.refused_before = self.refused;
        self.times_of_this.clear();
        self.seconds.push(this);
    }

    pub fn take(&mut self, metrics: &[Metric]) {
        for metric in metrics {
            let so_far = self.metrics.entry(metric.name).or_default();
            // Counts add up; of what is measured the most is of interest.
            *so_far =
                if metric.unit == Unit::Count { *so_far + metric.value } else { so_far.max(metric.value) };
        }
    }
}
