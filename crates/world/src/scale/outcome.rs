//! What a run came to: what was measured by name, as a table and as a line of JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::nanos::SECOND;
use super::recorder::is_served;
use super::scenario::{Claim, Scenario, value};
use super::simulation::Simulation;
use super::sources::SourceKind;

/// What a run came to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// All that was measured, by name.
    pub measured: BTreeMap<String, f64>,
    /// Which keys were throttled most, and how often.
    pub throttled: Vec<(String, u64)>,
    /// The partition key that took the most write units in a second.
    pub hottest: String,
    /// What does not hold that must, and what holds that is said not to.
    pub wrong: Vec<String>,
    /// What does not hold, and why not yet.
    pub not_yet: Vec<String>,
}

impl Simulation {
    /// What the run came to. What does not hold yet fails it when it does, if the scenario ran as it is written.
    pub(super) fn outcome(&self, scenario: &Scenario, as_written: bool) -> Outcome {
        let measured = self.measured();
        let sides = |claim: &Claim| {
            let side = |text: &str| match value(text, &measured) {
                Ok(value) if text.parse::<f64>().is_err() => format!("{text} is {value}"),
                _ => String::new(),
            };
            let both = [side(&claim.left), side(&claim.right)];
            both.into_iter().filter(|side| !side.is_empty()).collect::<Vec<_>>().join(", ")
        };
        let (mut wrong, mut not_yet) = (Vec::new(), Vec::new());
        for claim in &scenario.must {
            match claim.holds(&measured) {
                Ok(true) => {}
                Ok(false) => wrong.push(format!("{claim} does not hold: {}", sides(claim))),
                Err(what) => wrong.push(format!("{claim}: {what}")),
            }
        }
        for known in &scenario.not_yet {
            let claim = &known.claim;
            match claim.holds(&measured) {
                Ok(true) if as_written => wrong.push(format!("{claim} holds by now: it belongs into `must`")),
                Ok(true) => not_yet.push(format!("holds in this run: {claim}")),
                Ok(false) => not_yet.push(format!("not yet {claim}: {}; {}", sides(claim), known.because)),
                Err(what) => wrong.push(format!("{claim}: {what}")),
            }
        }
        if !as_written && !wrong.is_empty() {
            wrong.push(format!(
                "the scenario's claims are made for {} a second for {} s, and this run was another one",
                short(scenario.rate),
                scenario.seconds
            ));
        }
        let state = self.world.state.borrow();
        let capacity = state.timed.as_ref().map(|timed| &timed.capacity);
        let mut throttled: Vec<(String, u64)> =
            capacity.iter().flat_map(|c| c.throttled.iter().map(|(name, n)| (name.clone(), *n))).collect();
        let rates = state.timed.iter().flat_map(|timed| timed.rates.refused.iter());
        throttled.extend(rates.map(|(name, n)| ((*name).to_owned(), *n)));
        throttled.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        throttled.truncate(3);
        let hottest = capacity.map(|c| c.hottest.name.clone()).unwrap_or_default();
        for call in &self.recorder.unknown {
            wrong.push(format!("nothing says how long {call} takes: latencies.toml needs it"));
        }
        if let Some(what) = state.table.broken() {
            wrong.push(format!("an invariant does not hold: {what}"));
        }
        Outcome { measured, throttled, hottest, wrong, not_yet }
    }

