//! The alarms of a run.

use crate::aws::alarm::{Alarm, AlarmSettings};
use crate::aws::invocations::InvocationPayload;
use crate::run::world::World;

impl World {
    /// Adds an alarm that invokes a function with each change of its state.
    pub fn add_alarm(&self, name: &'static str, settings: AlarmSettings, function: usize) -> usize {
        let alarms = &mut self.state.borrow_mut().services.alarms;
        alarms.push(Alarm::new(name, settings, function));
        alarms.len() - 1
    }

    /// Looks at an alarm.
    pub fn alarm<R>(&self, alarm: usize, look: impl FnOnce(&Alarm) -> R) -> R {
        look(&self.state.borrow().services.alarms[alarm])
    }

    /// Lets an alarm look at its metric, as CloudWatch does about once a minute, and says whether its state
    /// has changed.
    pub fn evaluate(&self, alarm: usize) -> bool {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let services = &mut *state.services;
        let alarm = &mut services.alarms[alarm];
        let Some((change, times)) = alarm.evaluate(state.now, &mut state.choices) else { return false };
        let function = &mut services.functions[alarm.function];
        (0..times).for_each(|_| function.push(InvocationPayload::Alarm(change.clone()), state.now));
        true
    }
}

#[cfg(test)]
mod tests;
