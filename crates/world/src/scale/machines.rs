//! What is known of executions that run.

use super::agenda::Nanos;

/// Executions that run.
#[derive(Debug, Default)]
pub(super) struct FlowRuns {
    /// Which execution is at each place of each machine.
    pub numbers: Vec<Vec<u64>>,
    pub next: u64,
    /// State transitions of this second, and which second it is.
    pub transitions: (f64, Nanos),
    pub started: u64,
    pub ended: u64,
    pub failed: u64,
    /// How many transitions are paid for.
    pub paid: u64,
}
