//! What is known of executions that run.

use std::collections::BTreeSet;

use super::ids::ExecutionId;
use super::nanos::Nanos;
use crate::aws::rates::TokenBucket;

/// An execution at a place.
#[derive(Debug, Clone, Copy, Default)]
struct RunAt {
    /// Which execution it is; none of this number is 0.
    number: u64,
    /// When it goes on by itself.
    wakes: Option<Nanos>,
    /// Whether it has waited for the account's transitions.
    admitted: bool,
}

/// Executions that run.
#[derive(Debug, Default)]
pub(super) struct FlowRuns {
    /// By machine and place.
    all: Vec<Vec<RunAt>>,
    pub next: u64,
    /// When executions go on by themselves, the first first: a time-out that is not needed any more is taken out.
    pub wakes: BTreeSet<(Nanos, ExecutionId)>,
    /// Tokens for state transitions of the account.
    pub transitions: TokenBucket,
    pub started: u64,
    pub ended: u64,
    pub failed: u64,
    /// How many transitions are paid for.
    pub paid: u64,
}

impl FlowRuns {
    /// A new execution at a place.
    pub fn begin(&mut self, machine: usize, place: usize) -> ExecutionId {
        self.next += 1;
        self.started += 1;
        if self.all.len() <= machine {
            self.all.resize_with(machine + 1, Vec::new);
        }
        if self.all[machine].len() <= place {
            self.all[machine].resize(place + 1, RunAt::default());
        }
        self.all[machine][place] = RunAt { number: self.next, ..RunAt::default() };
        ExecutionId { machine, place, number: self.next }
    }

    /// Whether this execution is still there.
    pub fn has(&self, run: ExecutionId) -> bool {
        self.all[run.machine][run.place].number == run.number
    }

    /// Says when an execution goes on by itself; when it was to do so before it does no more.
    pub fn wake_at(&mut self, run: ExecutionId, at: Option<Nanos>) {
        let of = &mut self.all[run.machine][run.place];
        if let Some(before) = std::mem::replace(&mut of.wakes, at) {
            self.wakes.remove(&(before, run));
        }
        if let Some(at) = at {
            self.wakes.insert((at, run));
        }
    }

    /// An execution waits for the account's transitions until then.
    pub fn admit_at(&mut self, run: ExecutionId, at: Nanos) {
        self.wake_at(run, Some(at));
        self.all[run.machine][run.place].admitted = true;
    }

    /// Whether an execution has waited for the account's transitions, which counts once.
    pub fn is_admitted(&mut self, run: ExecutionId) -> bool {
        std::mem::take(&mut self.all[run.machine][run.place].admitted)
    }

    /// An execution whose time it is.
    pub fn next_due(&mut self, now: Nanos) -> Option<ExecutionId> {
        let (at, run) = *self.wakes.first()?;
        if at > now {
            return None;
        }
        self.wake_at(run, None);
        Some(run)
    }

    /// An execution has ended.
    pub fn end(&mut self, run: ExecutionId) {
        self.wake_at(run, None);
        self.all[run.machine][run.place].number = 0;
        self.ended += 1;
    }
}
