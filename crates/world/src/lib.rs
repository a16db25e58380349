//! The deterministic world: every port in memory, with crashes and faults at every call.
//!
//! Handlers run unchanged. Every port call is a point at which the world chooses: whose call comes next, and
//! what goes wrong with it. All choices of a run are one vector of small numbers, which is the whole of its
//! nondeterminism: the same vector gives the same run, byte for byte.
//!
//! [`explore`] drives runs over all vectors, or over many random ones. A run is an ordinary function over a
//! [`World`]: it [spawns](World::spawn) invocations, [runs](World::run) them, lets the dust settle in
//! [quiescence](World::quiesce), and says which invariant does not hold.
//!
//! What is modelled of AWS is in [`table`], [`stream`], [`queue`], [`topic`], [`bus`], [`blob`], [`flags`],
//! [`schedule`], [`secrets`], [`alarm`], [`invocations`], [`flow`] and [`downstream`]; what can go wrong in [`fault`].
//!
//! The source is laid in floors; what a file imports is on its own floor or below: `sim`, `smoke` and
//! `harness`, [`explore`], `ports` (what handlers call), `run` (who goes on next), `aws` (what services do),
//! [`flow`] and [`pattern`], `kernel`.
//!
//! Not here: anything about a pattern. Workloads, invariants and mutants belong to the pattern's core.

mod aws;
pub mod explore;
pub mod flow;
mod harness;
mod kernel;
pub mod pattern;
mod ports;
mod run;
pub mod scale;
pub mod sim;
pub mod smoke;

pub use aws::{
    alarm, blob, bus, downstream, flags, invocations, queue, schedule, secrets, stream, table, topic,
};
pub use explore::{Bounds, Memory, SearchReport, Workload, exhaust, replay, sample, trace_detail};
pub use harness::{quiet, request};
pub use kernel::actor::Actor;
pub use kernel::fault::{self, CallFault};
pub use kernel::ids::{BucketId, BusId, MachineId, QueueId, TopicId};
pub use kernel::site::Site;
pub use kernel::trace::TraceEvent;
pub use ports::blob::BlobOf;
pub use ports::bus::BusOf;
pub use ports::flow::{FlowOf, Tasks};
pub use ports::queue::QueueOf;
pub use ports::topic::TopicOf;
pub use queue::QueueSettings;
pub use run::env::Env;
pub use run::invocation::FailedIds;
pub use run::limits::Order;
pub use run::stop::{RunOutcome, Stop};
pub use run::world::World;
