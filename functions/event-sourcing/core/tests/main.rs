//! The core's tests: handlers in memory, and in the deterministic world.

#![allow(clippy::unwrap_used, reason = "test code, which Clippy does not see in modules")]

mod api;
mod budgets;
mod world;
mod world_invariants;
