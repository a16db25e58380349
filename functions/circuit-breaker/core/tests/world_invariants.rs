//! The breaker's invariants, under crashes and faults at every call: a taste of what `make sim` explores whole.

#![allow(clippy::panic, reason = "helpers of tests")]

mod world;

use tenfold_world::sim::Workload;
use tenfold_world::{Bounds, Memory, Order, Report, exhaust, sample, told};
use world::workloads::ALL;

/// Ends the test with the counterexample, or says how far it went.
#[track_caller]
fn holds(name: &str, report: &Report) {
    if let Some(violation) = &report.violation {
        panic!("{name}, after {} runs: {violation}", report.runs);
    }
    println!("{name}: {} runs{}", report.runs, if report.whole { ", exhaustive" } else { "" });
}

fn explore(workload: &Workload) {
    let Workload { name, run, .. } = workload;
    let near = Bounds { faults: 1, order: Order::Interrupted(1), runs: 8_000, ..Bounds::default() };
    holds(name, &exhaust(near, run));
    let far = Bounds { runs: 4_000, ..workload.deep() };
    holds(&format!("{name}, sampled"), &sample(far, 1, &mut Memory::default(), run));
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

macro_rules! workloads {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            explore(ALL.iter().find(|w| w.name == $name).expect("a workload of this name"));
        })*

        #[test]
        fn every_workload_is_a_test() {
            let tested = [$($name),*];
            let all: Vec<_> = ALL.iter().map(|w| w.name).collect();
            assert_eq!(all, tested);
        }
    };
}

workloads! {
    at_most_as_many_probes_as_permits: "half-open",
    at_most_two_probes_with_two_permits: "half-open, two permits",
    a_dead_prober_gives_its_permit_back: "dead prober",
    a_late_success_closes_nothing: "late success",
    promises_are_kept_when_the_gateway_keeps_the_key: "promises, key kept by the gateway",
    promises_are_kept_when_the_target_keeps_the_key: "promises, key kept by the target",
    two_processors_settle_once: "two processors",
    two_processors_settle_two_messages: "two processors, two messages",
    an_ordering_key_keeps_its_order: "order",
    what_dies_leaves_a_letter_and_comes_back: "death and redrive",
    the_same_key_calls_once: "same key",
    thin_traffic_trips: "thin traffic",
    tenants_are_isolated: "tenants",
    administration_disturbs_nobody: "administration",
    the_monitor_closes_and_opens: "health",
}