    /// What was measured so far, by name.
    pub(super) fn measured(&self) -> BTreeMap<String, f64> {
        let recorder = &self.recorder;
        let seconds = self.now.min(self.load.until) as f64 / SECOND as f64;
        let mut all: BTreeMap<String, f64> = BTreeMap::new();
        let mut add = |name: &str, value: f64| {
            all.insert(name.to_owned(), value);
        };
        add("in", recorder.came as f64);
        let of = |class: u16| {
            let statuses = recorder.statuses.iter();
            statuses.filter(|(status, _)| **status / 100 == class).map(|(_, n)| *n).sum::<u64>() as f64
        };
        add("answered_2xx", of(2));
        add("answered_4xx", of(4));
        add("answered_5xx", of(5));
        for (status, n) in &recorder.statuses {
            add(&format!("answered_{status}"), *n as f64);
        }
        let came = (recorder.came as f64).max(1.0);
        add("failed_share", (of(5) + recorder.statuses.get(&429).copied().unwrap_or(0) as f64) / came);
        add("throughput", recorder.in_time as f64 / seconds.max(1e-9));
        for (name, quantile) in [("p50_ms", 0.5), ("p99_ms", 0.99), ("p999_ms", 0.999)] {
            add(name, recorder.times.at(quantile));
            add(&format!("added_{name}"), recorder.added.at(quantile));
        }
        for (name, value) in &recorder.metrics {
            add(&format!("metric_{name}"), *value);
        }
        let backlogs = || recorder.seconds.iter().map(|second| second.backlog);
        add("backlog_most", backlogs().fold(0.0, f64::max));
        add("backlog_end", backlogs().next_back().unwrap_or(0.0));
        // Each second is looked at when it ends: it is gone with the first that has no more than usual.
        let above = recorder.seconds.iter().rposition(|second| second.backlog > recorder.usual);
        let since = recorder.changed.unwrap_or(self.load.until) as f64 / SECOND as f64;
        let drained = match above {
            None => 0.0,
            Some(at) if at + 1 == recorder.seconds.len() => f64::INFINITY,
            Some(at) => (at as f64 + 2.0 - since).max(0.0),
        };
        add("drained_s", drained);
        add("refused_calls", recorder.refused as f64);
        let mut calls = 0;
        for (name, n) in &recorder.calls {
            add(&format!("calls_{name}"), *n as f64);
            calls += n;
        }
        add("calls", calls as f64);
        add("calls_a_request", calls as f64 / came);
        for function in &self.functions {
            let (role, counts) = (function.settings.role, &function.counts);
            add(&format!("concurrency_{role}"), f64::from(counts.most_busy));
            add(&format!("invocations_{role}"), counts.invocations as f64);
            add(&format!("cold_{role}"), counts.cold as f64);
            add(&format!("timed_out_{role}"), counts.timed_out as f64);
            add(&format!("refused_{role}"), counts.refused as f64);
            add(&format!("given_up_{role}"), counts.given_up as f64);
        }
        for (name, host) in &self.hosts {
            add(&format!("calls_of_{name}"), host.calls as f64);
            add(&format!("best_5s_of_{name}"), host.best());
            let last = host.last_served().saturating_sub(self.load.until);
            add(&format!("last_served_s_of_{name}"), last as f64 / SECOND as f64);
        }
        for (state, (count, times)) in &recorder.states {
            add(&format!("state_{state}"), *count as f64);
            for (name, quantile) in [("p50_s", 0.5), ("p99_s", 0.99)] {
                add(&format!("state_{state}_{name}"), times.at(quantile) / 1_000.0);
            }
        }
        let state = self.world.state.borrow();
        let letters = (0..state.queues.len()).filter(|queue| !self.queues.contains_key(queue));
        add("dead_letters", letters.map(|queue| state.queues[queue].len()).sum::<usize>() as f64);
        add("rows", state.table.len() as f64);
        add("executions", self.flows.started as f64);
        add("executions_failed", self.flows.failed as f64);
        if let Some(timed) = &state.timed {
            add("hottest_key_writes", timed.capacity.hottest.units);
            for (kind, units) in &timed.capacity.hottest_of {
                add(&format!("hottest_{kind}_writes"), *units);
            }
            add("transactions_met", timed.capacity.met as f64);
            add("throttled_keys", timed.capacity.throttled.len() as f64);
        }
        let mut usd = 0.0;
        for (service, cost) in self.costs() {
            all.insert(format!("usd_{service}"), cost);
            usd += cost;
        }
        all.insert("usd".to_owned(), usd);
        let served = recorder.statuses.iter().filter(|(status, _)| is_served(**status));
        let served = served.map(|(_, n)| *n).sum::<u64>() as f64;
        all.insert("usd_a_million".to_owned(), if served > 0.0 { usd / served * 1e6 } else { 0.0 });
        all
    }

    /// What the run costs, in US dollars by service.
    fn costs(&self) -> BTreeMap<&'static str, f64> {
        let price = |name| self.figures.price(name);
        let state = self.world.state.borrow();
        let timed = state.timed.as_ref();
        let calls = |prefix: &str| {
            let calls = self.recorder.calls.iter();
            calls.filter(|(name, _)| name.starts_with(prefix)).map(|(_, n)| *n).sum::<u64>() as f64
        };
        let lambda = self.functions.iter().map(|function| {
            let gigabytes = f64::from(function.settings.memory) / 1_024.0;
            function.counts.invocations as f64 * price("lambda.request")
                + function.counts.milliseconds as f64 / 1_000.0 * gigabytes * price("lambda.gb_second")
        });
        let answered = self.recorder.statuses.iter().filter(|(status, _)| **status != 429).map(|(_, n)| *n);
        let published = timed.map_or(0, |timed| timed.published) as f64;
        BTreeMap::from([
            ("lambda", lambda.sum()),
            ("api", answered.sum::<u64>() as f64 * price("api.request")),
            (
                "table",
                timed.map_or(0.0, |timed| {
                    timed.capacity.written * price("table.write_unit")
                        + timed.capacity.read * price("table.read_unit")
                }),
            ),
            ("queue", (calls("queue.") + self.brought as f64 + self.empty_polls()) * price("queue.request")),
            (
                "logs",
                self.functions.iter().map(|function| function.counts.invocations).sum::<u64>() as f64
                    * price("logs.invocation"),
            ),
            ("topic", published * price("topic.publish")),
            ("bus", timed.map_or(0, |timed| timed.put) as f64 * price("bus.event")),
            (
                "blob",
                (calls("blob.put") + calls("blob.list")) * price("blob.put")
                    + (calls("blob.get") + calls("blob.head")) * price("blob.get"),
            ),
            ("flow", self.flows.paid as f64 * price("flow.transition")),
        ])
    }
}

