//! Where records wait.

use std::collections::VecDeque;
use std::rc::Rc;

use tenfold_ports::stream::Record;

/// A record and its place in the stream.
#[derive(Debug, Clone)]
pub(super) struct ShardEntry {
    pub number: u64,
    pub record: Rc<Record>,
}

/// The records that not every mapping has done with, in the order of the changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Shard(pub VecDeque<ShardEntry>);
