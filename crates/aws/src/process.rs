//! What the process offers: the port `Host`.

use jiff::Timestamp;
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::{Clock, Metrics, Rng};

use crate::system::{SystemClock, SystemRng};

/// The system's clock and random numbers, with a place for metrics.
#[derive(Debug, Default)]
pub struct Process<M> {
    clock: SystemClock,
    rng: SystemRng,
    metrics: M,
}

impl<M: Metrics> Process<M> {
    /// A process that records its metrics there.
    pub fn new(metrics: M) -> Self {
        Self { clock: SystemClock, rng: SystemRng::default(), metrics }
    }
}

impl<M> Clock for Process<M> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl<M> Rng for Process<M> {
    fn next_u64(&self) -> u64 {
        self.rng.next_u64()
    }
}

impl<M: Metrics> Metrics for Process<M> {
    fn record(&self, dimensions: &[Dimension], metrics: &[Metric]) {
        self.metrics.record(dimensions, metrics);
    }
}
