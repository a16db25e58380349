//! The stream of the table, with the semantics of DynamoDB Streams (new and old images) and of Lambda's event
//! source mappings that read it.
//!
//! Each change of an item is in the stream once, in order for each item: items are spread over shards by
//! their partition keys. A mapping has a checkpoint for each shard and reads from the shard's beginning
//! (`TRIM_HORIZON`). It hands out batches with [`crate::World::next_batch`], one a shard at a time, and
//! learns with [`crate::World::finish_batch`] what came of them. Records older than 24 h are lost to those
//! who have not read them.
//!
//! Who invokes the function is not here. Not modelled: shards that split, several batches of a shard at once
//! (`ParallelizationFactor`), a maximum age of records, batching windows, tumbling windows.

mod batch;
mod filter;
mod mapping;
mod settings;
mod shard;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use jiff::Timestamp;
use smol_str::format_smolstr;
use tenfold_ports::stream::Record;
use tenfold_ports::table::{Item, Key};

pub use batch::{Batch, BatchOutcome};
pub use filter::RecordFilter;
pub use settings::MappingSettings;

use mapping::Mapping;
use shard::{Shard, ShardEntry};

use super::queue::Posted;
use crate::kernel::choice::Choices;

/// The stream of a table, and who reads it.
#[derive(Debug, Clone)]
pub struct Stream {
    shards: Vec<Shard>,
    mappings: Vec<Mapping>,
    next: u64,
    /// Whether what nobody wants is only counted: there are millions of records.
    only_wanted: bool,
}

/// What is yet to be read, whatever the records' numbers are: nobody makes anything of those.
impl Hash for Stream {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for shard in &self.shards {
            for record in shard.0.iter().filter_map(|entry| entry.record.as_ref()) {
                (&record.key, &record.old, &record.new, record.at, record.expired).hash(state);
            }
        }
        self.mappings.iter().for_each(|mapping| mapping.feed(&self.shards, state));
    }
}

impl Stream {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            shards: vec![Shard::default(); shards.max(1)],
            mappings: Vec::new(),
            next: 1,
            only_wanted: false,
        }
    }

    /// From now on what none of its mappings wants is only counted; they are there before the first change.
    pub(crate) const fn keep_only_wanted(&mut self) {
        self.only_wanted = true;
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
        let wanted = self.mappings.iter().map(|mapping| mapping.bit_of(&record)).sum();
        let record = (wanted > 0 || !self.only_wanted).then(|| Rc::new(record));
        self.shards[shard].0.push_back(ShardEntry { number, record, at, wanted });
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

    /// How many records not all mappings have done with.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.shards.iter().map(|shard| shard.0.len()).sum()
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
        let mapping = Mapping::new(self.mappings.len(), settings, self.shards.len());
        for entry in self.shards.iter_mut().flat_map(|shard| &mut shard.0) {
            entry.wanted += entry.record.as_ref().map_or(0, |record| mapping.bit_of(record));
        }
        self.mappings.push(mapping);
        self.mappings.len() - 1
    }

    pub(crate) fn next_batch(
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

    pub(crate) fn finish(
        &mut self,
        batch: &Batch,
        outcome: &BatchOutcome,
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

#[cfg(test)]
mod tests;
