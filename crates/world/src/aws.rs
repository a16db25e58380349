//! The services of AWS, each by itself: what it holds, and what it does with it.
//!
//! Owns data and semantics; each service's module says which of AWS's rules it has. Where AWS leaves
//! something open, a service is handed the choices of the run. Not here: handlers, calls and their faults,
//! who invokes what, and how one service's message comes to another's queue.

pub mod alarm;
pub mod blob;
pub mod bus;
pub(crate) mod capacity;
pub mod downstream;
pub mod flags;
pub mod invocations;
pub mod queue;
pub(crate) mod rates;
pub mod schedule;
pub mod secrets;
pub(crate) mod services;
pub mod stream;
pub mod table;
pub mod topic;
