//! The invariants, under crashes and faults at every call: a smoke test of what `make sim` explores whole.

use crate::world::workloads::{ALL, each_workload};
use tenfold_world::smoke;

each_workload!(ALL, 3_000);

#[test]
fn a_seed_is_a_run() {
    smoke::a_seed_is_a_run(ALL, 1_000).unwrap();
}
