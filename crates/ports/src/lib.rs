//! What a pattern asks of the outside world: one trait a service, and the data that crosses it.
//!
//! A pattern's core depends on this crate and on nothing that can reach a network, a clock or a random
//! number. `tenfold-aws` implements the traits on the AWS SDK, `tenfold-world` in memory with crashes and
//! faults at every call, so the very same handlers run in both.
//!
//! Rules that hold for every port:
//!
//! * A value of a port is bound to one resource (one table, one queue). What a function can reach is thus
//!   visible in its type, and its IAM policy can be held against it.
//! * An error says what is known about the effect. [`CallError::Unknown`] means that the call may have been
//!   applied; a handler must treat it as both.
//! * Batches answer for each entry. A batch that failed in part is an `Ok` that names the entries.
//!
//! Beside the ports there is one thing more that a core and the world share: [`mutants!`], the bugs that are put
//! in on purpose.
//!
//! Not here: retries, decisions, defaults. Those belong to the patterns and to the adapters.

pub mod api;
pub mod blob;
pub mod bus;
pub mod clock;
pub mod context;
pub mod downstream;
mod error;
pub mod flags;
pub mod flow;
pub mod metrics;
mod mutant;
pub mod queue;
pub mod secrets;
pub mod signer;
pub mod stream;
pub mod table;
pub mod topic;
pub mod trace;

pub use blob::Blob;
pub use bus::Bus;
pub use bytes::Bytes;
pub use clock::{Clock, Rng, Runtime};
pub use context::{Carrier, Context};
pub use downstream::Downstream;
pub use error::CallError;
pub use flags::Flags;
pub use flow::Flow;
pub use metrics::Metrics;
pub use queue::Queue;
pub use secrets::Secrets;
pub use signer::Signer;
pub use smol_str::SmolStr;
pub use table::Table;
pub use topic::Topic;
pub use trace::TraceContext;
