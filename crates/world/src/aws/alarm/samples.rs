//! The values of one period, as far as statistics need them.

use std::hash::{Hash, Hasher};

use super::settings::Statistic;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Samples {
    count: u64,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl Hash for Samples {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.count.hash(state);
        [self.sum, self.minimum, self.maximum].map(f64::to_bits).hash(state);
    }
}

impl Samples {
    pub(super) fn add(&mut self, value: f64) {
        let first = self.count == 0;
        self.minimum = if first { value } else { self.minimum.min(value) };
        self.maximum = if first { value } else { self.maximum.max(value) };
        self.count += 1;
        self.sum += value;
    }

    /// The statistic of at least one value.
    pub(super) fn value(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Sum => self.sum,
            Statistic::Average => self.sum / self.count as f64,
            Statistic::Minimum => self.minimum,
            Statistic::Maximum => self.maximum,
            Statistic::SampleCount => self.count as f64,
        }
    }
}
