//! Time and chance, which a core must not take from the system.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

/// What is ready when some time has passed.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The wall clock of the machine that runs a function.
///
/// Two machines disagree: AWS keeps Lambda hosts within a few milliseconds, and the deterministic world skews
/// them on purpose. A protocol that compares times of two machines adds a margin.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// What is ready when so much time has passed, so that something that hangs can be left. A clock that wakes nobody, as
    /// in the deterministic world, where each call comes to its end, has one that never is.
    fn sleep(&self, time: Duration) -> Sleep {
        let _ = time;
        Box::pin(pending())
    }
}

/// Random numbers, for jitter and for names nobody else picks.
pub trait Rng {
    /// A number uniform over all of `u64`.
    fn next_u64(&self) -> u64;

    /// A number uniform over `0.0..1.0`.
    fn unit(&self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl<T: Clock + ?Sized> Clock for &T {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        (**self).sleep(time)
    }
}

impl<T: Rng + ?Sized> Rng for &T {
    fn next_u64(&self) -> u64 {
        (**self).next_u64()
    }
}

/// What the process itself offers, without any AWS call: time, chance and metrics.
pub trait Runtime: Clock + Rng + crate::Metrics {}

impl<T: Clock + Rng + crate::Metrics> Runtime for T {}
