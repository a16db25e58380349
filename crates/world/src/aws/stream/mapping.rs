//! An event source mapping: what of a stream a function gets, and when again.
//!
//! By Lambda's developer guide ("Process DynamoDB records with Lambda", "Configuring partial batch
//! response"). `ReportBatchItemFailures` is on. Where the guide says nothing, a mapping does what is worse
//! for the function: retries of the rest of a batch count on, and a batch that is given up is given up to its
//! end.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use tenfold_ports::stream::Record;

use super::batch::{Batch, BatchOutcome, failed_from, letter, number};
use super::settings::MappingSettings;
use super::shard::{Shard, ShardEntry};
use crate::aws::queue::Posted;
use crate::kernel::choice::Choices;

/// For how long a stream keeps its records.
const RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// A batch, or what is left of it: the wanted records from one number to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Part {
    from: u64,
    to: u64,
    failures: u32,
}

/// How far a mapping is with one shard.
#[derive(Debug, Clone, Default)]
struct Reader {
    /// The last record that is done with, and all before it.
    done: u64,
    /// What is in hand, in order.
    parts: VecDeque<Part>,
    /// Whether the first part is with the function.
    on_its_way: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Mapping {
    index: usize,
    settings: MappingSettings,
    readers: Vec<Reader>,
    duplicates_left: u32,
    short_left: u32,
    pub expired: u64,
    pub given_up: u64,
}

impl Mapping {
    pub(super) fn new(index: usize, settings: MappingSettings, shards: usize) -> Self {
        let (duplicates_left, short_left) = (settings.duplicates, settings.short);
        let readers = vec![Reader::default(); shards];
        Self { index, settings, readers, duplicates_left, short_left, expired: 0, given_up: 0 }
    }

    /// Feeds what changes to a hasher, with places in the shards in place of numbers.
    pub(super) fn feed<H: Hasher>(&self, shards: &[Shard], state: &mut H) {
        (self.duplicates_left, self.short_left, self.expired, self.given_up).hash(state);
        for (reader, shard) in self.readers.iter().zip(shards) {
            let place = |number: u64| shard.0.partition_point(|entry| entry.number <= number);
            (place(reader.done), reader.on_its_way).hash(state);
            for part in &reader.parts {
                (place(part.from), place(part.to), part.failures).hash(state);
            }
        }
    }

    pub(super) fn done(&self, shard: usize) -> u64 {
        self.readers[shard].done
    }

    fn passes(&self, record: &Record) -> bool {
        let filters = &self.settings.filters;
        filters.is_empty() || filters.iter().any(|filter| filter.passes(record))
    }

    /// The bit of this mapping among those of who wants a record; none where it does not.
    pub(super) fn bit_of(&self, record: &Record) -> u64 {
        if self.index < 64 && self.passes(record) { 1 << self.index } else { 0 }
    }

    fn wants(&self, entry: &ShardEntry) -> bool {
        match self.index {
            0..64 => entry.wanted >> self.index & 1 == 1,
            _ => entry.record.as_ref().is_some_and(|record| self.passes(record)),
        }
    }

    /// The wanted records after the checkpoint.
    fn left<'a>(&'a self, at: usize, shard: &'a Shard) -> impl Iterator<Item = &'a ShardEntry> {
        let done = self.readers[at].done;
        shard.0.iter().filter(move |entry| entry.number > done && self.wants(entry))
    }

    pub(super) fn is_done(&self, at: usize, shard: &Shard) -> bool {
        self.left(at, shard).next().is_none()
    }

    pub(super) fn has_batch(&self, at: usize, shard: &Shard) -> bool {
        !self.readers[at].on_its_way && !self.is_done(at, shard)
    }

