//! What `make sim` explores.

use crate::explore::Workload;

/// What of a pattern is explored.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// Its slug.
    pub slug: &'static str,
    /// Its workloads.
    pub workloads: &'static [Workload],
    /// The names of its mutants.
    pub mutants: &'static [&'static str],
    /// Puts the mutant with this number in, for the thread that calls, or takes it out.
    pub mutate: fn(Option<usize>),
}
