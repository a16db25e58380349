//! What the simulation takes for granted of AWS: latencies, limits and prices, each with its source.
//!
//! The files are `latencies.toml`, `limits.toml` and `prices.toml` beside this crate's `src`. What AWS does not
//! publish is marked `assumed` there. A scenario can change limits; another file of latencies can be given to a
//! run, such as one that was measured on LocalStack.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::nanos::{MILLISECOND, Nanos};
use super::quantiles::Quantiles;
use super::sources::PollerLimits;
use crate::aws::capacity::TableLimits;
use crate::aws::rates::Rate;

/// Why a file of figures, or a change of them, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadFigures(String);

#[derive(Deserialize)]
struct LatencyFigure {
    p50: f64,
    p99: f64,
    tail: f64,
    /// How long it keeps a lane of the server busy, where all share one, in milliseconds.
    #[serde(default)]
    busy: f64,
    #[serde(default)]
    assumed: bool,
    #[allow(dead_code, reason = "for who reads the file")]
    source: String,
}

#[derive(Deserialize)]
struct ServerFigure {
    /// How many calls it works on at once.
    lanes: usize,
}

#[derive(Deserialize)]
struct LatencyFile {
    /// One server that does all, as LocalStack is; AWS has none.
    server: Option<ServerFigure>,
    #[serde(flatten)]
    all: BTreeMap<String, LatencyFigure>,
}

#[derive(Deserialize)]
struct LimitFigure {
    value: f64,
    #[serde(default)]
    #[allow(dead_code, reason = "for who reads the file")]
    source: String,
}

#[derive(Deserialize)]
struct PriceFigure {
    usd: f64,
}

/// How long something takes.
#[derive(Debug, Clone)]
pub(super) struct Latency {
    pub time: Quantiles,
    /// How long it keeps a lane of the server busy.
    pub busy: Nanos,
}

/// Latencies, limits and prices of a run.
#[derive(Clone)]
pub struct Figures {
    latencies: FxHashMap<String, Latency>,
    /// The names of latencies that nobody has published or measured.
    assumed: Vec<String>,
    limits: FxHashMap<String, f64>,
    prices: BTreeMap<String, f64>,
    /// Over how many lanes of one server all calls go; none where each service is by itself.
    pub(super) lanes: Option<usize>,
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What a file of figures says, by "service.what".
fn nested<T: for<'a> Deserialize<'a>>(text: &str, file: &str) -> Result<BTreeMap<String, T>, BadFigures> {
    let table: toml::Table = toml::from_str(text).map_err(|error| BadFigures(format!("{file}: {error}")))?;
    let mut all = BTreeMap::new();
    for (service, of) in table {
        for (what, figure) in of.as_table().cloned().unwrap_or_default() {
            let name = format!("{service}.{what}");
            let figure = figure.try_into().map_err(|error| BadFigures(format!("{file}, {name}: {error}")))?;
            all.insert(name, figure);
        }
    }
    Ok(all)
}

impl Figures {
    /// The figures of AWS that ship with this crate.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn of_aws() -> Result<Self, BadFigures> {
        Self::new(include_str!("../../latencies.toml"))
    }

