//! `make sim`: all workloads of a pattern, explored as far as time goes, with the proof that it looks closely.
//!
//! Three parts: every workload whole within its bounds, then at random and deeper; a table of which fault met
//! which call site; and the mutants, bugs put in on purpose, each of which must be found.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use crate::explore::{Bounds, Report, Violation, exhaust, replay, sample};
use crate::fault::Fault;
use crate::state::Order;
use crate::trace::Site;
use crate::{Memory, Outcome, World};

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
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The random part goes on until so much time has passed since the start.
    pub time: Duration,
    /// And until there were so many runs, the exhaustive part's too, but a fortieth of them at random,
    pub runs: u64,
    /// but never longer than this since the start.
    pub limit: Duration,
    /// Where random choices begin.
    pub seed: u64,
    /// How many threads.
    pub threads: usize,
}

impl Effort {
    /// Reads `SECONDS` (30), `RUNS` (2,000,000), `LIMIT` (300 s) and `SEED` (1).
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
        }
    }
}

/// The program behind `make sim`: explores a pattern, or runs again what `REPLAY` names.
#[must_use]
pub fn main(pattern: &Pattern) -> ExitCode {
    let well = match std::env::var("REPLAY") {
        Ok(run) => again(pattern, &run),
        Err(_) => explore(pattern, Effort::from_environment()),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Explores a pattern, tells how it goes on standard output, and says whether all is well.
fn explore(pattern: &Pattern, effort: Effort) -> bool {
    let begun = Instant::now();
    println!("{}: every crash, fault and order of {} workloads", pattern.slug, pattern.workloads.len());
    let progress = Progress::default();
    let whole = whole(pattern, effort, &progress);
    let exhaustive = whole.runs;
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
    let (covered, total) = coverage(&all);
    let caught = mutants(pattern, effort);
    let well = all.violation.is_none() && covered == total && caught == pattern.mutants.len();
    let sites: BTreeSet<Site> = all.coverage.keys().map(|(site, _)| *site).collect();
    println!("took {:.1} s", begun.elapsed().as_secs_f64());
    let summary = serde_json::json!({
        "patterns": { pattern.slug: {
            "schedules": all.runs,
            "exhaustive": exhaustive,
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

#[derive(Default)]
struct Progress {
    runs: AtomicU64,
    /// Processor time, so that others on the machine do not count.
    busy: Mutex<Duration>,
    said: Mutex<Option<Instant>>,
}

impl Progress {
    fn add(&self, runs: u64, time: Duration, what: &str) {
        let runs = self.runs.fetch_add(runs, Ordering::Relaxed) + runs;
        if let Ok(mut busy) = self.busy.lock() {
            *busy += time;
        }
        let Ok(mut said) = self.said.lock() else { return };
        if said.is_none_or(|at| at.elapsed() >= Duration::from_secs(2)) {
            *said = Some(Instant::now());
            println!("  {runs:>9} runs, at {what}");
        }
    }

    fn busy(&self) -> Duration {
        self.busy.lock().map_or(Duration::ZERO, |busy| *busy)
    }
}

/// Hands out the numbers below `n` to threads, each with something of its own, and merges what comes of them.
fn share<T: Default>(
    threads: usize,
    n: usize,
    work: impl Fn(usize, &mut T) -> Option<Report> + Sync,
) -> Report {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Report { whole: true, ..Report::default() });
    std::thread::scope(|scope| {
        for _ in 0..threads.min(n) {
            scope.spawn(|| {
                let mut own = T::default();
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(report) = (i < n).then(|| work(i, &mut own)).flatten() else { return };
                    if let Ok(mut all) = all.lock() {
                        all.merge(report);
                    }
                }
            });
        }
    });
    all.into_inner().unwrap_or_default()
}

fn whole(pattern: &Pattern, effort: Effort, progress: &Progress) -> Report {
    // For who works on one of them.
    let only = std::env::var("ONLY").unwrap_or_default();
    let wanted = pattern.workloads.iter().filter(|workload| workload.name.contains(&only));
    let parts: Vec<(&Workload, Order)> =
        wanted.flat_map(|w| w.orders.iter().map(move |order| (w, *order))).collect();
    let all = share(effort.threads, parts.len(), |i, (): &mut ()| {
        let (workload, order) = parts[i];
        let begun = ThreadTime::now();
        let mut report = exhaust(workload.bounds(order), workload.run);
        let took = begun.elapsed();
        progress.add(report.runs, took, workload.name);
        name(&mut report, pattern, workload, Some(order));
        println!(
            "  {:<40} {:<20} {:>9} runs, {:>9} states, {:>8.1e} schedules, {:.1} s",
            workload.name,
            said(Some(order)),
            report.runs,
            report.states,
            report.schedules as f64,
            took.as_secs_f64()
        );
        Some(report)
    });
    debug_assert!(all.whole || all.violation.is_some(), "the exhaustive part is always whole");
    all
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

/// Says in a violation which workload it is of, and how to run it again.
fn name(report: &mut Report, pattern: &Pattern, workload: &Workload, order: Option<Order>) {
    if let Some(Violation { what, replay, .. }) = &mut report.violation {
        *what = format!("{}: {what}", workload.name);
        let order = said(order);
        *replay = format!("make sim P={} REPLAY='{}: {order}: {replay}'", pattern.slug, workload.name);
    }
}

/// How many runs a thread makes before it looks at the clock and takes another workload.
const SLICE: u64 = 2_000;

fn random(pattern: &Pattern, effort: Effort, begun: Instant, progress: &Progress) -> Report {
    let broken = std::sync::atomic::AtomicBool::new(false);
    let made = AtomicU64::new(0);
    share(effort.threads, usize::MAX, |i, memories: &mut BTreeMap<usize, Memory>| {
        let time = begun.elapsed();
        let enough = time >= effort.time
            && progress.runs.load(Ordering::Relaxed) >= effort.runs
            && made.load(Ordering::Relaxed) >= effort.runs / 40;
        if enough || time >= effort.limit || broken.load(Ordering::Relaxed) {
            return None;
        }
        let which = i % pattern.workloads.len();
        let workload = &pattern.workloads[which];
        let bounds = Bounds { runs: SLICE, ..workload.deep() };
        let at = ThreadTime::now();
        let seed = effort.seed.wrapping_add((i as u64).wrapping_mul(SLICE));
        let mut report = sample(bounds, seed, memories.entry(which).or_default(), workload.run);
        progress.add(report.runs, at.elapsed(), workload.name);
        made.fetch_add(report.runs, Ordering::Relaxed);
        name(&mut report, pattern, workload, None);
        broken.fetch_or(report.violation.is_some(), Ordering::Relaxed);
        Some(report)
    })
}

/// Prints which fault met which call site, how often. Gives how many pairs were met, of how many.
fn coverage(report: &Report) -> (usize, usize) {
    let mut sites: BTreeMap<Site, Vec<u64>> = BTreeMap::new();
    for ((site, fault), n) in &report.coverage {
        let row = sites.entry(*site).or_insert_with(|| vec![0; 1 + Fault::ALL.len()]);
        let column = fault.map_or(0, |f| 1 + f as usize);
        row[column] += n;
    }
    println!();
    print!("  {:<78} {:>10}", "call site", "well");
    for fault in Fault::ALL {
        print!(" {:>12}", fault.name());
    }
    println!();
    let (mut covered, mut total) = (0, 0);
    for (site, row) in &sites {
        print!("  {:<78} {:>10}", site.to_string(), row[0]);
        for fault in Fault::ALL {
            let n = row[1 + fault as usize];
            if Fault::of(*site).contains(&fault) {
                total += 1;
                covered += usize::from(n > 0);
                let text = if n == 0 { "NEVER".to_owned() } else { n.to_string() };
                print!(" {text:>12}");
            } else {
                print!(" {:>12}", "-");
            }
        }
        println!();
    }
    println!();
    (covered, total)
}

/// How many runs of a workload a mutant may survive, at first and then.
const PATIENCE: [u64; 3] = [2_000, 20_000, 100_000];

/// Puts each mutant in and looks for it. Gives how many were caught.
fn mutants(pattern: &Pattern, effort: Effort) -> usize {
    let caught = AtomicUsize::new(0);
    share(effort.threads, pattern.mutants.len(), |i, (): &mut ()| {
        (pattern.mutate)(Some(i));
        let mut runs = 0;
        let found = PATIENCE.iter().find_map(|patience| {
            pattern.workloads.iter().find_map(|workload| {
                let (mut report, order) = hunt(workload, *patience, effort.seed);
                runs += report.runs;
                name(&mut report, pattern, workload, order);
                report.violation
            })
        });
        (pattern.mutate)(None);
        let mutant = pattern.mutants[i];
        if let Some(violation) = found {
            caught.fetch_add(1, Ordering::Relaxed);
            println!("  caught  {mutant:<44} after {runs:>7} runs: {}", violation.what);
            if std::env::var_os("VERBOSE").is_some() {
                println!("{violation}");
            }
        } else {
            println!("  MISSED  {mutant:<44} in {runs} runs");
        }
        Some(Report { whole: true, ..Report::default() })
    });
    caught.into_inner()
}

/// Looks for a violation in a workload: depth first, then at random.
fn hunt(workload: &Workload, patience: u64, seed: u64) -> (Report, Option<Order>) {
    let mut all = Report::default();
    for order in workload.orders {
        all.merge(exhaust(Bounds { runs: patience, ..workload.bounds(*order) }, workload.run));
        if all.violation.is_some() {
            return (all, Some(*order));
        }
    }
    let far = Bounds { runs: patience / 10, ..workload.deep() };
    all.merge(sample(far, seed, &mut Memory::default(), workload.run));
    (all, None)
}
