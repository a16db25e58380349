//! Who comes in from outside, and when.

use std::fmt;

use rand::RngExt;
use rand::distr::Distribution;
use rand_distr::{Exp1, Zipf};
use rand_pcg::Pcg64Mcg;
use serde::Deserialize;
use tenfold_ports::api::Request;

use super::nanos::{Nanos, SECOND};
use crate::aws::rates::TokenBucket;

/// Makes the request of the visitor with this number.
pub type Visitor = Box<dyn FnMut(u64, &mut Pcg64Mcg) -> Request>;

/// How requests come.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Arrivals {
    /// At random, at the scenario's rate.
    Poisson,
    /// At random, at a rate that goes up and down as a sine with this period and between nothing and twice the
    /// scenario's rate: a day, made short.
    Day {
        /// In seconds.
        period: f64,
    },
    /// So many at once, as often as makes the scenario's rate.
    Bursts {
        /// How many.
        size: u32,
    },
    /// So many clients, each of which sends its next request when it has its answer: the rate follows.
    Clients(u32),
}

/// The load of a run.
pub(super) struct Load {
    pub arrivals: Arrivals,
    /// Requests a second.
    pub rate: f64,
    /// For how long the rate grows until it is that.
    pub ramp: Nanos,
    /// When the last one comes.
    pub until: Nanos,
    pub visitor: Visitor,
    /// The number of the next visitor.
    pub number: u64,
    /// The API's tokens.
    pub tokens: TokenBucket,
    pub begun: bool,
    /// How many come in with the arrival that is on the agenda.
    pub coming: u32,
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("arrivals", &self.arrivals)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

impl Load {
    pub fn new(arrivals: Arrivals, rate: f64, ramp: Nanos, until: Nanos) -> Self {
        let visitor: Visitor = Box::new(|_, _| Request::default());
        Self {
            arrivals,
            rate,
            ramp,
            until,
            visitor,
            number: 0,
            tokens: TokenBucket::default(),
            begun: false,
            coming: 0,
        }
    }

    /// After how long the next come, and how many.
    pub fn next(&mut self, now: Nanos, random: &mut Pcg64Mcg) -> (Nanos, u32) {
        let pause = |rate: f64, random: &mut Pcg64Mcg| {
            let drawn: f64 = Exp1.sample(random);
            (drawn / rate * SECOND as f64) as Nanos
        };
        let (after, many) = match self.arrivals {
            Arrivals::Poisson => (pause(self.rate, random), 1),
            Arrivals::Bursts { size } => (pause(self.rate / f64::from(size.max(1)), random), size),
            Arrivals::Day { period } => {
                // Drawn at twice the rate, and thinned.
                let after = pause(2.0 * self.rate, random);
                let turn = (now + after) as f64 / SECOND as f64 / period * std::f64::consts::TAU;
                let comes = random.random::<f64>() < f64::midpoint(1.0, turn.sin());
                (after, u32::from(comes))
            }
            Arrivals::Clients(_) => (Nanos::MAX / 4, 0),
        };
        // As long as the rate grows they are thinned.
        let grown = (now + after) as f64 / (self.ramp as f64).max(1.0);
        (after, if grown >= 1.0 || random.random::<f64>() < grown { many } else { 0 })
    }
}

/// Keys of which few are asked for often: the n-th in proportion to `1 / n^skew`.
#[derive(Debug, Clone, Copy)]
pub struct Keys(Zipf<f64>);

impl Keys {
    /// Keys 1 to `most`; a skew of 0 makes them all alike. None where there is none, or the skew is negative.
    #[must_use]
    pub fn new(most: u64, skew: f64) -> Option<Self> {
        Zipf::new(most as f64, skew).ok().map(Self)
    }

    /// One of them.
    pub fn draw(&self, random: &mut Pcg64Mcg) -> u64 {
        self.0.sample(random) as u64
    }
}
