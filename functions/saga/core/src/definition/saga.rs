//! A definition: the order of the steps, what is done after what and what is undone after what.

use std::sync::Arc;

use jiff::SignedDuration;

use super::step::Step;
use crate::mutant::{Mutant, is_in};
use crate::names::Name;

/// The most steps of a saga: all of their rows fit into one transaction.
pub const STEPS_MOST: usize = 20;

/// The definition of a saga that can be run; made by [`Saga::named`](super::Saga::named), and cheap to clone.
#[derive(Debug, Clone)]
pub struct Definition<P> {
    pub(super) name: Name,
    pub(super) steps: Arc<[Step<P>]>,
    pub(super) pivot: usize,
    pub(super) deadline: SignedDuration,
    pub(super) recovery: SignedDuration,
    pub(super) shards: u8,
}

impl<P> Definition<P> {
    /// Returns the saga's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the steps, in the order in which they are done.
    #[must_use]
    pub fn steps(&self) -> &[Step<P>] {
        &self.steps
    }

    /// Returns the place of the step with this name; none where the saga has no such step.
    #[must_use]
    pub fn place(&self, name: &Name) -> Option<usize> {
        self.steps.iter().position(|step| step.name == *name)
    }

    /// Returns the place of the pivot. The steps to there can be undone, the pivot only before it was done.
    #[must_use]
    pub const fn pivot(&self) -> usize {
        self.pivot
    }

    /// Returns the places of the steps after the pivot.
    #[must_use]
    pub fn retryables(&self) -> std::ops::Range<usize> {
        self.pivot + 1..self.steps.len()
    }

    /// Returns how long a saga may take to its pivot: 1 s to 365 days.
    #[must_use]
    pub const fn deadline(&self) -> SignedDuration {
        self.deadline
    }

    /// Returns how long a round of undoing may take, or of doing what comes after the pivot: 1 s to 365 days.
    #[must_use]
    pub const fn recovery(&self) -> SignedDuration {
        self.recovery
    }

    /// Returns over how many partitions of the index the open sagas of a state are spread: 1 to 255.
    #[must_use]
    pub const fn shards(&self) -> u8 {
        self.shards
    }

    /// Returns the place at which undoing begins when nothing is known of how far the saga came: the pivot's.
    #[must_use]
    pub fn undo_first(&self) -> usize {
        first_of(self.pivot)
    }

    /// Returns the place at which undoing begins when the step at `failed` was refused: it and the steps
    /// after it were never done. None where no step is before it.
    #[must_use]
    pub fn undo_from(&self, failed: usize) -> Option<usize> {
        failed.checked_sub(1).map(first_of)
    }

    /// Returns the place of the step that is undone after the one at `undone`; none where that was the last.
    #[must_use]
    pub fn undo_next(&self, undone: usize) -> Option<usize> {
        if is_in(Mutant::OrderNotReversed) {
            return (undone < self.pivot).then_some(undone + 1);
        }
        undone.checked_sub(1)
    }
}

/// Which of the steps to the one at `last` is undone first: that one, since the order is the reverse of
/// doing.
fn first_of(last: usize) -> usize {
    if is_in(Mutant::OrderNotReversed) { 0 } else { last }
}
