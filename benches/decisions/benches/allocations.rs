//! Counts what every case allocates, and prints a line of JSON for all of them.

use std::alloc::System;

use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tenfold_decisions::{Case, cases};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let counted: Vec<_> = cases().iter_mut().map(count).collect();
    println!("{}", json!(counted));
}

/// Counts an operation in the state that a case comes to after many: the median of single ones, so that a read that
/// is due once a second does not make a part of a number. Where one holds many decisions, it is what one of them costs.
fn count(case: &mut Case) -> serde_json::Value {
    let (before, counted) = if case.units > 1 { (1, 1) } else { (2_000, 201) };
    case.run(before);
    let mut seen: Vec<(usize, usize)> = (0..counted).map(|_| once(case)).collect();
    seen.sort_unstable();
    let (allocations, bytes) = seen[counted / 2];
    let one = |all: usize| (all as f64 / case.units as f64 * 10.0).round() / 10.0;
    json!({ "decision": case.decision, "of": case.of, "allocations": one(allocations), "bytes": one(bytes) })
}

/// The allocations of one operation, growing ones too, and their bytes.
fn once(case: &mut Case) -> (usize, usize) {
    let region = Region::new(ALLOCATOR);
    case.run(1);
    let change = region.change();
    (change.allocations + change.reallocations, change.bytes_allocated)
}
