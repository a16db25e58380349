//! The transactions on the rows of a saga, which the functions share: load, [`decide`](crate::decide),
//! commit.
//!
//! [`Steps`] is the table and the runtime, once, with what commits a transaction. Its methods are, by file:
//! `perform` and `undo` a step, `settle` a saga when nothing is left to undo, `operate` for what people ask
//! for, and `recover` for a saga whose time is up. Whoever calls them, a state machine or a message, may call
//! them twice, too late, or before their time.

mod commit;
mod operate;
mod perform;
mod recover;
mod settle;
mod undo;

pub use commit::Steps;
