//! A server that all calls share, where there is one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::nanos::Nanos;

/// The lanes of a server: each works on one call at a time.
#[derive(Debug)]
pub(super) struct Lanes(BinaryHeap<Reverse<Nanos>>);

impl Lanes {
    pub fn new(lanes: usize) -> Self {
        Self(std::iter::repeat_n(Reverse(0), lanes.max(1)).collect())
    }

    /// Works on a call that comes now for so long, and gives when it is done.
    pub fn take(&mut self, now: Nanos, busy: Nanos) -> Nanos {
        let free = self.0.pop().map_or(0, |Reverse(free)| free);
        let done = free.max(now) + busy;
        self.0.push(Reverse(done));
        done
    }
}
