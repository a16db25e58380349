//! Bugs put in on purpose: each must be found, or the number of runs means nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::effort::Effort;
use super::names::{named, said};
use super::pattern::Pattern;
use super::runs::share;
use crate::explore::{Bounds, Memory, SearchReport, Workload, exhaust, replay, sample};
use crate::run::limits::Order;

/// How many runs of a workload a mutant may survive, at first and then.
const PATIENCE: [u64; 3] = [2_000, 20_000, 100_000];

/// Puts each mutant in and looks for it. Gives how many were caught.
pub(super) fn mutants(pattern: &Pattern, effort: &Effort) -> usize {
    let caught = AtomicUsize::new(0);
    share(effort.threads, pattern.mutants.len(), |i, (): &mut ()| {
        (pattern.mutate)(Some(i));
        let mut runs = 0;
        let found = PATIENCE.iter().find_map(|patience| {
            pattern.workloads.iter().find_map(|workload| {
                let (report, order) = hunt(workload, *patience, effort.seed);
                runs += report.runs;
                report.violation.map(|violation| (workload, order, violation))
            })
        });
        (pattern.mutate)(None);
        let mutant = pattern.mutants[i];
        match found {
            None => println!("  MISSED  {mutant:<44} in {runs} runs"),
            // Then it is no proof that the mutant is seen, but a bug of the pattern.
            Some((workload, order, violation)) if !holds_without(workload, order, &violation.replay) => {
                println!("  MISSED  {mutant:<44} what it breaks is broken without it: {}", violation.what);
            }
            Some((workload, order, violation)) => {
                caught.fetch_add(1, Ordering::Relaxed);
                let violation = named(violation, pattern, workload, order);
                println!("  caught  {mutant:<44} after {runs:>7} runs, {}: {}", said(order), violation.what);
                if std::env::var_os("VERBOSE").is_some() {
                    println!("{violation}");
                }
            }
        }
        Some(SearchReport { whole: true, ..SearchReport::default() })
    });
    caught.into_inner()
}

/// Whether a run in which a mutant was found is well with nothing put in.
fn holds_without(workload: &Workload, order: Option<Order>, choices: &str) -> bool {
    let choices: Vec<u32> = choices.split(',').filter_map(|choice| choice.parse().ok()).collect();
    let bounds = order.map_or(workload.deep(), |order| workload.bounds(order));
    replay(bounds, workload.run, &choices).0.is_ok()
}

/// Looks for a violation in a workload: depth first, then at random, then by time.
fn hunt(workload: &Workload, patience: u64, seed: u64) -> (SearchReport, Option<Order>) {
    let mut all = SearchReport::default();
    for order in workload.orders {
        all.merge(exhaust(Bounds { runs: patience, ..workload.bounds(*order) }, workload.run));
        if all.violation.is_some() {
            return (all, Some(*order));
        }
    }
    let far = Bounds { runs: patience / 10, ..workload.deep() };
    all.merge(sample(far, seed, &mut Memory::default(), workload.run));
    if all.violation.is_some() {
        return (all, None);
    }
    // What needs time to be seen, and what needs several things to be slow at once, is looked for when all else has been.
    let share = match patience {
        first if first == PATIENCE[0] => return (all, None),
        last if last == PATIENCE[2] => 4,
        _ => 10,
    };
    let by_time = Bounds { runs: patience / share, ..workload.bounds(Order::Timed) };
    all.merge(sample(by_time, seed, &mut Memory::default(), workload.run));
    (all, Some(Order::Timed))
}
