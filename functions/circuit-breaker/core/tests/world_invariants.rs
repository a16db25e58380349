//! The breaker's invariants, under crashes and faults at every call: a smoke test of what `make sim` explores whole.

mod world;

use tenfold_world::smoke;
use world::workloads::{ALL, each_workload};

each_workload!(ALL, 4_000);

#[test]
fn a_seed_is_a_run() {
    smoke::a_seed_is_a_run(ALL, 1_000).unwrap();
}
