//! One definition of a saga, for both styles.
//!
//! [`Saga::named`] begins one. This module owns the order of the steps: what is done after what, and what is
//! undone after what. [`step`] is what a team implements, [`builder`] what keeps it from defining what is unsafe,
//! [`asl`] and [`choreography`] what is generated from it.

pub mod asl;
pub mod builder;
pub mod choreography;
pub mod step;

use std::sync::Arc;

use jiff::SignedDuration;

pub use builder::{DefinitionError, Saga};
pub use step::{Action, Compensable, Pivot, Policy, Retry, Retryable, Undo, Work};

use crate::mutant::{Mutant, is_in};
use crate::names::Name;

/// The most steps of a saga: all of their rows fit into one transaction.
pub const STEPS_MOST: usize = 20;

/// A saga that can be run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Definition<P> {
    name: Name,
    steps: Arc<[Step<P>]>,
    pivot: usize,
    deadline: SignedDuration,
    recovery: SignedDuration,
    shards: u8,
}

/// A step in its place.
#[derive(Debug, Clone)]
pub struct Step<P> {
    /// Its name.
    pub name: Name,
    /// What it does, and what it is to the saga.
    pub role: Role<P>,
    /// How it is tried.
    pub policy: Policy,
}

/// What a step is to the saga.
#[derive(Debug, Clone)]
pub enum Role<P> {
    /// It can be undone.
    Compensable(Arc<dyn Undo<P>>),
    /// It decides.
    Pivot(Arc<dyn Action<P>>),
    /// It is done in the end.
    Retryable(Arc<dyn Action<P>>),
}

impl<P> Step<P> {
    /// What it does.
    #[must_use]
    pub fn action(&self) -> &dyn Action<P> {
        match &self.role {
            Role::Compensable(undo) => undo.as_ref(),
            Role::Pivot(action) | Role::Retryable(action) => action.as_ref(),
        }
    }
}

impl<P> Definition<P> {
    /// The name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The steps, in the order in which they are done.
    #[must_use]
    pub fn steps(&self) -> &[Step<P>] {
        &self.steps
    }

    /// The place of the step with this name.
    #[must_use]
    pub fn place(&self, name: &Name) -> Option<usize> {
        self.steps.iter().position(|step| step.name == *name)
    }

    /// The place of the pivot. The steps to here can be undone, the pivot only before it was done.
    #[must_use]
    pub const fn pivot(&self) -> usize {
        self.pivot
    }

    /// The steps after the pivot.
    #[must_use]
    pub fn retryables(&self) -> std::ops::Range<usize> {
        self.pivot + 1..self.steps.len()
    }

    /// How long a saga may take to its pivot.
    #[must_use]
    pub const fn deadline(&self) -> SignedDuration {
        self.deadline
    }

    /// How long a round of undoing may take, or of doing what comes after the pivot.
    #[must_use]
    pub const fn recovery(&self) -> SignedDuration {
        self.recovery
    }

    /// Over how many partitions of the index the open sagas of a state are spread.
    #[must_use]
    pub const fn shards(&self) -> u8 {
        self.shards
    }

    /// Where undoing begins when nothing is known of how far the saga came.
    #[must_use]
    pub fn undo_first(&self) -> usize {
        if is_in(Mutant::OrderNotReversed) { 0 } else { self.pivot }
    }

    /// Where undoing begins when the step at `failed` was refused: it and the steps after it were never done.
    #[must_use]
    pub fn undo_from(&self, failed: usize) -> Option<usize> {
        let before = failed.checked_sub(1)?;
        Some(if is_in(Mutant::OrderNotReversed) { 0 } else { before })
    }

    /// What is undone after the step at `undone`; none where it was the last to be undone.
    #[must_use]
    pub fn undo_next(&self, undone: usize) -> Option<usize> {
        if is_in(Mutant::OrderNotReversed) {
            return (undone < self.pivot).then_some(undone + 1);
        }
        undone.checked_sub(1)
    }
}
