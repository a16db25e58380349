//! What services let through by the second: buckets of tokens, as AWS's quotas of requests are.
//!
//! A bucket holds so many tokens at most (its burst) and gets so many a second (its rate); a request that finds
//! too few is refused, or, where the service delays instead, waits for them.

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

/// How much a second, and how much at once. Infinite where it is not limited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    pub a_second: f64,
    pub burst: f64,
}

/// The longest wait, in seconds, be the rate nothing.
const LONGEST: f64 = 86_400.0;

/// Tokens; full at first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TokenBucket {
    tokens: f64,
    filled: Option<Timestamp>,
}

impl TokenBucket {
    fn fill(&mut self, rate: Rate, now: Timestamp) {
        let gained =
            self.filled.map_or(f64::INFINITY, |at| rate.a_second * now.duration_since(at).as_secs_f64());
        self.tokens = (self.tokens + gained).min(rate.burst);
        self.filled = Some(now);
    }

    /// Takes tokens, if there are so many. What is more than a full bucket is let through by a full one.
    pub fn take(&mut self, rate: Rate, tokens: f64, now: Timestamp) -> bool {
        if rate.a_second.is_infinite() {
            return true;
        }
        self.fill(rate, now);
        let enough = rate.burst > 0.0 && self.tokens >= tokens.min(rate.burst);
        if enough {
            self.tokens -= tokens;
        }
        enough
    }

    /// Takes tokens whether there are any or not. Gives for how many seconds who wants them has to wait.
    pub fn owe(&mut self, rate: Rate, tokens: f64, now: Timestamp) -> f64 {
        if rate.a_second.is_infinite() {
            return 0.0;
        }
        self.fill(rate, now);
        self.tokens -= tokens;
        (-self.tokens / rate.a_second).clamp(0.0, LONGEST)
    }
}

/// The buckets of all services, each by the name of its limit and of what it is of: an account, a queue, a prefix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    limits: FxHashMap<&'static str, Rate>,
    buckets: FxHashMap<(&'static str, SmolStr), TokenBucket>,
    /// How much was refused, by the limit's name.
    pub refused: FxHashMap<&'static str, u64>,
}

/// How many buckets are kept before those that are full are forgotten.
const BUCKETS: usize = 10_000;

impl Rates {
    pub fn new(limits: impl IntoIterator<Item = (&'static str, Rate)>) -> Self {
        Self { limits: limits.into_iter().collect(), ..Self::default() }
    }

    /// Whether so much is let through; there is no limit where none of this name was given.
    pub fn take(&mut self, limit: &'static str, of: &str, tokens: f64, now: Timestamp) -> bool {
        let Some(rate) = self.limits.get(limit).copied().filter(|rate| rate.a_second.is_finite()) else {
            return true;
        };
        if self.buckets.len() >= BUCKETS {
            let full = |bucket: &mut TokenBucket| {
                bucket.fill(rate, now);
                bucket.tokens >= rate.burst
            };
            self.buckets.retain(|(name, _), bucket| *name != limit || !full(bucket));
        }
        let through = self.buckets.entry((limit, SmolStr::new(of))).or_default().take(rate, tokens, now);
        if !through {
            *self.refused.entry(limit).or_default() += 1;
        }
        through
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const RATE: Rate = Rate { a_second: 10.0, burst: 20.0 };

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let (mut bucket, now) = (TokenBucket::default(), Timestamp::UNIX_EPOCH);
        assert_eq!((0..30).filter(|_| bucket.take(RATE, 1.0, now)).count(), 20);
        let later = now + SignedDuration::from_secs(1);
        assert_eq!((0..30).filter(|_| bucket.take(RATE, 1.0, later)).count(), 10);
    }

    #[test]
    fn what_waits_for_tokens_waits_the_longer_the_more_it_owes() {
        let (mut bucket, now) = (TokenBucket::default(), Timestamp::UNIX_EPOCH);
        let waits: Vec<f64> = (0..3).map(|_| bucket.owe(RATE, 15.0, now)).collect();
        assert_eq!(waits, [0.0, 1.0, 2.5]);
    }

    #[test]
    fn each_has_a_bucket_of_its_own_and_full_ones_are_forgotten() {
        let now = Timestamp::UNIX_EPOCH;
        let mut rates = Rates::new([("a", Rate { a_second: 1.0, burst: 1.0 })]);
        assert!(
            rates.take("a", "x", 1.0, now)
                && rates.take("a", "y", 1.0, now)
                && rates.take("b", "x", 1.0, now)
        );
        assert!(!rates.take("a", "x", 1.0, now));
        assert_eq!(rates.refused["a"], 1);
        let later = now + SignedDuration::from_secs(10);
        for n in 0..3 * BUCKETS {
            rates.take("a", &n.to_string(), 1.0, later + SignedDuration::from_secs(n as i64));
        }
        assert!(rates.buckets.len() <= BUCKETS);
    }
}
