//! The runs of a pattern: every workload whole within its bounds, then at random and deeper, on all cores.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

use super::effort::Effort;
use super::names::{named, said};
use super::pattern::Pattern;
use crate::explore::{Bounds, Memory, SearchReport, Workload, exhaust, sample};
use crate::run::limits::Order;

#[derive(Default)]
pub(super) struct Progress {
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

    pub(super) fn busy(&self) -> Duration {
        self.busy.lock().map_or(Duration::ZERO, |busy| *busy)
    }
}

/// Hands out the numbers below `n` to threads, each with something of its own, and merges what comes of them.
pub(super) fn share<T: Default>(
    threads: usize,
    n: usize,
    work: impl Fn(usize, &mut T) -> Option<SearchReport> + Sync,
) -> SearchReport {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(SearchReport { whole: true, ..SearchReport::default() });
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

pub(super) fn whole(pattern: &Pattern, effort: &Effort, progress: &Progress) -> SearchReport {
    let wanted = pattern.workloads.iter().filter(|workload| workload.name.contains(&effort.only));
    let parts: Vec<(&Workload, Order)> =
        wanted.flat_map(|w| w.orders.iter().map(move |order| (w, *order))).collect();
    let all = share(effort.threads, parts.len(), |i, (): &mut ()| {
        let (workload, order) = parts[i];
        let begun = ThreadTime::now();
        let mut report = exhaust(workload.bounds(order), workload.run);
        let took = begun.elapsed();
        progress.add(report.runs, took, workload.name);
        report.violation = report.violation.map(|violation| named(violation, pattern, workload, Some(order)));
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

/// How many runs a thread makes before it looks at the clock and takes another workload.
const SLICE: u64 = 1_000;

pub(super) fn random(
    pattern: &Pattern,
    effort: &Effort,
    begun: Instant,
    progress: &Progress,
) -> SearchReport {
    let least = (effort.runs / 100).max(SLICE * pattern.workloads.len() as u64);
    let here = Instant::now();
    let broken = AtomicBool::new(false);
    let made = AtomicU64::new(0);
    share(effort.threads, usize::MAX, |i, memories: &mut BTreeMap<(usize, bool), Memory>| {
        let enough = begun.elapsed() >= effort.time
            && progress.runs.load(Ordering::Relaxed) >= effort.runs
            && made.load(Ordering::Relaxed) >= least;
        let late = here.elapsed() >= effort.limit && i >= pattern.workloads.len();
        if enough || late || broken.load(Ordering::Relaxed) {
            return None;
        }
        let which = i % pattern.workloads.len();
        let workload = &pattern.workloads[which];
        // Beside every order of calls, in turn, runs that go by time.
        let by_time = (i / pattern.workloads.len()) % 2 == 1;
        let order = by_time.then_some(Order::Timed);
        let bounds = Bounds { runs: SLICE, ..order.map_or(workload.deep(), |order| workload.bounds(order)) };
        let at = ThreadTime::now();
        let seed = effort.seed.wrapping_add((i as u64).wrapping_mul(SLICE));
        let mut report = sample(bounds, seed, memories.entry((which, by_time)).or_default(), workload.run);
        progress.add(report.runs, at.elapsed(), workload.name);
        made.fetch_add(report.runs, Ordering::Relaxed);
        report.violation = report.violation.map(|violation| named(violation, pattern, workload, order));
        broken.fetch_or(report.violation.is_some(), Ordering::Relaxed);
        Some(report)
    })
}
