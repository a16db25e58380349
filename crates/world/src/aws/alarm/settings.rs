//! What an alarm looks at.

use jiff::SignedDuration;
use tenfold_ports::metrics::Dimension;

/// What is made of the values of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
    /// How many there are.
    SampleCount,
}

/// How a statistic breaches its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Breach {
    /// By being greater.
    Above,
    /// By being as great or greater.
    AtLeast,
    /// By being less.
    Below,
    /// By being as little or less.
    AtMost,
}

/// What a period without values counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// As one within the threshold.
    NotBreaching,
    /// As one beyond the threshold.
    Breaching,
    /// The alarm keeps its state.
    Ignore,
}

/// How an alarm is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmSettings {
    /// The metric's name.
    pub metric: &'static str,
    /// Its dimensions, all of them; none for the metric over all of the pattern.
    pub dimensions: Vec<Dimension>,
    /// What is made of a period's values.
    pub statistic: Statistic,
    /// How long a period is: whole minutes, or 10 or 30 s, on AWS.
    pub period: SignedDuration,
    /// How many periods in a row must breach; at least 1.
    pub periods: usize,
    /// How the threshold is breached.
    pub breach: Breach,
    /// The threshold.
    pub threshold: f64,
    /// What a period without values counts as.
    pub missing: Missing,
    /// How many state changes of a run may be told twice.
    pub duplicates: u32,
}

impl AlarmSettings {
    /// An alarm that goes off when the metric's sum over one minute is `threshold` or more.
    #[must_use]
    pub const fn sum(metric: &'static str, threshold: f64) -> Self {
        Self {
            metric,
            dimensions: Vec::new(),
            statistic: Statistic::Sum,
            period: SignedDuration::from_mins(1),
            periods: 1,
            breach: Breach::AtLeast,
            threshold,
            missing: Missing::NotBreaching,
            duplicates: 0,
        }
    }

    pub(super) fn breached_by(&self, value: f64) -> bool {
        match self.breach {
            Breach::Above => value > self.threshold,
            Breach::AtLeast => value >= self.threshold,
            Breach::Below => value < self.threshold,
            Breach::AtMost => value <= self.threshold,
        }
    }
}
