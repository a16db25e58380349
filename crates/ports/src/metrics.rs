//! Metrics, which cost no AWS call: they are log lines that CloudWatch reads.

use smol_str::SmolStr;

/// The unit of a metric, by CloudWatch's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// How many.
    Count,
    /// Durations in milliseconds.
    Milliseconds,
    /// Durations in seconds.
    Seconds,
    /// A share from 0 to 100.
    Percent,
    /// A state or another plain number.
    None,
}

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// The metric's name, in `PascalCase`.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The value.
    pub value: f64,
}

impl Metric {
    /// A count.
    #[must_use]
    pub const fn count(name: &'static str, value: f64) -> Self {
        Self { name, unit: Unit::Count, value }
    }

    /// A duration in milliseconds.
    #[must_use]
    pub const fn milliseconds(name: &'static str, value: f64) -> Self {
        Self { name, unit: Unit::Milliseconds, value }
    }

    /// A duration in seconds.
    #[must_use]
    pub const fn seconds(name: &'static str, value: f64) -> Self {
        Self { name, unit: Unit::Seconds, value }
    }

    /// A plain number.
    #[must_use]
    pub const fn plain(name: &'static str, value: f64) -> Self {
        Self { name, unit: Unit::None, value }
    }
}

/// One dimension of a metric: a name and what it is for this value.
pub type Dimension = (&'static str, SmolStr);

/// Where metrics go. Recording never fails and never waits.
pub trait Metrics {
    /// Records `metrics` once over all of the pattern and, where `dimensions` are given, once more under them.
    fn record(&self, dimensions: &[Dimension], metrics: &[Metric]);
}

/// Nobody looks at metrics.
impl Metrics for () {
    fn record(&self, _: &[Dimension], _: &[Metric]) {}
}

impl<T: Metrics + ?Sized> Metrics for &T {
    fn record(&self, dimensions: &[Dimension], metrics: &[Metric]) {
        (**self).record(dimensions, metrics);
    }
}
