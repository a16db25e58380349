//! What the process itself offers, without any AWS call: the port `Runtime`.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tenfold_ports::clock::Sleep;
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::{Clock, Metrics, Rng};

use crate::system::{SystemClock, SystemRng};

/// The system's clock and random numbers, with a place for metrics. A clone draws from the same generator.
#[derive(Debug, Clone, Default)]
pub struct SystemRuntime<M> {
    clock: SystemClock,
    rng: Arc<SystemRng>,
    metrics: M,
}

impl<M: Metrics> SystemRuntime<M> {
    /// The system, recording metrics there.
    pub fn new(metrics: M) -> Self {
        Self { clock: SystemClock, rng: Arc::default(), metrics }
    }
}

impl<M> Clock for SystemRuntime<M> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        self.clock.sleep(time)
    }
}

impl<M> Rng for SystemRuntime<M> {
    fn next_u64(&self) -> u64 {
        self.rng.next_u64()
    }
}

impl<M: Metrics> Metrics for SystemRuntime<M> {
    fn record(&self, dimensions: &[Dimension], metrics: &[Metric]) {
        self.metrics.record(dimensions, metrics);
    }
}
