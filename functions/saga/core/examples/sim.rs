//! `make sim`: every crash at every AWS call, for the saga.
//!
//! `SECONDS`, `RUNS` and `SEED` say how far to go; `REPLAY="workload: order: 1,0,2"` runs again what a
//! violation names. `VERBOSE=1` shows the counterexample of each mutant.

#![allow(clippy::disallowed_methods, reason = "a program that is started by hand, not a core")]

#[path = "../tests/world/mod.rs"]
mod world;

use std::process::ExitCode;

use saga_core::mutant::{Mutant, put_in};
use tenfold_world::sim::{Effort, Pattern, again, explore};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MUTANTS: &[&str] = &{
    let mut names = [""; Mutant::ALL.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = Mutant::ALL[i].1;
        i += 1;
    }
    names
};

const PATTERN: Pattern =
    Pattern { slug: "saga", workloads: world::workloads::ALL, mutants: MUTANTS, mutate: put_in };

fn main() -> ExitCode {
    let well = match std::env::var("REPLAY") {
        Ok(run) => again(&PATTERN, &run),
        Err(_) => explore(&PATTERN, Effort::from_environment()),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
