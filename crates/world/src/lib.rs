//! The deterministic world: every port in memory, with crashes and faults at every call.
//!
//! Handlers run unchanged. Every port call is a point at which the world chooses: whose call comes next, and
//! what goes wrong with it. All choices of a run are one vector of small numbers, which is the whole of its
//! nondeterminism: the same vector gives the same run, byte for byte.
//!
//! [`explore`] drives runs over all vectors, or over many random ones. A run is an ordinary function over a
//! [`World`]: it [spawns](World::spawn) invocations, [runs](World::run) them, lets the dust settle in
//! [calm](World::calm), and says which invariant does not hold.
//!
//! What is modelled of AWS is in [`table`], [`stream`], [`queue`], [`topic`], [`bus`], [`blob`], [`flags`],
//! [`schedule`], [`alarm`], [`invocations`], [`flow`] and [`downstream`]; what can go wrong in [`fault`].
//! Not here: anything about a pattern. Workloads, invariants and mutants belong to the pattern's core.

pub mod alarm;
pub mod blob;
pub mod bus;
mod choice;
pub mod downstream;
mod env;
mod executor;
pub mod explore;
pub mod fault;
pub mod flags;
pub mod flow;
mod ids;
pub mod invocations;
mod machines;
mod memory;
mod options;
pub mod pattern;
pub mod queue;
pub mod schedule;
mod search;
mod services;
mod shared;
pub mod sim;
mod sources;
mod state;
pub mod stream;
pub mod table;
pub mod taste;
pub mod topic;
mod trace;
mod trail;

pub use env::Env;
pub use executor::{Actor, Outcome, Stop, World};
pub use explore::{Bounds, Report, exhaust, replay, sample, told};
pub use fault::Fault;
pub use ids::{BucketId, BusId, MachineId, QueueId, TopicId};
pub use machines::{FlowOf, Tasks};
pub use memory::Memory;
pub use queue::QueueSettings;
pub use sources::Failed;
pub use state::Order;
pub use trace::{Event, Site};
