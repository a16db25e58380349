//! The ports of [`Env`](crate::Env), and what a run adds to its [`World`](crate::World) and asks of it.
//!
//! Owns what each call of a port is: its site, its effect on the state of a run, and what is told of it. Not
//! here: what the service makes of it ([`crate::aws`]), and when a call has its turn ([`crate::run`]).

mod alarm;
pub(crate) mod blob;
pub(crate) mod bus;
mod downstream;
mod flags;
pub(crate) mod flow;
mod invocations;
pub(crate) mod queue;
mod schedule;
mod secrets;
mod sources;
mod stream;
mod table;
pub(crate) mod topic;
