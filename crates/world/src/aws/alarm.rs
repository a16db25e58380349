//! Alarms on metrics, with the semantics of CloudWatch: a statistic of each period against a threshold, over
//! as many periods as must breach it, and state changes as events that come at least once.
//!
//! Metrics are what handlers record. Only alarms keep them, and only for the periods that they look at. A
//! change is an asynchronous invocation of a function ([`super::invocations`]); who drives the world says
//! when an alarm is looked at ([`crate::World::evaluate`]).
//!
//! Not modelled: "M out of N", missing data treated as missing, composite alarms, metric math.

mod change;
mod samples;
mod settings;

use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use tenfold_ports::metrics::{Dimension, Metric};

pub use change::{AlarmChange, AlarmState};
pub use settings::{AlarmSettings, Breach, Missing, Statistic};

use samples::Samples;

use crate::kernel::choice::Choices;

/// An alarm, what it knows of its metric, and what it invokes.
#[derive(Debug, Clone)]
pub struct Alarm {
    name: &'static str,
    settings: AlarmSettings,
    pub(crate) function: usize,
    state: AlarmState,
    /// The values of the last periods, by the number of the period; the youngest last.
    periods: Vec<(i128, Samples)>,
    duplicates_left: u32,
}

impl Hash for Alarm {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.state, &self.periods, self.duplicates_left).hash(state);
    }
}

impl Alarm {
    pub(crate) const fn new(name: &'static str, settings: AlarmSettings, function: usize) -> Self {
        let duplicates_left = settings.duplicates;
        let state = AlarmState::InsufficientData;
        Self { name, settings, function, state, periods: Vec::new(), duplicates_left }
    }

    /// The state that it was in when it was last looked at.
    #[must_use]
    pub const fn state(&self) -> AlarmState {
        self.state
    }

    /// The number of the period that a time belongs to: periods begin with the Unix epoch.
    fn period(&self, at: Timestamp) -> i128 {
        i128::from(at.as_millisecond()).div_euclid(self.settings.period.as_millis().max(1))
    }

    /// Takes in what a handler recorded.
    pub(crate) fn record(&mut self, dimensions: &[Dimension], metrics: &[Metric], at: Timestamp) {
        let wanted = &self.settings.dimensions;
        let same = wanted.len() == dimensions.len() && wanted.iter().all(|each| dimensions.contains(each));
        if !wanted.is_empty() && !same {
            return;
        }
        let period = self.period(at);
        for metric in metrics.iter().filter(|metric| metric.name == self.settings.metric) {
            let place = self.periods.partition_point(|(number, _)| *number < period);
            if self.periods.get(place).is_none_or(|(number, _)| *number != period) {
                self.periods.insert(place, (period, Samples::default()));
            }
            self.periods[place].1.add(metric.value);
        }
        self.forget(period);
    }

    /// Forgets the periods that nobody will look at again, now or on a machine whose clock is a little ahead.
    fn forget(&mut self, now: i128) {
        let first = now - self.settings.periods.max(1) as i128 - 1;
        self.periods.retain(|(number, _)| *number >= first);
    }

    /// Looks at the last whole periods. Gives the change, and how often it is told.
    pub(crate) fn evaluate(&mut self, now: Timestamp, choices: &mut Choices) -> Option<(AlarmChange, usize)> {
        let current = self.period(now);
        self.forget(current);
        let n = self.settings.periods.max(1);
        let values = (1..=n as i128).map(|ago| {
            let samples = self.periods.iter().find(|(number, _)| *number == current - ago);
            samples.map(|(_, samples)| samples.value(self.settings.statistic))
        });
        let breaches = values.map(|value| match (value, self.settings.missing) {
            (Some(value), _) => Some(self.settings.breached_by(value)),
            (None, Missing::NotBreaching) => Some(false),
            (None, Missing::Breaching) => Some(true),
            (None, Missing::Ignore) => None,
        });
        let breaches: Option<Vec<bool>> = breaches.collect();
        let state =
            if breaches?.into_iter().all(|breach| breach) { AlarmState::Alarm } else { AlarmState::Ok };
        if state == self.state {
            return None;
        }
        let change = AlarmChange { alarm: self.name, from: self.state, to: state, at: now };
        self.state = state;
        let twice = self.duplicates_left > 0 && choices.pick_rarely(2, 8) == 1;
        self.duplicates_left -= u32::from(twice);
        Some((change, 1 + usize::from(twice)))
    }
}

#[cfg(test)]
mod tests;