impl Simulation {
    /// How often Lambda's pollers of queues have come back with nothing: they wait for 20 s each time.
    fn empty_polls(&self) -> f64 {
        let queues = self.sources.iter().filter(|source| matches!(source.kind, SourceKind::Queue(_))).count();
        let pollers = self.figures.most("poll.queue_start");
        queues as f64 * pollers * self.now as f64 / (20 * SECOND) as f64
    }
}

/// A number as people read it.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        v if v.is_infinite() => "not within this run".to_owned(),
        0.0 => "0".to_owned(),
        v if v >= 1e7 => format!("{:.1} M", value / 1e6),
        v if v >= 1e4 => format!("{:.1} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

impl Outcome {
    /// The line of JSON.
    pub fn json(&self, slug: &str, name: &str, seed: u64) -> Json {
        let measured: serde_json::Map<String, Json> = self
            .measured
            .iter()
            .map(|(name, value)| (name.clone(), if value.is_finite() { json!(value) } else { Json::Null }))
            .collect();
        json!({
            "pattern": slug, "scenario": name, "seed": seed, "measured": measured,
            "hottest": self.hottest, "throttled": self.throttled, "wrong": self.wrong, "not_yet": self.not_yet,
        })
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let value = |name: &str| short(self.measured.get(name).copied().unwrap_or(0.0));
        let row = |title: &str, cells: &[(&str, &str)]| {
            let cells: Vec<String> =
                cells.iter().map(|(what, name)| format!("{what} {}", value(name))).collect();
            format!("  {title:<13}{}\n", cells.join("   "))
        };
        let mut text = String::new();
        text += &row(
            "requests",
            &[
                ("in", "in"),
                ("2xx", "answered_2xx"),
                ("4xx", "answered_4xx"),
                ("5xx", "answered_5xx"),
                ("a second", "throughput"),
            ],
        );
        text += &row("time, ms", &[("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p999_ms")]);
        text += &row(
            "added, ms",
            &[("p50", "added_p50_ms"), ("p99", "added_p99_ms"), ("p99.9", "added_p999_ms")],
        );
        text += &row(
            "backlog",
            &[("most", "backlog_most"), ("at the end", "backlog_end"), ("gone after s", "drained_s")],
        );
        text += &row(
            "calls",
            &[("all", "calls"), ("a request", "calls_a_request"), ("refused", "refused_calls")],
        );
        let states = self.measured.iter().filter_map(|(name, n)| Some((name.strip_prefix("state_")?, n)));
        let states: Vec<String> = states
            .filter(|(name, _)| !name.ends_with("_s"))
            .map(|(name, n)| match self.measured.get(&format!("state_{name}_p99_s")) {
                Some(p99) if *p99 > 0.0 => format!("{name} {} (p99 {} s)", short(*n), short(*p99)),
                _ => format!("{name} {}", short(*n)),
            })
            .collect();
        if !states.is_empty() {
            let _ = writeln!(text, "  {:<13}{}", "at the end", states.join("   "));
        }
        let busiest =
            self.measured.iter().filter_map(|(name, n)| Some((name.strip_prefix("concurrency_")?, n)));
        let busiest: Vec<String> = busiest.map(|(role, n)| format!("{role} {}", short(*n))).collect();
        let _ = writeln!(text, "  {:<13}{}", "concurrency", busiest.join("   "));
        let _ = writeln!(
            text,
            "  {:<13}{} a second: {}",
            "hottest key",
            value("hottest_key_writes"),
            self.hottest
        );
        for (key, n) in &self.throttled {
            let _ = writeln!(text, "  {:<13}{} times: {key}", "throttled", short(*n as f64));
        }
        let costs = self.measured.iter().filter_map(|(name, usd)| Some((name.strip_prefix("usd_")?, usd)));
        let mut costs: Vec<_> = costs.filter(|(of, usd)| **usd > 0.0 && *of != "a_million").collect();
        costs.sort_by(|a, b| b.1.total_cmp(a.1));
        let shares: Vec<String> = costs
            .iter()
            .map(|(of, usd)| format!("{of} {:.0} %", 100.0 * *usd / self.measured["usd"]))
            .collect();
        let waiting = self.measured.get("backlog_end").copied().unwrap_or(0.0);
        let left =
            if waiting > 0.0 { format!("; not for the {} that wait", short(waiting)) } else { String::new() };
        let _ = writeln!(
            text,
            "  {:<13}{} $ a million requests: {}{left}",
            "cost",
            value("usd_a_million"),
            shares.join(", ")
        );
        for line in self.not_yet.iter().chain(&self.wrong) {
            let _ = writeln!(text, "  {line}");
        }
        text
    }
}
