//! `make sim`: every crash at every AWS call, for the saga.
//!
//! `SECONDS`, `RUNS` and `SEED` say how far to go; `REPLAY="workload: order: 1,0,2"` runs again what a
//! violation names. `VERBOSE=1` shows the counterexample of each mutant.

#[path = "../tests/world/mod.rs"]
mod world;

use std::process::ExitCode;

use saga_core::mutant::{Mutant, put_in};
use tenfold_world::sim::{self, Pattern};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sim::main(&Pattern {
        slug: "saga",
        workloads: world::workloads::ALL,
        mutants: Mutant::NAMES,
        mutate: put_in,
    })
}
