//! Going back: a depth-first search that begins each run where the last one had a choice left, and leaves off
//! where it has been before.
//!
//! Owns the states to come back to. Not here: what the choices are about.

use rustc_hash::{FxHashMap, FxHashSet};

use super::state::RunState;
use crate::kernel::choice::{Choices, Rest};
use crate::kernel::fingerprint::fingerprint;
use crate::kernel::memory::Histories;

/// What runs of one exploration share.
#[derive(Default)]
pub(crate) struct Search {
    /// What handlers do.
    pub memory: Histories<RunState>,
    /// States from which a run was let go on in quiescence.
    pub settled: FxHashSet<u64>,
    /// None where each run is for itself: at random, or again.
    deep: Option<Deep>,
}

/// The depth-first search.
#[derive(Default)]
struct Deep {
    /// The steps of the run, each with the state before it.
    steps: Vec<Step>,
    /// How each time ended that the run was let run.
    ends: Vec<End>,
    /// From how many schedules on a state was seen.
    seen: FxHashMap<u64, u128>,
    /// Whether the run goes on from the last of the steps.
    resumes: bool,
    /// How many schedules all runs so far stand for, those included that were not run as their end was known.
    schedules: u128,
}

struct End {
    state: RunState,
    /// How many choices were made until then.
    choices: usize,
    /// Stands for the states at this end and those before it.
    fingerprint: u64,
}

struct Step {
    phase: usize,
    before: RunState,
    /// How many choices were made before it.
    choices: usize,
    fingerprint: u64,
    /// How many schedules go through it.
    schedules: u128,
}

impl Search {
    pub fn deep(memory: Histories<RunState>) -> Self {
        Self { memory, deep: Some(Deep::default()), ..Self::default() }
    }

    pub fn shallow(memory: Histories<RunState>) -> Self {
        Self { memory, ..Self::default() }
    }

    /// Whether runs begin where others had a choice left.
    pub const fn goes_back(&self) -> bool {
        self.deep.is_some()
    }

    /// Whether this phase was over before the step that the run goes on from. Then the state is that of its
    /// end.
    pub fn skip(&self, phase: usize, state: &mut RunState) -> bool {
        let Some(deep) = self.deep.as_ref().filter(|deep| deep.resumes) else { return false };
        let Some(end) = deep.ends.get(phase) else { return false };
        become_again(state, &end.state, end.choices);
        true
    }

    /// Goes on from the step with a choice left, if it is of this phase. Gives whether it is.
    pub fn resume(&mut self, phase: usize, state: &mut RunState) -> bool {
        let Some(deep) = self.deep.as_mut().filter(|deep| deep.resumes) else { return false };
        let Some(step) = deep.steps.last().filter(|step| step.phase == phase) else { return false };
        become_again(state, &step.before, step.choices);
        deep.resumes = false;
        true
    }

    /// Whether a run has been in this state before. If not, this is a step to come back to.
    pub fn been_here(&mut self, phase: usize, state: &mut RunState) -> bool {
        let Some(deep) = self.deep.as_mut().filter(|_| !state.quiescent) else { return false };
        let before = deep.ends.last().map_or(0, |end| end.fingerprint);
        let fingerprint = fingerprint(&(before, phase, state.fingerprint()));
        if let Some(schedules) = deep.seen.get(&fingerprint).copied() {
            deep.leaf(schedules);
            return true;
        }
        let choices = state.choices.len();
        deep.steps.push(Step { phase, before: state.snapshot(), choices, fingerprint, schedules: 0 });
        false
    }

    /// A phase has ended.
    pub fn ended(&mut self, state: &mut RunState) {
        if let Some(deep) = &mut self.deep {
            let before = deep.ends.last().map_or(0, |end| end.fingerprint);
            let fingerprint = fingerprint(&(before, state.fingerprint()));
            let choices = state.choices.len();
            deep.ends.push(End { state: state.snapshot(), choices, fingerprint });
        }
    }

    /// A run has come to its end.
    pub fn complete(&mut self) {
        if let Some(deep) = &mut self.deep {
            deep.leaf(1);
        }
    }

    /// The choices of the next run; none when there is nothing left.
    pub fn next(&mut self, last: Choices) -> Option<Choices> {
        let deep = self.deep.as_mut()?;
        let next = last.next_in_order();
        let at = next.as_ref().map(|next| next.len() - 1);
        // Steps that have no choice left: all that follows from the states before them is known.
        while let Some(step) = deep.steps.pop_if(|step| at.is_none_or(|at| step.choices > at)) {
            deep.seen.insert(step.fingerprint, step.schedules);
            deep.leaf(step.schedules);
        }
        let next = next?;
        // Without a step the choice was made before the first one, and the run begins anew.
        deep.resumes = !deep.steps.is_empty();
        deep.ends.truncate(deep.steps.last().map_or(0, |step| step.phase));
        Some(Choices::new(next, Rest::First))
    }

    /// How many schedules were looked at, in how many states; none unless the search is depth first.
    pub fn stands_for(&self) -> (u128, usize) {
        self.deep.as_ref().map_or((0, 0), |deep| (deep.schedules, deep.seen.len()))
    }
}

impl Deep {
    fn leaf(&mut self, schedules: u128) {
        let sum = self.steps.last_mut().map_or(&mut self.schedules, |step| &mut step.schedules);
        *sum = sum.saturating_add(schedules);
    }
}

/// Takes a state up again, with the first of the run's own choices made.
fn become_again(state: &mut RunState, again: &RunState, made: usize) {
    let mut choices = std::mem::take(&mut state.choices);
    choices.make(made);
    choices.quiesce(again.quiescent);
    *state = again.clone();
    state.choices = choices;
}
