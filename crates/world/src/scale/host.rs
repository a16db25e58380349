//! The services that are called: latency, capacity and outages, by script.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::{Rng, RngExt};
use serde::Deserialize;
use tenfold_ports::downstream::{Answer, NoAnswer};

use super::nanos::{MILLISECOND, Nanos, SECOND};
use super::quantiles::Quantiles;
use crate::aws::downstream::answer;

/// How a service behaves. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ServiceSettings {
    /// The median of its answers' times.
    pub p50: f64,
    /// Their 99th percentile; three times the median where it is not said.
    pub p99: Option<f64>,
    /// How many calls it works on at once; more wait. None is no limit.
    pub capacity: Option<usize>,
    /// The share of calls that it answers with `status`, 0 to 1.
    pub errors: f64,
    /// What it answers where it does not answer 200.
    pub status: u16,
    /// It refuses connections.
    pub down: bool,
    /// It takes calls and never answers.
    pub hangs: bool,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        let (errors, status) = (0.0, 503);
        Self { p50: 50.0, p99: None, capacity: None, errors, status, down: false, hangs: false }
    }
}

/// A service that is called.
#[derive(Debug)]
pub(super) struct OutsideService {
    settings: ServiceSettings,
    times: Quantiles,
    /// When those who work on calls are free again, where their number is limited.
    workers: BinaryHeap<Reverse<Nanos>>,
    pub calls: u64,
    pub failed: u64,
    /// How many calls it has answered well: in these five seconds, which these are, and in the best so far.
    served: (u64, Nanos, u64),
    last_served: Nanos,
}

/// For how long it is counted what a service does at its best.
const WINDOW: Nanos = 5 * SECOND;

impl OutsideService {
    pub fn new(settings: ServiceSettings) -> Self {
        let mut host = Self {
            settings,
            times: Quantiles::new(1.0, 1.0, 1.0),
            workers: BinaryHeap::new(),
            calls: 0,
            failed: 0,
            served: (0, 0, 0),
            last_served: 0,
        };
        host.become_(settings);
        host
    }

    /// From now on it behaves like that. What it has begun it brings to its end.
    pub fn become_(&mut self, settings: ServiceSettings) {
        let p99 = settings.p99.unwrap_or(3.0 * settings.p50);
        self.times = Quantiles::new(settings.p50, p99, 2.0 * p99);
        self.settings = settings;
        // Those who go on are those who are at work for longest: one more begins when so few are left.
        while settings.capacity.is_some_and(|capacity| self.workers.len() > capacity.max(1)) {
            self.workers.pop();
        }
    }

    /// How many calls a second it has answered well in the best five seconds.
    pub fn best(&self) -> f64 {
        self.served.2 as f64 / (WINDOW / SECOND) as f64
    }

    /// When its last good answer was there.
    pub const fn last_served(&self) -> Nanos {
        self.last_served
    }

    /// Whether it answers.
    pub const fn is_well(&self) -> bool {
        !self.settings.down && !self.settings.hangs
    }

    /// What comes of a call that is made now and waited for so long, and after how long.
    pub fn call(
        &mut self,
        now: Nanos,
        most: Nanos,
        random: &mut impl Rng,
    ) -> (Result<Answer, NoAnswer>, Nanos) {
        self.calls += 1;
        let ServiceSettings { capacity, errors, status, down, hangs, .. } = self.settings;
        if down {
            self.failed += 1;
            return (Err(NoAnswer::NotConnected("refused".to_owned())), MILLISECOND);
        }
        if hangs {
            self.failed += 1;
            return (Err(NoAnswer::TimedOut), most);
        }
        let time = self.times.draw(random);
        let end = match capacity {
            None => now + time,
            Some(capacity) => {
                let free = if self.workers.len() < capacity { None } else { self.workers.pop() };
                let end = free.map_or(now, |Reverse(free)| free.max(now)) + time;
                self.workers.push(Reverse(end));
                end
            }
        };
        if end - now > most {
            self.failed += 1;
            return (Err(NoAnswer::TimedOut), most);
        }
        let well = errors == 0.0 || random.random::<f64>() >= errors;
        self.failed += u64::from(!well);
        let (these, window, best) = &mut self.served;
        if *window != now / WINDOW {
            (*these, *window) = (0, now / WINDOW);
        }
        *these += u64::from(well);
        *best = (*best).max(*these);
        if well {
            self.last_served = self.last_served.max(end);
        }
        let answer = if well { answer(200, "done") } else { answer(status, "unwell") };
        (Ok(answer), end - now)
    }
}
