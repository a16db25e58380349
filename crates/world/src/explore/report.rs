//! What comes of an exploration.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::kernel::fault::CallFault;
use crate::kernel::site::Site;
use crate::kernel::trace::TraceEvent;

/// What came of an exploration.
#[derive(Debug, Default)]
pub struct SearchReport {
    /// How many runs there were.
    pub runs: u64,
    /// Whether these were all.
    pub whole: bool,
    /// How many schedules the runs stand for: a run that comes to a state which another has been in stands
    /// for all that go on from there.
    pub schedules: u128,
    /// How many states there were.
    pub states: u64,
    /// How often each call site met each fault.
    pub coverage: BTreeMap<(Site, Option<CallFault>), u64>,
    /// The first run that broke an invariant, made small.
    pub violation: Option<Violation>,
}

/// A run that broke an invariant.
#[derive(Debug, Clone)]
pub struct Violation {
    /// What does not hold.
    pub what: String,
    /// The run's choices, from which it can be run again.
    pub choices: Vec<u32>,
    /// What runs it again, for a person to copy: the choices, and what the driver puts around them.
    pub replay: String,
    /// What happened.
    pub timeline: Vec<TraceEvent>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "VIOLATION: {}", self.what)?;
        writeln!(f, "replay: {}", self.replay)?;
        self.timeline.iter().try_for_each(|event| writeln!(f, "  {event}"))
    }
}

impl SearchReport {
    /// Adds what another exploration found.
    pub fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.schedules = self.schedules.saturating_add(other.schedules);
        self.states += other.states;
        self.whole &= other.whole;
        for (key, n) in other.coverage {
            *self.coverage.entry(key).or_default() += n;
        }
        self.violation = self.violation.take().or(other.violation);
    }

    /// The call sites and faults that no run has brought together.
    #[must_use]
    pub fn uncovered(&self) -> Vec<(Site, CallFault)> {
        let sites: BTreeSet<Site> = self.coverage.keys().map(|(site, _)| *site).collect();
        let pairs =
            sites.into_iter().flat_map(|site| CallFault::of(site).iter().map(move |fault| (site, *fault)));
        pairs.filter(|(site, fault)| !self.coverage.contains_key(&(*site, Some(*fault)))).collect()
    }
}
