//! The saga's invariants, under crashes and faults at every call: a taste of what `make sim` explores whole.

#![allow(clippy::panic, reason = "helpers of tests")]

mod world;

use tenfold_world::{Bounds, Memory, Report, exhaust, sample, told};
use world::workloads::ALL;

/// Ends the test with the counterexample, or says how far it went.
#[track_caller]
fn holds(name: &str, report: &Report) {
    if let Some(violation) = &report.violation {
        panic!("{name}, after {} runs: {violation}", report.runs);
    }
    println!("{name}: {} runs{}", report.runs, if report.whole { ", exhaustive" } else { "" });
}

#[test]
fn invariants_hold_under_every_fault_and_in_every_order() {
    for workload in ALL {
        for order in workload.orders {
            let near = Bounds { runs: 4_000, ..workload.bounds(*order) };
            holds(workload.name, &exhaust(near, workload.run));
        }
        let far = Bounds { runs: 1_000, ..workload.deep() };
        let report = sample(far, 1, &mut Memory::default(), workload.run);
        holds(&format!("{}, sampled", workload.name), &report);
    }
}

/// Nothing in a run is left to chance but its choices: the same seed is the same run, byte for byte.
#[test]
fn a_seed_is_a_run() {
    for seed in 0..1_000 {
        let workload = &ALL[seed as usize % ALL.len()];
        let first = told(workload.deep(), seed, workload.run);
        assert!(first.lines().count() > 1, "{}: {first}", workload.name);
        assert_eq!(first, told(workload.deep(), seed, workload.run), "{} with seed {seed}", workload.name);
    }
}
