//! Driving runs: all of them, or many random ones; and making the failing one small and readable.
//!
//! Owns what a workload is, how far an exploration goes and what comes of it. Not here: what a run consists
//! of, and what a pattern's tests and `make sim` make of explorations.

mod bounds;
mod drive;
mod met;
mod once;
mod report;
mod shrink;
mod workload;

pub use bounds::{Bounds, Run};
pub use drive::{Memory, exhaust, sample};
pub use once::{replay, trace_detail};
pub use report::{SearchReport, Violation};
pub use workload::Workload;

#[cfg(test)]
mod tests;
