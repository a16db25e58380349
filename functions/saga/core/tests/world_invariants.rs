//! The saga's invariants, under crashes and faults at every call: a smoke test of what `make sim` explores whole.

mod world;

use tenfold_world::smoke;
use world::workloads::ALL;

#[test]
fn invariants_hold_under_every_fault_and_in_every_order() {
    for workload in ALL {
        match smoke::smoke(workload, 3_000) {
            Ok(runs) => println!("{}: {runs} runs", workload.name),
            Err(violation) => panic!("{}: {violation}", workload.name),
        }
    }
}

#[test]
fn a_seed_is_a_run() {
    smoke::a_seed_is_a_run(ALL, 1_000).unwrap();
}
