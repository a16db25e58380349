//! `make sim`: all workloads of a pattern, explored as far as time goes, with the proof that it looks
//! closely.
//!
//! Three parts: every workload whole within its bounds, then at random and deeper; a table of which fault met
//! which call site; and the mutants, bugs put in on purpose, each of which must be found.

mod coverage;
mod effort;
mod mutants;
mod names;
mod pattern;
mod runs;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

pub use self::effort::Effort;
pub use self::pattern::Pattern;

use self::coverage::coverage;
use self::mutants::mutants;
use self::names::understood;
use self::runs::{Progress, random, whole};
use crate::explore::replay;
use crate::kernel::site::Site;

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
