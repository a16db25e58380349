//! The saga's invariants, under crashes and faults at every call: a smoke test of what `make sim` explores whole.

use tenfold_world::smoke;
use crate::world::workloads::{ALL, each_workload};

each_workload!(ALL, 3_000);

#[test]
fn a_seed_is_a_run() {
    smoke::a_seed_is_a_run(ALL, 1_000).unwrap();
}
