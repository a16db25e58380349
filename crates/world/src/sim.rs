//! `make sim`: all workloads of a pattern, explored as far as time goes, with the proof that it looks closely.
//!
//! Three parts: every workload whole within its bounds, then at random and deeper; a table of which fault met
//! which call site; and the mutants, bugs put in on purpose, each of which must be found.

mod coverage;
mod mutants;
mod runs;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use self::coverage::coverage;
use self::mutants::mutants;
use self::runs::{Progress, random, whole};
use crate::explore::{Bounds, Violation, replay};
use crate::state::Order;
use crate::trace::Site;
use crate::{Outcome, World};

/// A run of the world, and how far the exhaustive part goes with it.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// How many calls of a run go wrong.
    pub faults: usize,
    /// In which orders calls are made. Each is explored whole.
    pub orders: &'static [Order],
    /// The run: sets the world up, runs it and says which invariant does not hold.
    pub run: fn(&World) -> Outcome,
}

impl Workload {
    /// A workload, of which so many calls go wrong.
    #[must_use]
    pub const fn new(
        name: &'static str,
        faults: usize,
        orders: &'static [Order],
        run: fn(&World) -> Outcome,
    ) -> Self {
        Self { name, faults, orders, run }
    }

    /// The bounds of the exhaustive part, with calls made in such an order.
    #[must_use]
    pub const fn bounds(&self, order: Order) -> Bounds {
        Bounds { faults: self.faults, order, stale_reads: false, runs: u64::MAX, time: Duration::MAX }
    }

    /// The bounds of the random part.
    #[must_use]
    pub const fn deep(&self) -> Bounds {
        Bounds { faults: 3, stale_reads: true, ..self.bounds(Order::Calls) }
    }
}

/// What of a pattern is explored.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// Its slug.
    pub slug: &'static str,
    /// Its workloads.
    pub workloads: &'static [Workload],
    /// The names of its mutants.
    pub mutants: &'static [&'static str],
    /// Puts the mutant with this number in, for the thread that calls, or takes it out.
    pub mutate: fn(Option<usize>),
}

/// How long and how much, as the command line or the environment says.
#[derive(Debug, Clone)]
pub struct Effort {
    /// The random part goes on until so much time has passed since the start.
    pub time: Duration,
    /// And until there were so many runs, the exhaustive part's too, but some of each workload and a hundredth of
    /// them in all at random,
    pub runs: u64,
    /// but never longer than this since the random part began.
    pub limit: Duration,
    /// Where random choices begin.
    pub seed: u64,
    /// How many threads.
    pub threads: usize,
    /// Of which workloads the exhaustive part is: those whose names contain it. For who works on one of them.
    pub only: String,
}

impl Effort {
    /// Reads `SECONDS` (30), `RUNS` (2,000,000), `LIMIT` (300 s), `SEED` (1) and `ONLY` (all).
    #[must_use]
    pub fn from_environment() -> Self {
        let number = |name: &str, default: u64| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        Self {
            time: Duration::from_secs(number("SECONDS", 30)),
            runs: number("RUNS", 2_000_000),
            limit: Duration::from_secs(number("LIMIT", 300)),
            seed: number("SEED", 1),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            only: std::env::var("ONLY").unwrap_or_default(),
        }
    }
}

