//! The sliding window: which of the latest calls failed or were slow.
//!
//! A count window holds the last `size` calls, a time window the calls of the last `size` seconds in at most
//! 30 buckets, so its edge is sharp to a thirtieth of its size. An environment collects what it has not yet
//! reported in a window of its own and [merges](Window::merge) it into the fleet's.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a window counts by: the type that a person configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WindowType {
    /// The window holds the last `size` calls.
    Count,
    /// The window holds the calls of the last `size` seconds.
    Time,
}

/// The type and size of a window, as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WindowConfig {
    /// The type of the window.
    pub r#type: WindowType,
    /// The size of the window: 1 to 1,000 calls, or 1 to 3,600 seconds.
    pub size: u32,
}

/// How a call counts: whether it is a reason to trip, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallOutcome {
    /// Whether there was no answer, or one that is a failure.
    pub failed: bool,
    /// Whether it took at least `slowCallDurationMs`, failed or not.
    pub slow: bool,
}

impl CallOutcome {
    /// Returns whether the call is a reason to trip.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        self.failed || self.slow
    }

    // One letter a call keeps a window of 1,000 calls in 1,000 bytes that a person can read in the console.
    const fn letter(self) -> char {
        match (self.failed, self.slow) {
            (false, false) => '.',
            (false, true) => 's',
            (true, false) => 'f',
            (true, true) => 'x',
        }
    }
}

/// The numbers of calls of each kind in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CallTally {
    /// The number of all calls.
    pub calls: u32,
    /// The number of those that failed.
    pub failed: u32,
    /// The number of those that were slow, failed or not.
    pub slow: u32,
}

impl CallTally {
    pub(crate) fn add(&mut self, failed: bool, slow: bool) {
        self.calls += 1;
        self.failed += u32::from(failed);
        self.slow += u32::from(slow);
    }

    fn merge(&mut self, other: Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.slow += other.slow;
    }

    /// Returns the percentage of the calls that failed: 0 to 100, and 0 of none.
    #[must_use]
    pub fn failure_rate(self) -> f64 {
        percent(self.failed, self.calls)
    }

    /// Returns the percentage of the calls that were slow: 0 to 100, and 0 of none.
    #[must_use]
    pub fn slow_call_rate(self) -> f64 {
        percent(self.slow, self.calls)
    }
}

impl FromIterator<CallOutcome> for CallTally {
    fn from_iter<I: IntoIterator<Item = CallOutcome>>(outcomes: I) -> Self {
        let mut tally = Self::default();
        outcomes.into_iter().for_each(|o| tally.add(o.failed, o.slow));
        tally
    }
}

fn percent(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) * 100.0 / f64::from(whole) }
}

/// The calls of one stretch of time in a time window.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bucket {
    /// The bucket's time, counted since 1970 in widths of a bucket.
    pub index: i64,
    /// The numbers of the bucket's calls.
    pub tally: CallTally,
}

/// A sliding window, as it is stored in the breaker's row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Window {
    /// The window has one letter a call, the oldest first: `.` went well, `s` slow, `f` failed, `x` both.
    Calls(String),
    /// The window has counts by time, the oldest first, none empty, at most 30.
    Buckets(Vec<Bucket>),
}

/// The most buckets of a time window.
const BUCKETS: u32 = 30;

impl WindowConfig {
    /// Returns an empty window of this type.
    #[must_use]
    pub const fn empty(self) -> Window {
        match self.r#type {
            WindowType::Count => Window::Calls(String::new()),
            WindowType::Time => Window::Buckets(Vec::new()),
        }
    }

    /// Returns whether it matters when a call ended.
    pub(crate) const fn needs_time(self) -> bool {
        matches!(self.r#type, WindowType::Time)
    }

    fn bucket_seconds(self) -> i64 {
        i64::from(self.size.div_ceil(BUCKETS))
    }

    fn index(self, at: Timestamp) -> i64 {
        at.as_second().div_euclid(self.bucket_seconds())
    }

    /// Returns the first bucket that still counts: the window may lack a part of it, but never reaches beyond
    /// its size.
    fn oldest(self, now: Timestamp) -> i64 {
        self.index(now) - i64::from(self.size) / self.bucket_seconds() + 1
    }
}