    pub(super) fn next_batch(
        &mut self,
        at: usize,
        shard: &Shard,
        now: Timestamp,
        choices: &mut Choices,
    ) -> Option<Batch> {
        if self.readers[at].on_its_way {
            return None;
        }
        self.expire(at, shard, now);
        loop {
            let part = match self.readers[at].parts.front() {
                Some(part) => *part,
                None => self.cut(at, shard, choices)?,
            };
            let of_part = self.left(at, shard).take_while(|entry| entry.number <= part.to);
            let records: Vec<_> = of_part.filter_map(|entry| entry.record.clone()).collect();
            let reader = &mut self.readers[at];
            if records.is_empty() {
                // Its records have expired while it was tried.
                reader.parts.pop_front();
                continue;
            }
            reader.on_its_way = true;
            return Some(Batch { mapping: self.index, shard: at, records });
        }
    }

    /// Gives up what is too old.
    fn expire(&mut self, at: usize, shard: &Shard, now: Timestamp) {
        let old = |entry: &&ShardEntry| now.duration_since(entry.at) >= RETENTION;
        let Some(last) = shard.0.iter().take_while(old).last() else { return };
        let last = last.number;
        self.expired += self.left(at, shard).take_while(|entry| entry.number <= last).count() as u64;
        let reader = &mut self.readers[at];
        reader.done = reader.done.max(last);
    }

    /// Takes a new batch in hand; what nobody wants is done with.
    fn cut(&mut self, at: usize, shard: &Shard, choices: &mut Choices) -> Option<Part> {
        let numbers = self.left(at, shard).map(|entry| entry.number);
        let numbers: Vec<u64> = numbers.take(self.settings.batch.max(1)).collect();
        let (Some(first), Some(mut last)) = (numbers.first().copied(), numbers.last().copied()) else {
            self.readers[at].done = shard.0.back().map_or(0, |entry| entry.number).max(self.readers[at].done);
            return None;
        };
        if numbers.len() > 1 && self.short_left > 0 && choices.pick_rarely(2, 8) == 1 {
            self.short_left -= 1;
            last = first;
        }
        let part = Part { from: first, to: last, failures: 0 };
        let reader = &mut self.readers[at];
        reader.done = first - 1;
        reader.parts.push_back(part);
        Some(part)
    }

    /// Moves the checkpoint, or lets the batch come again, or gives it up: then there may be a message to
    /// send.
    pub(super) fn finish(
        &mut self,
        batch: &Batch,
        outcome: &BatchOutcome,
        now: Timestamp,
        choices: &mut Choices,
    ) -> Option<Posted> {
        let reader = &mut self.readers[batch.shard];
        reader.on_its_way = false;
        let part = reader.parts.pop_front()?;
        if let Some(at) = failed_from(batch, outcome) {
            let may_split = *outcome == BatchOutcome::Failed && batch.records.len() > 1;
            return self.fail(batch, at, part, may_split, now);
        }
        if self.duplicates_left > 0 && choices.pick_rarely(2, 8) == 1 {
            self.duplicates_left -= 1;
            reader.parts.push_front(part);
        } else {
            reader.done = part.to;
        }
        None
    }

    /// What is left of a batch that failed from its record `at` on.
    fn fail(
        &mut self,
        batch: &Batch,
        at: usize,
        mut part: Part,
        may_split: bool,
        now: Timestamp,
    ) -> Option<Posted> {
        let reader = &mut self.readers[batch.shard];
        if at > 0 {
            part.from = number(&batch.records[at]);
            reader.done = part.from - 1;
        }
        if self.settings.bisect && (at > 0 || may_split) {
            // "Splitting a batch does not count towards the retry quota."
            if at == 0 {
                let middle = number(&batch.records[batch.records.len() / 2]);
                reader.parts.push_front(Part { from: middle, ..part });
                part.to = middle - 1;
            }
            reader.parts.push_front(part);
            return None;
        }
        part.failures += 1;
        if self.settings.max_retries.is_none_or(|most| part.failures <= most) {
            reader.parts.push_front(part);
            return None;
        }
        reader.done = part.to;
        let lost = &batch.records[at..];
        self.given_up += lost.len() as u64;
        let queue = self.settings.on_failure?;
        Some(Posted { queue, body: letter(batch.shard, lost, part.failures, now), fifo: None })
    }
}