    /// The same with other latencies.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn new(latencies: &str) -> Result<Self, BadFigures> {
        let file: LatencyFile =
            toml::from_str(latencies).map_err(|error| BadFigures(format!("latencies: {error}")))?;
        let assumed =
            file.all.iter().filter(|(_, figure)| figure.assumed).map(|(name, _)| name.clone()).collect();
        let latency = |figure: &LatencyFigure| Latency {
            time: Quantiles::new(figure.p50, figure.p99, figure.tail),
            busy: (figure.busy * MILLISECOND as f64) as Nanos,
        };
        let limits: BTreeMap<String, LimitFigure> = nested(include_str!("../../limits.toml"), "limits.toml")?;
        let prices: BTreeMap<String, PriceFigure> = nested(include_str!("../../prices.toml"), "prices.toml")?;
        Ok(Self {
            latencies: file.all.iter().map(|(name, figure)| (name.clone(), latency(figure))).collect(),
            assumed,
            limits: limits.into_iter().map(|(name, figure)| (name, figure.value)).collect(),
            prices: prices.into_iter().map(|(name, figure)| (name, figure.usd)).collect(),
            lanes: file.server.map(|server| server.lanes),
        })
    }

    /// Sets a limit: a number, or infinity to switch it off.
    ///
    /// # Errors
    /// There is no such limit, or the simulation does not ask it.
    pub fn limit(&mut self, name: &str, value: f64) -> Result<(), BadFigures> {
        let asked = self.limits.keys().filter(|name| !NOT_ASKED.contains(&name.as_str()));
        let mut known: Vec<String> = asked.cloned().collect();
        known.sort();
        let known = known.join(", ");
        if NOT_ASKED.contains(&name) {
            return Err(BadFigures(format!(
                "the simulation does not ask the limit {name:?} yet; it asks {known}"
            )));
        }
        match self.limits.get_mut(name) {
            Some(limit) => *limit = value,
            None => return Err(BadFigures(format!("there is no limit {name:?}; there are {known}"))),
        }
        Ok(())
    }

    /// Makes a latency so many times as long: to see how much a result depends on it.
    ///
    /// # Errors
    /// There is no such latency.
    pub fn stretch(&mut self, name: &str, factor: f64) -> Result<(), BadFigures> {
        let mut known: Vec<String> = self.latencies.keys().cloned().collect();
        known.sort();
        let known = known.join(", ");
        match self.latencies.get_mut(name) {
            Some(latency) => latency.time.stretch(factor),
            None => return Err(BadFigures(format!("there is no latency {name:?}; there are {known}"))),
        }
        Ok(())
    }

    /// How many latencies nobody has published or measured, of how many.
    pub(super) fn assumed(&self) -> (usize, usize) {
        (self.assumed.len(), self.latencies.len())
    }

    /// Whether a call of this name has a latency.
    pub(super) fn knows(&self, call: &str) -> bool {
        self.latencies.contains_key(call)
    }

    pub(super) fn latency(&self, name: &str) -> Option<&Latency> {
        self.latencies.get(name)
    }

    /// A limit; infinity where there is none of this name.
    pub(super) fn most(&self, name: &str) -> f64 {
        self.limits.get(name).copied().unwrap_or(f64::INFINITY)
    }

    /// A price in US dollars; nothing where there is none of this name.
    pub(super) fn price(&self, name: &str) -> f64 {
        self.prices.get(name).copied().unwrap_or(0.0)
    }

    /// How many messages of a queue may be received and not yet deleted.
    pub(super) fn in_flight(&self, fifo: bool) -> usize {
        let most = self.most(if fifo { "queue.fifo_in_flight" } else { "queue.in_flight" });
        if most.is_finite() { most as usize } else { usize::MAX }
    }

    /// The rates of services that refuse what is more.
    pub(super) fn rates(&self) -> impl Iterator<Item = (&'static str, Rate)> {
        RATES.iter().map(|(name, burst)| {
            let a_second = self.most(name);
            (*name, Rate { a_second, burst: burst.map_or(a_second, |burst| self.most(burst)) })
        })
    }

    /// How many pollers Lambda has for a queue.
    pub(super) fn pollers(&self) -> PollerLimits {
        PollerLimits {
            start: self.most("poll.queue_start"),
            growth: self.most("poll.queue_growth") / 60.0,
            decline: self.most("poll.queue_decline") / 60.0,
            most: self.most("poll.queue_most"),
        }
    }

    /// State transitions of the account, which are delayed where there are too many.
    pub(super) fn transitions(&self) -> Rate {
        Rate { a_second: self.most("flow.transitions"), burst: self.most("flow.transition_burst") }
    }

    /// Requests that API Gateway lets through.
    pub(super) fn requests(&self) -> Rate {
        Rate { a_second: self.most("api.requests"), burst: self.most("api.burst") }
    }

    pub(super) fn of_table(&self) -> TableLimits {
        TableLimits {
            key_writes: self.most("table.write_units_a_key"),
            key_reads: self.most("table.read_units_a_key"),
            table_writes: self.most("table.write_units"),
            table_reads: self.most("table.read_units"),
            holds: SignedDuration::from_secs_f64(
                self.most("table.transaction_holds").clamp(0.0, 3_600.0) / 1_000.0,
            ),
        }
    }
}

/// The limits of services that are rates, and how much at once; as much as in a second where AWS says nothing.
const RATES: [(&str, Option<&str>); 7] = [
    ("flow.starts", Some("flow.start_burst")),
    ("topic.publishes", None),
    ("bus.puts", None),
    ("queue.fifo_calls", None),
    ("flags.gets", None),
    ("blob.puts_a_prefix", None),
    ("blob.gets_a_prefix", None),
];

/// Limits that are in the file, and that nothing asks yet.
const NOT_ASKED: [&str; 5] =
    ["table.initial_write_units", "table.initial_read_units", "shard.records", "shard.bytes", "metrics.puts"];