impl Window {
    /// Returns whether the window holds no call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Calls(calls) => calls.is_empty(),
            Self::Buckets(buckets) => buckets.is_empty(),
        }
    }

    /// Adds a call that ended at `now`.
    pub fn push(&mut self, config: WindowConfig, now: Timestamp, outcome: CallOutcome) {
        // The way of nearly all calls, which allocates nothing once the window is full.
        if let (Self::Calls(calls), WindowType::Count) = (&mut *self, config.r#type) {
            calls.push(outcome.letter());
            let surplus = calls.len().saturating_sub(config.size as usize);
            calls.drain(..surplus);
            return;
        }
        let mut one = config.empty();
        match &mut one {
            Self::Calls(calls) => calls.push(outcome.letter()),
            Self::Buckets(buckets) => {
                let mut tally = CallTally::default();
                tally.add(outcome.failed, outcome.slow);
                buckets.push(Bucket { index: config.index(now), tally });
            }
        }
        self.merge(config, now, &one);
    }

    /// Drops all but so many of the latest calls of a count window; a time window knows how old its calls are.
    pub(crate) fn keep_latest(&mut self, most: u32) {
        if let Self::Calls(calls) = self {
            calls.drain(..calls.len().saturating_sub(most as usize));
        }
    }

    /// Adds the calls of another window, and drops what is too old. A window of the other type, from before a
    /// change of the configuration, counts as empty.
    pub fn merge(&mut self, config: WindowConfig, now: Timestamp, newer: &Self) {
        if std::mem::discriminant(self) != std::mem::discriminant(&config.empty()) {
            *self = config.empty();
        }
        match (&mut *self, newer) {
            (Self::Calls(calls), Self::Calls(newer)) => {
                calls.push_str(newer);
                let surplus = calls.len().saturating_sub(config.size as usize);
                calls.drain(..surplus);
            }
            (Self::Buckets(buckets), Self::Buckets(newer)) => {
                for bucket in newer {
                    match buckets.iter_mut().find(|b| b.index == bucket.index) {
                        Some(b) => b.tally.merge(bucket.tally),
                        None => buckets.push(bucket.clone()),
                    }
                }
                buckets.retain(|b| b.index >= config.oldest(now));
                buckets.sort_by_key(|b| b.index);
            }
            _ => {}
        }
    }

    /// Returns the numbers of calls that the window holds at `now`. One of the other type counts as empty.
    #[must_use]
    pub fn tally(&self, config: WindowConfig, now: Timestamp) -> CallTally {
        let mut tally = CallTally::default();
        match (self, config.r#type) {
            (Self::Calls(calls), WindowType::Count) => {
                for letter in calls.bytes().rev().take(config.size as usize) {
                    tally.add(matches!(letter, b'f' | b'x'), matches!(letter, b's' | b'x'));
                }
            }
            (Self::Buckets(buckets), WindowType::Time) => {
                buckets.iter().filter(|b| b.index >= config.oldest(now)).for_each(|b| tally.merge(b.tally));
            }
            _ => {}
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COUNT: WindowConfig = WindowConfig { r#type: WindowType::Count, size: 5 };
    const TIME: WindowConfig = WindowConfig { r#type: WindowType::Time, size: 60 };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn outcome() -> impl Strategy<Value = CallOutcome> {
        (any::<bool>(), any::<bool>()).prop_map(|(failed, slow)| CallOutcome { failed, slow })
    }

    proptest! {
        #[test]
        fn a_count_window_is_the_last_calls(outcomes in prop::collection::vec(outcome(), 0..20)) {
            let mut window = COUNT.empty();
            outcomes.iter().for_each(|o| window.push(COUNT, at(0), *o));
            let last = &outcomes[outcomes.len().saturating_sub(5)..];
            prop_assert_eq!(window.tally(COUNT, at(0)), last.iter().copied().collect());
        }

        #[test]
        fn merging_a_count_window_is_pushing_its_calls(
            first in prop::collection::vec(outcome(), 0..9),
            second in prop::collection::vec(outcome(), 0..9),
        ) {
            let mut whole = COUNT.empty();
            first.iter().chain(&second).for_each(|o| whole.push(COUNT, at(0), *o));
            let (mut fleet, mut local) = (COUNT.empty(), COUNT.empty());
            first.iter().for_each(|o| fleet.push(COUNT, at(0), *o));
            second.iter().for_each(|o| local.push(COUNT, at(0), *o));
            fleet.merge(COUNT, at(0), &local);
            prop_assert_eq!(fleet, whole);
        }

        #[test]
        fn a_time_window_holds_its_size_less_at_most_a_bucket(
            calls in prop::collection::vec((0_i64..200, outcome()), 0..40),
        ) {
            let mut calls = calls;
            calls.sort_by_key(|c| c.0);
            let mut window = TIME.empty();
            calls.iter().for_each(|(t, o)| window.push(TIME, at(*t), *o));
            let within = |span: i64| calls.iter().filter(|(t, _)| *t > 200 - span).count() as u32;
            let tally = window.tally(TIME, at(200));
            prop_assert!(within(58) <= tally.calls && tally.calls <= within(60) , "{:?}", tally);
            if let Window::Buckets(b) = &window { prop_assert!(b.len() <= 30); }
        }
    }

    #[test]
    fn a_window_of_the_other_type_counts_as_empty() {
        let mut window = COUNT.empty();
        window.push(COUNT, at(0), CallOutcome { failed: true, slow: false });
        assert_eq!(window.tally(TIME, at(0)), CallTally::default());
        window.push(TIME, at(0), CallOutcome { failed: false, slow: true });
        assert_eq!(window.tally(TIME, at(0)), CallTally { calls: 1, failed: 0, slow: 1 });
    }
}
