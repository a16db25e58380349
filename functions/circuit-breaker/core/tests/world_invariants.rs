//! The breaker's invariants, under crashes and faults at every call: a smoke test of what `make sim` explores whole.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod world;

use tenfold_world::smoke;
use world::workloads::ALL;

fn explore(name: &str) {
    let workload = ALL.iter().find(|workload| workload.name == name).expect("a workload of this name");
    match smoke::smoke(workload, 4_000) {
        Ok(runs) => println!("{name}: {runs} runs"),
        Err(violation) => panic!("{name}: {violation}"),
    }
}

#[test]
fn a_seed_is_a_run() {
    smoke::a_seed_is_a_run(ALL, 1_000).unwrap();
}

macro_rules! workloads {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            explore($name);
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
    at_most_as_many_probes_while_the_target_is_sick: "half-open, still sick",
    a_permit_outlives_its_call_by_any_clock: "half-open, clocks that differ",
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
