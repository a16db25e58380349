//! Time and chance from the operating system.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tenfold_ports::clock::Sleep;
use tenfold_ports::{Clock, Rng};

/// The system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Random numbers for jitter and for names that nobody else picks; not for secrets.
///
/// `SipHash` of a counter, under 128 bits of key that the standard library takes from the operating system
/// when the generator is made. Safe to share between threads; it never blocks.
#[derive(Debug, Default)]
pub struct SystemRng {
    key: RandomState,
    count: AtomicU64,
}

impl Rng for SystemRng {
    fn next_u64(&self) -> u64 {
        self.key.hash_one(self.count.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_within_and_between_generators() {
        let (a, b) = (SystemRng::default(), SystemRng::default());
        let mut all: Vec<u64> = (0..1000).flat_map(|_| [a.next_u64(), b.next_u64()]).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn numbers_are_spread_over_the_range() {
        let rng = SystemRng::default();
        let mean = (0..10_000).map(|_| rng.unit()).sum::<f64>() / 10_000.0;
        assert!((0.47..0.53).contains(&mean), "{mean}");
    }
}
