//! Schedules, with the semantics of EventBridge rules with a rate: each tick comes at least once, may come
//! twice and may come late.
//!
//! A tick is an asynchronous invocation of a function ([`super::invocations`]). When ticks are due is looked
//! at by who drives the world: [`crate::World::fire`] lets at most one happen, so that nothing piles up while
//! time is skipped in which nobody would have noticed.

use std::hash::{Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use smol_str::{SmolStr, format_smolstr};

use crate::kernel::choice::Choices;

/// How late a tick may come: EventBridge keeps to the minute.
const LATE: SignedDuration = SignedDuration::from_secs(59);

/// How a schedule is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// How much time is between two ticks; the first comes after one period. Whole minutes on AWS.
    pub period: SignedDuration,
    /// How many ticks of a run may come twice.
    pub duplicates: u32,
    /// How many ticks of a run may come 59 s late.
    pub late: u32,
}

impl ScheduleSettings {
    /// A schedule that is on time.
    #[must_use]
    pub const fn every(period: SignedDuration) -> Self {
        Self { period, duplicates: 0, late: 0 }
    }
}

/// One tick of a schedule. A tick that comes twice is the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tick {
    /// The schedule's name.
    pub schedule: &'static str,
    /// The event's id.
    pub id: SmolStr,
    /// When it should have come.
    pub time: Timestamp,
}

impl Tick {
    /// The event as EventBridge sends it.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({
            "version": "0",
            "id": self.id,
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": format!("{:.0}", self.time),
            "region": "us-east-1",
            "resources": [format!("arn:aws:events:us-east-1:000000000000:rule/{}", self.schedule)],
            "detail": {},
        })
    }
}

/// A schedule and what it invokes.
#[derive(Debug, Clone)]
pub struct ScheduleTimer {
    name: &'static str,
    settings: ScheduleSettings,
    pub(crate) function: usize,
    next: Timestamp,
    duplicates_left: u32,
    late_left: u32,
}

impl Hash for ScheduleTimer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.next, self.duplicates_left, self.late_left).hash(state);
    }
}

impl ScheduleTimer {
    pub(crate) fn new(
        name: &'static str,
        settings: ScheduleSettings,
        function: usize,
        now: Timestamp,
    ) -> Self {
        let (duplicates_left, late_left) = (settings.duplicates, settings.late);
        Self { name, settings, function, next: now + settings.period, duplicates_left, late_left }
    }

    /// When the next tick is due.
    #[must_use]
    pub const fn next(&self) -> Timestamp {
        self.next
    }

    /// Passes over the ticks that were due before `time`, as if they had come and nothing had been to do.
    pub fn skip_to(&mut self, time: Timestamp) {
        let step = self.settings.period.as_millis().max(1);
        let behind = time.duration_since(self.next).as_millis();
        if behind > 0 {
            let periods = behind.div_euclid(step) + i128::from(behind.rem_euclid(step) > 0);
            self.next += SignedDuration::from_millis((periods * step) as i64);
        }
    }

    /// The next tick, if it is due: when it comes, and how often.
    pub(crate) fn fire(&mut self, now: Timestamp, choices: &mut Choices) -> Option<(Tick, Timestamp, usize)> {
        if self.next > now {
            return None;
        }
        let time = self.next;
        self.next += self.settings.period;
        let mut happens = |left: &mut u32| {
            let happens = *left > 0 && choices.pick_rarely(2, 8) == 1;
            *left -= u32::from(happens);
            happens
        };
        let late = happens(&mut self.late_left);
        let twice = happens(&mut self.duplicates_left);
        let id = format_smolstr!("{}-{}", self.name, time.as_second());
        let comes = if late { time + LATE } else { time };
        Some((Tick { schedule: self.name, id, time }, comes, 1 + usize::from(twice)))
    }
}
