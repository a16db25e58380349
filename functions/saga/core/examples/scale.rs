//! `make scale`: the saga at a hundred thousand requests a second, in virtual time.
//!
//! `SCENARIO`, `RATE`, `SECONDS` and `SEED` say what is run; `STRETCH="table.write=2"` says how much a result
//! depends on a latency.

#[path = "../tests/scale/mod.rs"]
mod scale;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tenfold_world::scale::main(&scale::PATTERN)
}
