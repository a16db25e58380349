//! Where records wait.

use std::collections::VecDeque;
use std::rc::Rc;

use jiff::Timestamp;
use tenfold_ports::stream::Record;

/// A record and its place in the stream.
#[derive(Debug, Clone)]
pub(super) struct ShardEntry {
    pub number: u64,
    /// None of one that nobody wants, in a stream that does not keep these.
    pub record: Option<Rc<Record>>,
    pub at: Timestamp,
    /// Which of the first 64 mappings want it, one bit each: it is asked whenever they look for the next.
    pub wanted: u64,
}

/// The records that not every mapping has done with, in the order of the changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Shard(pub VecDeque<ShardEntry>);