/// The program behind `make sim`: explores a pattern, or runs again what `REPLAY` names.
#[must_use]
pub fn main(pattern: &Pattern) -> ExitCode {
    let well = match std::env::var("REPLAY") {
        Ok(run) => again(pattern, &run),
        Err(_) => explore(pattern, &Effort::from_environment()),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Explores a pattern, tells how it goes on standard output, and says whether all is well.
fn explore(pattern: &Pattern, effort: &Effort) -> bool {
    let begun = Instant::now();
    println!("{}: every crash, fault and order of {} workloads", pattern.slug, pattern.workloads.len());
    let progress = Progress::default();
    let whole = whole(pattern, effort, &progress);
    let exhaustive = whole.runs;
    if exhaustive == 0 {
        println!("no workload's name contains `{}`", effort.only);
        return false;
    }
    let mut all = whole;
    if all.violation.is_none() {
        all.merge(random(pattern, effort, begun, &progress));
    }
    let busy = progress.busy();
    let speed = all.runs as f64 / busy.as_secs_f64().max(0.001);
    println!(
        "  {} runs, {exhaustive} of them exhaustive, which stand for {:.1e} schedules; {speed:.0} a second and core",
        all.runs, all.schedules as f64
    );
    if let Some(violation) = &all.violation {
        println!("{violation}");
    }
    if !effort.only.is_empty() {
        println!(
            "only workloads with `{}` in their names were explored whole: this proves nothing",
            effort.only
        );
    }
    let (covered, total) = coverage(&all);
    let caught = mutants(pattern, effort);
    let well = all.violation.is_none()
        && effort.only.is_empty()
        && covered == total
        && caught == pattern.mutants.len();
    let sites: BTreeSet<Site> = all.coverage.keys().map(|(site, _)| *site).collect();
    println!("took {:.1} s", begun.elapsed().as_secs_f64());
    let summary = serde_json::json!({
        "patterns": { pattern.slug: {
            "schedules": all.runs,
            "exhaustive": exhaustive,
            "random": all.runs - exhaustive,
            "stand_for": all.schedules as f64,
            "call_sites": sites.len(),
            "faults_covered": covered,
            "faults_total": total,
            "mutants_caught": caught,
            "mutants_total": pattern.mutants.len(),
            "violations": u8::from(all.violation.is_some()),
        }},
        "schedules_per_second": speed as u64,
    });
    println!("{summary}");
    well
}

/// Runs one run again, as a violation names it (`workload: order: choices`), and prints what happens.
fn again(pattern: &Pattern, run: &str) -> bool {
    let mut parts = run.splitn(3, ": ");
    let (workload, order) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let order = understood(order);
    let choices: Vec<u32> =
        parts.next().unwrap_or_default().split(',').filter_map(|c| c.parse().ok()).collect();
    let Some(workload) = pattern.workloads.iter().find(|w| w.name == workload) else {
        println!("there is no workload {workload}; there are:");
        for workload in pattern.workloads {
            println!("  {}", workload.name);
        }
        return false;
    };
    let bounds = match order {
        Some(order) => workload.bounds(order),
        None => workload.deep(),
    };
    let (result, timeline) = replay(bounds, workload.run, &choices);
    for event in &timeline {
        println!("{event}");
    }
    println!(
        "{}",
        result.as_ref().map_or_else(|why| format!("VIOLATION: {why}"), |()| "all is well".to_owned())
    );
    result.is_ok()
}

/// How an order is said in a command; none for the random part, in which calls are made in any order.
fn said(order: Option<Order>) -> String {
    match order {
        Some(Order::Invocations) => "every order".to_owned(),
        Some(Order::Interrupted(n)) => format!("{n} interruptions"),
        Some(Order::Calls) => "every order of calls".to_owned(),
        None => "random".to_owned(),
    }
}

/// What is said, as an order again.
fn understood(text: &str) -> Option<Order> {
    match text.split_once(' ') {
        Some((n, "interruptions")) => n.parse().ok().map(Order::Interrupted),
        _ if text == "every order" => Some(Order::Invocations),
        _ if text == "every order of calls" => Some(Order::Calls),
        _ => None,
    }
}

/// A violation that says which workload it is of, and how to run it again.
fn named(violation: Violation, pattern: &Pattern, workload: &Workload, order: Option<Order>) -> Violation {
    let Violation { what, replay, .. } = &violation;
    let again = format!("{}: {}: {replay}", workload.name, said(order));
    Violation {
        what: format!("{}: {what}", workload.name),
        replay: format!("make sim P={} REPLAY='{again}'", pattern.slug),
        ..violation
    }
}
