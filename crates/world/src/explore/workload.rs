//! The workloads of a pattern.

use std::time::Duration;

use super::bounds::Bounds;
use crate::run::limits::Order;
use crate::run::stop::RunOutcome;
use crate::run::world::World;

/// A run of the world, and how far the exhaustive part goes with it.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// How many calls of a run go wrong.
    pub faults: usize,
    /// In which orders calls are made. Each is explored whole.
    pub orders: &'static [Order],
    /// The run: sets the world up, runs it and says which invariant does not hold.
    pub run: fn(&World) -> RunOutcome,
}

/// How many calls of a random run go wrong.
const DEEP: usize = 3;

impl Workload {
    /// A workload, of which so many calls go wrong.
    #[must_use]
    pub const fn new(
        name: &'static str,
        faults: usize,
        orders: &'static [Order],
        run: fn(&World) -> RunOutcome,
    ) -> Self {
        Self { name, faults, orders, run }
    }

    /// The bounds of the exhaustive part, with calls made in such an order; or of the random part that goes by time.
    #[must_use]
    pub const fn bounds(&self, order: Order) -> Bounds {
        let (faults, stale_reads) = match order {
            Order::Timed => (DEEP, true),
            _ => (self.faults, false),
        };
        Bounds { faults, order, stale_reads, runs: u64::MAX, time: Duration::MAX }
    }

    /// The bounds of the random part.
    #[must_use]
    pub const fn deep(&self) -> Bounds {
        Bounds { faults: DEEP, stale_reads: true, ..self.bounds(Order::Calls) }
    }
}
