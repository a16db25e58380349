//! Time, chance and metrics, as a test wants them.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::clock::Sleep;
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::{Clock, Metrics, Rng};

/// Time that stands still until it is told to go on, chance by a seed, and metrics that are kept: the port `Runtime`.
///
/// ```
/// use std::time::Duration;
/// use tenfold_memory::ManualRuntime;
/// use tenfold_ports::{Clock, Rng};
///
/// let runtime = ManualRuntime::new();
/// let before = runtime.now();
/// runtime.advance(Duration::from_secs(30));
/// assert_eq!(runtime.now(), before + Duration::from_secs(30));
/// assert_eq!(ManualRuntime::new().next_u64(), ManualRuntime::new().next_u64(), "each test has the same luck");
/// ```
#[derive(Debug, Clone)]
pub struct ManualRuntime(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Timestamp,
    seed: u64,
    recorded: Vec<Recorded>,
    /// Who sleeps, to be woken whenever time goes on.
    sleepers: Vec<Waker>,
}

/// A metric, and the value of its first dimension where it has one.
type Recorded = (Option<SmolStr>, Metric);

impl ManualRuntime {
    /// Returns a runtime at noon of the first day of 2030.
    #[must_use]
    pub fn new() -> Self {
        Self::at(Timestamp::UNIX_EPOCH + Duration::from_secs(1_893_499_200))
    }

    /// Returns a runtime at a time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, seed: 0, recorded: Vec::new(), sleepers: Vec::new() })))
    }

    /// Lets time go on.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        // A time that there is none of is beyond the end of all.
        state.now = state.now.checked_add(by).unwrap_or(Timestamp::MAX);
        state.sleepers.drain(..).for_each(Waker::wake);
    }

    /// Returns the sum of a metric over all of the pattern, or under one value of its first dimension (`Target`, say).
    #[must_use]
    pub fn sum(&self, name: &str, of: Option<&str>) -> f64 {
        let state = self.lock();
        let mine = state
            .recorded
            .iter()
            .filter(|(whose, metric)| metric.name == name && (of.is_none() || whose.as_deref() == of));
        mine.map(|(_, metric)| metric.value).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualRuntime {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn sleep(&self, time: Duration) -> Sleep {
        let this = self.clone();
        let end = this.now().checked_add(time).unwrap_or(Timestamp::MAX);
        Box::pin(poll_fn(move |context| {
            let mut state = this.lock();
            if state.now >= end {
                return Poll::Ready(());
            }
            state.sleepers.push(context.waker().clone());
            Poll::Pending
        }))
    }
}

impl Rng for ManualRuntime {
    // SplitMix64: it has no bad seeds, so a test may begin with any.
    fn next_u64(&self) -> u64 {
        let mut state = self.lock();
        state.seed = state.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state.seed ^ (state.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Metrics for ManualRuntime {
    fn record(&self, dimensions: &[Dimension], metrics: &[Metric]) {
        let whose = dimensions.first().map(|(_, value)| value.clone());
        self.lock().recorded.extend(metrics.iter().map(|metric| (whose.clone(), *metric)));
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    #[test]
    fn metrics_are_summed_by_whose_they_are() {
        let runtime = ManualRuntime::default();
        let of = |target: &'static str| [("Target", SmolStr::new_static(target))];
        runtime.record(&of("pay"), &[Metric::count("Opened", 1.0)]);
        runtime.record(&of("ship"), &[Metric::count("Opened", 2.0), Metric::count("Dead", 4.0)]);
        assert_eq!(runtime.sum("Opened", None).to_bits(), 3.0_f64.to_bits());
        assert_eq!(runtime.sum("Opened", Some("ship")).to_bits(), 2.0_f64.to_bits());
    }

    #[test]
    fn who_sleeps_is_woken_when_time_has_gone_on() {
        let runtime = ManualRuntime::new();
        let mut sleep = runtime.sleep(Duration::from_secs(2));
        let mut context = Context::from_waker(Waker::noop());
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        runtime.advance(Duration::from_secs(1));
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        runtime.advance(Duration::from_secs(1));
        assert!(sleep.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn time_ends_where_it_does() {
        let runtime = ManualRuntime::at(Timestamp::UNIX_EPOCH);
        runtime.advance(Duration::MAX);
        assert_eq!(runtime.now(), Timestamp::MAX);
    }
}
