//! What a step does and how that is undone: what a team implements.

use std::fmt::Debug;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::table::{Item, Write};

use crate::names::{Name, SagaId};

/// The most writes that a step may add to its transaction: beside 20 steps' rows they fit into DynamoDB's
/// 100.
pub const WRITES_MOST: usize = 20;

/// The work of a step: for which saga, on what, and when.
#[derive(Debug)]
pub struct Work<'a, P> {
    /// The saga's id. With the step's name it is the key of whatever the step reserves.
    pub saga: SagaId,
    /// The step's name.
    pub step: &'a Name,
    /// What the saga is about.
    pub payload: &'a P,
    /// The time of this attempt.
    pub now: Timestamp,
}

/// The action of a step, as writes that are made in one transaction with the step's own row and its log
/// entry.
///
/// So it is done once, whatever repeats it, and needs no idempotency of its own. The writes must not touch
/// the rows of the saga.
pub trait Action<P>: Debug + Send + Sync {
    /// Returns what is taken, in a few words, for people: `flight LH-1`.
    fn item(&self, payload: &P) -> SmolStr;

    /// Returns the writes that do the step, at most [`WRITES_MOST`], each of another item.
    fn writes(&self, work: &Work<'_, P>) -> Vec<Write>;

    /// Returns why the service refuses: in words, from the write (by its place) whose condition did not hold,
    /// and its item as it is. A refusal is for good: what may hold a moment later belongs into no condition
    /// here.
    fn refusal(&self, work: &Work<'_, P>, at: usize, current: Option<&Item>) -> String;
}

/// An action whose effect can be taken back.
pub trait Undo<P>: Action<P> {
    /// Returns the writes that undo the step, at most [`WRITES_MOST`], each of another item. They are made
    /// once, and only after the step was done.
    fn undo_writes(&self, work: &Work<'_, P>) -> Vec<Write>;

    /// Returns why the service does not take it back, like [`Action::refusal`]. The step is stuck then, and a
    /// person is told.
    fn undo_refusal(&self, work: &Work<'_, P>, at: usize, current: Option<&Item>) -> String;
}
