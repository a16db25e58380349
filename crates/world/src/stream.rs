//! The stream of the table, with the semantics of DynamoDB Streams (new and old images) and of Lambda's event
//! source mappings that read it.
//!
//! Each change of an item is in the stream once, in order for each item: items are spread over shards by their
//! partition keys. A mapping has a checkpoint for each shard and reads from the shard's beginning
//! (`TRIM_HORIZON`). It hands out batches with [`World::next_batch`], one a shard at a time, and learns with
//! [`World::finish_batch`] what came of them. Records older than 24 h are lost to those who have not read them.
//!
//! Who invokes the function is not here. Not modelled: shards that split, several batches of a shard at once
//! (`ParallelizationFactor`), a maximum age of records, batching windows, tumbling windows.

mod filter;
mod mapping;

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;
use smol_str::format_smolstr;
use tenfold_ports::stream::Record;
use tenfold_ports::table::{Item, Key};

pub use filter::RecordFilter;
pub use mapping::{Batch, MappingSettings, Outcome};

use mapping::Mapping;

use crate::choice::Choices;
use crate::executor::{State, World};
use crate::queue::Posted;

/// A record and its place in the stream.
#[derive(Debug, Clone)]
struct Entry {
    number: u64,
    record: Rc<Record>,
}

/// The records that not every mapping has done with, in the order of the changes.
#[derive(Debug, Clone, Default)]
struct Shard(VecDeque<Entry>);

/// The stream of a table, and who reads it.
#[derive(Debug, Clone)]
pub struct Stream {
    shards: Vec<Shard>,
    mappings: Vec<Mapping>,
    next: u64,
}

/// What is yet to be read, whatever the records' numbers are: nobody makes anything of those.
impl Hash for Stream {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for shard in &self.shards {
            for Entry { record, .. } in &shard.0 {
                (&record.key, &record.old, &record.new, record.at, record.expired).hash(state);
            }
        }
        self.mappings.iter().for_each(|mapping| mapping.feed(&self.shards, state));
    }
}

impl Stream {
    pub(crate) fn new(shards: usize) -> Self {
        Self { shards: vec![Shard::default(); shards.max(1)], mappings: Vec::new(), next: 1 }
    }

    /// Takes in a change. A write that changes nothing makes no record.
    pub(crate) fn record(
        &mut self,
        key: &Key,
        old: Option<&Item>,
        new: Option<&Item>,
        at: Timestamp,
        expired: bool,
    ) {
        if old == new {
            return;
        }
        let number = self.next;
        self.next += 1;
        let (key, old, new) = (key.clone(), old.cloned(), new.cloned());
        let shard = self.shard_of(&key);
        let record = Record { sequence: format_smolstr!("{number}"), key, old, new, at, expired };
        self.shards[shard].0.push_back(Entry { number, record: Rc::new(record) });
    }

    /// Which shard has the records of an item.
    #[must_use]
    pub fn shard_of(&self, key: &Key) -> usize {
        let mut hasher = DefaultHasher::new();
        key.pk.hash(&mut hasher);
        (hasher.finish() % self.shards.len() as u64) as usize
    }

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Whether a mapping has done with all records of a shard that it wants.
    #[must_use]
    pub fn is_read(&self, mapping: usize, shard: usize) -> bool {
        self.mappings[mapping].is_done(shard, &self.shards[shard])
    }

    /// The first shard that has something for a mapping and no batch of it on its way.
    pub(crate) fn shard_to_read(&self, mapping: usize) -> Option<usize> {
        (0..self.shards.len()).find(|shard| self.mappings[mapping].has_batch(*shard, &self.shards[*shard]))
    }

    /// How many records a mapping has lost so far: they were older than 24 h before it had done with them.
    #[must_use]
    pub fn expired(&self, mapping: usize) -> u64 {
        self.mappings[mapping].expired
    }

    /// How many records a mapping has given up, with or without a message to its on-failure queue.
    #[must_use]
    pub fn given_up(&self, mapping: usize) -> u64 {
        self.mappings[mapping].given_up
    }

    /// Adds a mapping, which begins with the oldest record.
    pub(crate) fn map(&mut self, settings: MappingSettings) -> usize {
        self.mappings.push(Mapping::new(self.mappings.len(), settings, self.shards.len()));
        self.mappings.len() - 1
    }

    fn next_batch(
        &mut self,
        mapping: usize,
        shard: usize,
        now: Timestamp,
        choices: &mut Choices,
    ) -> Option<Batch> {
        let batch = self.mappings[mapping].next_batch(shard, &self.shards[shard], now, choices);
        self.trim(shard);
        batch
    }

    fn finish(
        &mut self,
        batch: &Batch,
        outcome: &Outcome,
        now: Timestamp,
        choices: &mut Choices,
    ) -> Option<Posted> {
        let letter = self.mappings[batch.mapping].finish(batch, outcome, now, choices);
        self.trim(batch.shard);
        letter
    }

    /// Forgets what all mappings have done with.
    fn trim(&mut self, shard: usize) {
        let done = self.mappings.iter().map(|mapping| mapping.done(shard)).min().unwrap_or(0);
        let records = &mut self.shards[shard].0;
        while records.front().is_some_and(|entry| entry.number <= done) {
            records.pop_front();
        }
    }
}

impl World {
    /// Gives the table a stream of so many shards, with all changes from now on.
    pub fn add_stream(&self, shards: usize) {
        self.state.borrow_mut().table.stream = Some(Stream::new(shards).into());
    }

    /// Adds an event source mapping to the table's stream: a new one of one shard where it has none.
    pub fn add_mapping(&self, settings: MappingSettings) -> usize {
        let mut state = self.state.borrow_mut();
        let stream = state.table.stream.get_or_insert_with(|| Stream::new(1).into());
        stream.map(settings)
    }

    /// Looks at the table's stream; an empty one where it has none.
    pub fn stream<R>(&self, look: impl FnOnce(&Stream) -> R) -> R {
        match &self.state.borrow().table.stream {
            Some(stream) => look(stream),
            None => look(&Stream::new(1)),
        }
    }

    /// The next batch of a shard for a mapping's function; none while another one is on its way, or when there
    /// is nothing to do. The batch is on its way until [`World::finish_batch`].
    #[must_use]
    pub fn next_batch(&self, mapping: usize, shard: usize) -> Option<Batch> {
        self.state.borrow_mut().batch(mapping, shard)
    }

    /// Says what came of a batch: the checkpoint moves, the batch comes again, or it is given up.
    pub fn finish_batch(&self, batch: &Batch, outcome: &Outcome) {
        self.state.borrow_mut().finish_batch(batch, outcome);
    }
}

impl State {
    fn batch(&mut self, mapping: usize, shard: usize) -> Option<Batch> {
        self.table.stream.as_mut()?.next_batch(mapping, shard, self.now, &mut self.choices)
    }

    /// The next batch of any shard.
    pub(crate) fn next_batch(&mut self, mapping: usize) -> Option<Batch> {
        let shard = self.table.stream.as_ref()?.shard_to_read(mapping)?;
        self.batch(mapping, shard)
    }

    pub(crate) fn finish_batch(&mut self, batch: &Batch, outcome: &Outcome) {
        let Some(stream) = &mut self.table.stream else { return };
        if let Some(letter) = stream.finish(batch, outcome, self.now, &mut self.choices) {
            self.post(letter);
        }
    }
}

#[cfg(test)]
mod tests;
