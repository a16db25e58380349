//! What is run, and how far an exploration goes.

use std::time::Duration;

use crate::run::limits::{Limits, Order};
use crate::run::stop::RunOutcome;
use crate::run::world::World;

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many calls of a run may go wrong.
    pub faults: usize,
    /// In which orders calls are made.
    pub order: Order,
    /// Whether eventual reads may be stale.
    pub stale_reads: bool,
    /// How many runs at the most.
    pub runs: u64,
    /// How long at the most.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            faults: 1,
            order: Order::Interrupted(2),
            stale_reads: false,
            runs: u64::MAX,
            time: Duration::MAX,
        }
    }
}

impl Bounds {
    pub(super) const fn limits(&self) -> Limits {
        Limits { faults: self.faults, order: self.order, stale_reads: self.stale_reads }
    }
}

/// A run: sets the world up, runs it, and says which invariant does not hold.
pub trait Run: Fn(&World) -> RunOutcome {}

impl<F: Fn(&World) -> RunOutcome> Run for F {}
