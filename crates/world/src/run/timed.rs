//! What a state has besides where time matters: what services let through, and what the driver and the call
//! that is being made have to tell each other.
//!
//! Runs that try every order have none of it.

use tenfold_ports::Bytes;
use tenfold_ports::downstream::{Answer, NoAnswer};

use crate::aws::capacity::{Capacity, CapacityCheck};
use crate::aws::queue::Posted;
use crate::aws::rates::Rates;

/// What a state has besides where time matters.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    pub capacity: Capacity,
    pub rates: Rates,
    /// What became of the call that is being made, where it was not let through.
    pub verdict: CapacityCheck,
    /// What the service that is being called answers.
    pub answer: Option<Result<Answer, NoAnswer>>,
    /// Executions that were started and have not gone on yet: their machine and place.
    pub started: Vec<(usize, usize)>,
    /// How many requests of topics are paid for, and how many events buses have taken.
    pub published: u64,
    pub put: u64,
    /// What topics and buses send on its way to a queue.
    pub to_queues: Vec<(Transport, Posted)>,
    /// What buses send on its way to a function.
    pub to_functions: Vec<(usize, Bytes)>,
}

/// What brings a message to its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Topic,
    Bus,
}

impl Timed {
    pub fn new(capacity: Capacity, rates: Rates) -> Self {
        Self {
            capacity,
            rates,
            verdict: CapacityCheck::Made,
            answer: None,
            started: Vec::new(),
            published: 0,
            put: 0,
            to_queues: Vec::new(),
            to_functions: Vec::new(),
        }
    }
}
