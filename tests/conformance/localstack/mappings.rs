//! Event source mappings: what of a stream or of a queue a function gets, and when again.
//!
//! All changes are written and all messages sent before a mapping is made, and on both sides the same script
//! answers: so batches begin alike, and what became of each record and message can be compared. Where batches
//! are cut is not.

mod batches;
mod changes;
mod relay;
mod script;
mod streams;

pub use batches::{plan as queue_plan, run as run_queue};
pub use changes::plan as stream_plan;
pub use streams::run as run_stream;
