//! What is known of executions that run.

use std::collections::BTreeSet;

use super::ids::RunId;
use super::nanos::Nanos;
use crate::aws::rates::Bucket;

/// Executions that run.
#[derive(Debug, Default)]
pub(super) struct FlowRuns {
    /// Which execution is at each place of each machine, and when it goes on by itself.
    pub all: Vec<Vec<(u64, Option<Nanos>)>>,
    pub next: u64,
    /// When executions go on by themselves, the first first: a time-out that is not needed any more is taken out.
    pub wakes: BTreeSet<(Nanos, RunId)>,
    /// Tokens for state transitions of the account.
    pub transitions: Bucket,
    pub started: u64,
    pub ended: u64,
    pub failed: u64,
    /// How many transitions are paid for.
    pub paid: u64,
}

impl FlowRuns {
    /// A new execution at a place.
    pub fn begin(&mut self, machine: usize, place: usize) -> RunId {
        self.next += 1;
        self.started += 1;
        if self.all.len() <= machine {
            self.all.resize_with(machine + 1, Vec::new);
        }
        if self.all[machine].len() <= place {
            self.all[machine].resize(place + 1, (0, None));
        }
        self.all[machine][place] = (self.next, None);
        RunId { machine, place, number: self.next }
    }

    /// Whether this execution is still there.
    pub fn has(&self, run: RunId) -> bool {
        self.all[run.machine][run.place].0 == run.number
    }

    /// Says when an execution goes on by itself; when it was to do so before it does no more.
    pub fn wake_at(&mut self, run: RunId, at: Option<Nanos>) {
        let (_, wakes) = &mut self.all[run.machine][run.place];
        if let Some(before) = std::mem::replace(wakes, at) {
            self.wakes.remove(&(before, run));
        }
        if let Some(at) = at {
            self.wakes.insert((at, run));
        }
    }

    /// An execution whose time it is.
    pub fn next_due(&mut self, now: Nanos) -> Option<RunId> {
        let (at, run) = *self.wakes.first()?;
        if at > now {
            return None;
        }
        self.wake_at(run, None);
        Some(run)
    }

    /// An execution has ended.
    pub fn end(&mut self, run: RunId) {
        self.wake_at(run, None);
        self.all[run.machine][run.place].0 = 0;
        self.ended += 1;
    }
}
