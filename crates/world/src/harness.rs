//! What patterns' tests in the world have in common: a list of workloads that is a test each, runs without
//! faults, schedules that settle what is left, and requests.
//!
//! Owns devices of tests that know nothing of any pattern. Not here: what a pattern's stack, traffic and
//! invariants are.

mod quiet;
mod request;
mod settle;
mod workloads;

pub use quiet::quiet;
pub use request::request;
