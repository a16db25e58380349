//! Decisions: from what was read to what shall be. Everything here is pure.
//!
//! A decision is given the definition, the rows and the time, and answers with the `Transaction` that shall
//! be made, or with what can be said without one. Whoever commits it is in [`steps`](crate::steps),
//! [`api`](crate::api) and [`publisher`](crate::publisher); what a mutant gets wrong is at the end of each
//! file or in a function of its own.
//!
//! In reading order: `attempt` is what a decision on a step goes by; `perform`, `refuse` and `undo` decide on
//! a step, `ending` and `close` on the end of a saga, [`due`](fn@due) on one whose time is up, `operate` on
//! what a person asks for. `list` says what is on a page of a list; `publication` where an entry of the log
//! goes on to, `dead_letter` what a person has to look at.

mod attempt;
mod close;
mod dead_letter;
mod due;
mod ending;
mod list;
mod operate;
mod outcome;
mod perform;
mod publication;
mod refuse;
mod round;
mod transaction;
mod undo;

pub use due::{Due, ROUNDS, due};
pub use outcome::{OperatorResult, StepOutcome};

pub(crate) use attempt::Attempt;
pub(crate) use close::close;
pub(crate) use dead_letter::{dead_letter, unreadable};
pub(crate) use list::{LIST_PAGE, ListCursor, first_page};
pub(crate) use operate::{Operation, cancel, resolve, retry};
pub(crate) use perform::{NotPerformed, not_performed, perform, performed_again};
pub(crate) use publication::{execution_name, is_entry, notice, starts_execution};
pub(crate) use refuse::{Refusal, refuse};
pub(crate) use round::begin_round;
pub(crate) use transaction::Transaction;
pub(crate) use undo::{found_undone, undo, undo_refused, undo_skipped, undo_stuck};
