//! A run of the world: what is in it, what may happen next, and letting it happen.
//!
//! Owns the state of a run, invocations and what begins them, the search that goes back to earlier states,
//! and the environment that handlers hold. Not here: what a service does with what it holds ([`crate::aws`]),
//! and what each port's calls are ([`crate::ports`]).

pub(crate) mod actor;
pub(crate) mod begin;
pub(crate) mod delivery;
pub(crate) mod env;
pub(crate) mod executions;
pub(crate) mod invocation;
pub(crate) mod limits;
pub(crate) mod machine;
pub(crate) mod options;
pub(crate) mod search;
pub(crate) mod source;
pub(crate) mod spend;
pub(crate) mod state;
pub(crate) mod step;
pub(crate) mod stop;
pub(crate) mod time;
pub(crate) mod timed;
pub(crate) mod world;
