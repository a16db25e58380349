//! The schedules of a run.

use crate::aws::invocations::InvocationPayload;
use crate::aws::schedule::{ScheduleSettings, ScheduleTimer};
use crate::run::world::World;

impl World {
    /// Adds a schedule that invokes a function.
    pub fn add_schedule(&self, name: &'static str, settings: ScheduleSettings, function: usize) -> usize {
        let mut state = self.state.borrow_mut();
        let schedule = ScheduleTimer::new(name, settings, function, state.now);
        state.services.schedules.push(schedule);
        state.services.schedules.len() - 1
    }

    /// Looks at or changes a schedule.
    pub fn schedule<R>(&self, schedule: usize, look: impl FnOnce(&mut ScheduleTimer) -> R) -> R {
        look(&mut self.state.borrow_mut().services.schedules[schedule])
    }

    /// Lets the next tick of a schedule happen, if it is due, and says whether it did.
    pub fn fire(&self, schedule: usize) -> bool {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let services = &mut *state.services;
        let schedule = &mut services.schedules[schedule];
        let Some((tick, comes, times)) = schedule.fire(state.now, &mut state.choices) else { return false };
        let function = &mut services.functions[schedule.function];
        (0..times).for_each(|_| function.push(InvocationPayload::Tick(tick.clone()), comes));
        true
    }
}

#[cfg(test)]
mod tests;
