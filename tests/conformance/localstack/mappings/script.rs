//! How a function answers, the same on both sides, and what it notes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use smol_str::SmolStr;
use tenfold_world::FailedIds;

/// More often than anything is tried.
pub const ALWAYS: u32 = 1_000;

/// What becomes of a record.
#[derive(Debug, Clone)]
pub struct Fate {
    /// How many invocations fail by it.
    pub times: u32,
    pub how: How,
}

/// How an invocation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It names what failed.
    Reports,
    /// It names all from what failed on, the last one first.
    ReportsRest,
    /// It names what is not of the batch.
    NamesAnother,
    /// It names nothing: an empty id.
    NamesNothing,
    /// It ends with an error.
    Errs,
}

impl How {
    /// The ways in which a batch fails as a whole.
    pub const WHOLE: [Self; 3] = [Self::NamesAnother, Self::NamesNothing, Self::Errs];
}

pub fn fate() -> impl Strategy<Value = Fate> {
    let how = prop_oneof![
        2 => Just(How::Reports),
        1 => Just(How::ReportsRest),
        3 => select(How::WHOLE.to_vec()),
    ];
    let times = prop_oneof![6 => Just(0), 2 => Just(1), 1 => Just(2), 1 => Just(ALWAYS)];
    (times, how).prop_map(|(times, how)| Fate { times, how })
}

/// A record, as the function sees it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub sequence: SmolStr,
    pub key: String,
    /// What happened: the kind, and the images.
    pub what: String,
}

/// What a function of a stream does, and what it has noted.
#[derive(Debug)]
pub struct Follower {
    fates: Vec<Fate>,
    /// The sequences in the order in which they were seen first.
    seen: Vec<SmolStr>,
    /// What was taken of each item, in this order.
    taken: BTreeMap<String, Vec<String>>,
    done: Vec<SmolStr>,
    /// Whether something was taken that had been taken before.
    pub again: bool,
    /// Whether the stream has come to its end.
    pub ended: bool,
}

impl Follower {
    pub fn new(fates: Vec<Fate>) -> Self {
        let (seen, taken, done) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { fates, seen, taken, done, again: false, ended: false }
    }

    /// Answers an invocation: what failed, none for an error.
    pub fn answer(&mut self, batch: &[Seen]) -> Option<FailedIds> {
        for record in batch {
            if !self.seen.contains(&record.sequence) {
                self.seen.push(record.sequence.clone());
            }
        }
        let failing = batch.iter().position(|record| {
            let place = self.place(&record.sequence);
            place.and_then(|place| self.fates.get(place)).is_some_and(|fate| fate.times > 0)
        });
        let fate = failing.and_then(|at| {
            let place = self.place(&batch[at].sequence)?;
            let fate = self.fates.get_mut(place)?;
            fate.times -= 1;
            Some((at, fate.how))
        });
        let (well, failed) = match fate {
            None => (batch, Some(Vec::new())),
            Some((at, How::Reports)) => (&batch[..at], Some(vec![batch[at].sequence.clone()])),
            Some((at, How::ReportsRest)) => {
                let rest = batch[at..].iter().rev().map(|record| record.sequence.clone());
                (&batch[..at], Some(rest.collect()))
            }
            Some((_, how)) => (&[][..], whole(how)),
        };
        for record in well {
            self.again |= self.done.contains(&record.sequence);
            self.done.push(record.sequence.clone());
            self.taken.entry(record.key.clone()).or_default().push(record.what.clone());
        }
        failed
    }

    /// Which one a record is, among those seen.
    pub fn place(&self, sequence: &str) -> Option<usize> {
        self.seen.iter().position(|seen| seen == sequence)
    }

    /// What was taken of each item.
    pub const fn taken(&self) -> &BTreeMap<String, Vec<String>> {
        &self.taken
    }

    /// How many records were taken.
    pub fn count(&self) -> usize {
        self.taken.values().map(Vec::len).sum()
    }
}

/// The answer that fails a batch as a whole.
pub fn whole(how: How) -> Option<FailedIds> {
    match how {
        How::NamesAnother => Some(vec!["4711".into()]),
        How::NamesNothing => Some(vec!["".into()]),
        How::Reports | How::ReportsRest | How::Errs => None,
    }
}
