//! `make sim`: every crash at every AWS call, for event sourcing.
//!
//! `SECONDS`, `RUNS` and `SEED` say how far to go; `REPLAY="workload: order: 1,0,2"` runs again what a
//! violation names. `VERBOSE=1` shows the counterexample of each mutant.

#[path = "../tests/world/mod.rs"]
mod world;

use std::process::ExitCode;

use event_sourcing_core::mutant::{Mutant, put_in};
use tenfold_world::sim::{self, Pattern};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sim::main(&Pattern {
        slug: "event-sourcing",
        workloads: world::workloads::ALL,
        mutants: Mutant::NAMES,
        mutate: put_in,
    })
}
