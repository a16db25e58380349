//! What a state has besides where time matters: what services let through, and what the driver and the call
//! that is being made have to tell each other.
//!
//! Runs that try every order have none of it.

use tenfold_ports::downstream::{Answer, NoAnswer};

use crate::aws::capacity::{Capacity, CapacityCheck};

/// What a state has besides where time matters.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    pub capacity: Capacity,
    /// What became of the call that is being made, where it was not let through.
    pub verdict: CapacityCheck,
    /// What the service that is being called answers.
    pub answer: Option<Result<Answer, NoAnswer>>,
    /// Executions that were started and have not gone on yet: their machine and place.
    pub started: Vec<(usize, usize)>,
    /// How many notices topics have taken.
    pub published: u64,
}

impl Timed {
    pub fn new(capacity: Capacity) -> Self {
        Self { capacity, verdict: CapacityCheck::Made, answer: None, started: Vec::new(), published: 0 }
    }
}
