//! How many parked requests of a target are delivered at a time.
//!
//! As TCP finds out what a path bears (RFC 5681): each call that went well makes room for one more, so that the number
//! doubles with every round trip, and each one that failed halves it.

use jiff::{SignedDuration, Timestamp};

use super::breaker::{Breaker, BreakerState};

/// How long after its breaker has closed a target is taken for well.
const HEALED: SignedDuration = SignedDuration::from_mins(1);
/// With how many calls the drain of a target begins that is taken for well.
const BEGIN: usize = 10;

/// The number of calls that a target is trusted to bear at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    width: usize,
    most: usize,
}

impl Pace {
    /// Returns the pace at which the drain of a target begins: one call at a time where its breaker has closed only now,
    /// or has not closed. `most` is what is configured, at least 1.
    #[must_use]
    pub fn new(breaker: &Breaker, most: usize, now: Timestamp) -> Self {
        let is_well = breaker.state == BreakerState::Closed
            && (breaker.epoch == 0 || now.duration_since(breaker.since) >= HEALED);
        Self { width: if is_well { BEGIN.min(most) } else { 1 }, most }
    }

    /// Returns how many calls may be under way.
    #[must_use]
    pub const fn width(self) -> usize {
        self.width
    }

    /// Returns the pace under another limit, at least 1: it may have been lowered meanwhile.
    #[must_use]
    pub fn limited(self, most: usize) -> Self {
        Self { width: self.width.min(most), most }
    }

    /// Returns the pace after a call that went well or failed.
    #[must_use]
    pub fn after(self, failed: bool) -> Self {
        let width = if failed { (self.width / 2).max(1) } else { (self.width + 1).min(self.most) };
        Self { width, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TargetConfig;

    #[test]
    fn a_drain_doubles_with_every_round_trip_and_halves_with_a_failure() {
        let config = TargetConfig::parse(br#"{"url":"http://a"}"#).unwrap();
        let at = |s| Timestamp::from_second(s).unwrap();
        let mut breaker = Breaker::new(&config, at(0));
        assert_eq!(Pace::new(&breaker, 64, at(0)).width(), 10, "it has never been open");
        assert_eq!(Pace::new(&breaker, 3, at(0)).width(), 3);
        breaker.epoch = 3;
        assert_eq!(Pace::new(&breaker, 64, at(60)).width(), 10);
        let mut pace = Pace::new(&breaker, 64, at(59));
        let widths = (0..8).map(|_| {
            let width = pace.width();
            (0..width).for_each(|_| pace = pace.after(false));
            width
        });
        assert_eq!(widths.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64, 64]);
        assert_eq!(pace.after(true).width(), 32);
        assert_eq!((0..9).fold(pace, |pace, _| pace.after(true)).width(), 1);
    }
}
