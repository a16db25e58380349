//! Distributions that are known by three quantiles.

use rand::{Rng, RngExt};

use super::nanos::{MILLISECOND, Nanos};

/// How many values a distribution is kept as: drawing one is looking it up.
const VALUES: usize = 8_192;

/// A distribution of times, by its median, its 99th and its 99.9th percentile.
///
/// Between the quantiles the logarithm of the time is linear in the logarithm of how rare it is, as tails of
/// services are; the fastest takes three fifths of the median, and beyond the last quantile it goes on as steep
/// as before it.
#[derive(Debug, Clone)]
pub(super) struct Quantiles(Vec<Nanos>);

impl Quantiles {
    pub fn new(p50: f64, p99: f64, tail: f64) -> Self {
        let known = [(0.0, 0.6 * p50), (0.5_f64.log10().abs(), p50), (2.0, p99), (3.0, tail)];
        let value = |at: usize| {
            let rare = -(1.0 - (at as f64 + 0.5) / VALUES as f64).log10();
            let part = known.windows(2).find(|part| rare <= part[1].0).unwrap_or(&known[2..]);
            let ((from, low), (to, high)) = (part[0], part[1]);
            let share = (rare - from) / (to - from);
            let (low, high) = (low.max(1e-6), high.max(1e-6));
            (MILLISECOND as f64 * (low.ln() + share * (high.ln() - low.ln())).exp()) as Nanos
        };
        Self((0..VALUES).map(value).collect())
    }

    /// Makes all times so many times as long.
    pub fn stretch(&mut self, factor: f64) {
        self.0.iter_mut().for_each(|time| *time = (*time as f64 * factor) as Nanos);
    }

    pub fn draw(&self, random: &mut impl Rng) -> Nanos {
        self.0[random.random_range(0..VALUES)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_are_those_that_were_given() {
        let Quantiles(values) = Quantiles::new(4.0, 12.0, 40.0);
        let at = |share: f64| values[(share * VALUES as f64) as usize] as f64 / MILLISECOND as f64;
        for (share, expected) in [(0.5, 4.0), (0.99, 12.0), (0.999, 40.0)] {
            assert!((at(share) / expected - 1.0).abs() < 0.05, "{share}: {}", at(share));
        }
        assert!(values.is_sorted());
    }
}
