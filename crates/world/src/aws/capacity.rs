//! What DynamoDB lets through: write and read units by the second, a partition key and a table, index keys
//! included.
//!
//! By DynamoDB's developer guide ("Partitions and data distribution", "Using write sharding"): a partition key
//! takes 1,000 write units and 3,000 read units a second, in an index as in the table; an index that cannot
//! keep up throttles the writes of its table. Transactions cost twice, and two that meet on an item are not
//! both made.
//!
//! Not modelled: how partitions split and merge, and unused capacity of earlier seconds (burst capacity), which
//! DynamoDB does not promise.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::SmolStr;
use tenfold_ports::table::Key;

use super::table::Items;
use super::table::change::{Change, Planned};
use super::table::scaled::place_in;

/// What DynamoDB lets through, in units a second. Infinite where it is not limited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableLimits {
    pub key_writes: f64,
    pub key_reads: f64,
    pub table_writes: f64,
    pub table_reads: f64,
    /// For how long a transaction holds its items.
    pub holds: SignedDuration,
}

/// A partition key of the table, or of one of its indexes.
type Partition = (&'static str, SmolStr);

#[derive(Debug, Clone, Copy, Default)]
struct Units {
    written: f64,
    read: f64,
}

/// A key, and how much it took in a second.
#[derive(Debug, Clone, Default)]
pub(crate) struct HotKey {
    pub name: String,
    pub units: f64,
}

/// What was used of the table's capacity in this second, and what was refused so far.
#[derive(Debug, Clone)]
pub(crate) struct Capacity {
    limits: TableLimits,
    second: i64,
    keys: FxHashMap<Partition, Units>,
    all: Units,
    holds: Holds,
    /// The partition key that took the most write units in a second.
    pub hottest: HotKey,
    /// The same of the last second that has ended.
    pub hottest_now: HotKey,
    /// The most write units that any partition key of a kind took in a second, by what it begins with before a `#`.
    pub hottest_of: BTreeMap<String, f64>,
    /// How many calls were throttled, by the partition key that had no more to give.
    pub throttled: FxHashMap<String, u64>,
    /// How many transactions met another one.
    pub met: u64,
    pub written: f64,
    pub read: f64,
}

/// The items in the hands of transactions, each for as long as any other: the first that is let go first.
#[derive(Debug, Clone, Default)]
struct Holds {
    keys: FxHashSet<Key>,
    until: VecDeque<(Timestamp, Key)>,
}

impl Holds {
    fn has(&self, key: &Key) -> bool {
        !self.keys.is_empty() && self.keys.contains(key)
    }

    fn hold(&mut self, key: &Key, until: Timestamp) {
        self.keys.insert(key.clone());
        self.until.push_back((until, key.clone()));
    }

    fn let_go(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.until.pop_front_if(|(until, _)| *until <= now) {
            self.keys.remove(&key);
        }
    }
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CapacityCheck {
    Made,
    Throttled,
    /// One of its items is in another transaction's hands.
    Busy,
}

/// What a table's own limit is called where a key's would be.
const TABLE: &str = "the table";
/// How many names of throttled keys are kept.
const NAMES: usize = 1_000;

impl Capacity {
    pub fn new(limits: TableLimits) -> Self {
        Self {
            limits,
            second: 0,
            keys: FxHashMap::default(),
            all: Units::default(),
            holds: Holds::default(),
            hottest: HotKey::default(),
            hottest_now: HotKey::default(),
            hottest_of: BTreeMap::new(),
            throttled: FxHashMap::default(),
            met: 0,
            written: 0.0,
            read: 0.0,
        }
    }

    /// A new second, in which all have their units again.
    pub fn turn(&mut self, now: Timestamp) {
        let second = now.as_second();
        if second == self.second {
            return;
        }
        self.second = second;
        let hottest = self.keys.iter().max_by(|a, b| a.1.written.total_cmp(&b.1.written).then(b.0.cmp(a.0)));
        if let Some((partition, units)) = hottest {
            self.hottest_now = HotKey { name: name(partition), units: units.written };
            if units.written > self.hottest.units {
                self.hottest = self.hottest_now.clone();
            }
        }
        for ((_, partition), units) in self.keys.iter().filter(|((index, _), _)| index.is_empty()) {
            let kind = partition.split('#').next().unwrap_or_default();
            match self.hottest_of.get_mut(kind) {
                Some(most) => *most = most.max(units.written),
                None => _ = self.hottest_of.insert(kind.to_owned(), units.written),
            }
        }
        self.keys.clear();
        self.all = Units::default();
    }

    /// Reads of so many bytes each from a partition.
    pub fn reads(
        &mut self,
        index: &'static str,
        partition: &SmolStr,
        units: f64,
        now: Timestamp,
    ) -> CapacityCheck {
        self.turn(now);
        let of_key = self.keys.entry((index, partition.clone())).or_default();
        let hot = over(of_key.read, units, self.limits.key_reads);
        if hot || over(self.all.read, units, self.limits.table_reads) {
            self.throttle(if hot { name(&(index, partition.clone())) } else { TABLE.to_owned() });
            return CapacityCheck::Throttled;
        }
        of_key.read += units;
        self.all.read += units;
        self.read += units;
        CapacityCheck::Made
    }

    /// Writes of a call: all of them or none.
    pub fn writes(
        &mut self,
        items: &Items,
        plan: &[Planned<'_, '_>],
        now: Timestamp,
        transaction: bool,
    ) -> CapacityCheck {
        self.turn(now);
        self.holds.let_go(now);
        if plan.iter().any(|planned| self.holds.has(planned.write.key())) {
            self.met += 1;
            return CapacityCheck::Busy;
        }
        let factor = if transaction { 2.0 } else { 1.0 };
        let mut wanted = Wanted(Vec::with_capacity(plan.len() * 2));
        let made = plan.iter().all(|planned| planned.holds);
        for planned in plan {
            wanted.add_write(items, planned, factor, made);
        }
        let Wanted(wanted) = wanted;
        let sum: f64 = wanted.iter().map(|(_, units)| units).sum();
        for (partition, units) in &wanted {
            let taken = self.keys.get(partition).map_or(0.0, |units| units.written);
            if over(taken, *units, self.limits.key_writes) {
                self.throttle(name(partition));
                return CapacityCheck::Throttled;
            }
        }
        if over(self.all.written, sum, self.limits.table_writes) {
            self.throttle(TABLE.to_owned());
            return CapacityCheck::Throttled;
        }
        for (partition, units) in wanted {
            self.keys.entry(partition).or_default().written += units;
        }
        self.all.written += sum;
        self.written += sum;
        if transaction && self.limits.holds > SignedDuration::ZERO {
            for planned in plan {
                self.holds.hold(planned.write.key(), now + self.limits.holds);
            }
        }
        CapacityCheck::Made
    }

    fn throttle(&mut self, name: String) {
        if self.throttled.len() < NAMES || self.throttled.contains_key(&name) {
            *self.throttled.entry(name).or_default() += 1;
        } else {
            *self.throttled.entry("others".to_owned()).or_default() += 1;
        }
    }
}

fn name((index, partition): &Partition) -> String {
    if index.is_empty() { partition.to_string() } else { format!("{index}={partition}") }
}

/// How many units so many bytes are, at least one.
pub(crate) fn kilobytes(bytes: usize, unit: usize) -> f64 {
    bytes.div_ceil(unit).max(1) as f64
}

/// Whether a call is too much for a second in which so much was taken already. One that is more than a whole second
/// has takes one that nobody has begun.
fn over(taken: f64, units: f64, most: f64) -> bool {
    most <= 0.0 || taken > 0.0 && taken + units > most
}

/// What a call takes of which partition keys.
struct Wanted(Vec<(Partition, f64)>);

impl Wanted {
    fn add(&mut self, index: &'static str, partition: &SmolStr, units: f64) {
        match self.0.iter_mut().find(|(known, _)| known.0 == index && known.1 == *partition) {
            Some((_, sum)) => *sum += units,
            None => self.0.push(((index, partition.clone()), units)),
        }
    }

    /// What a write takes: of the item's own key by the larger of what it was and what it becomes, and of those of each
    /// index that it changes. One that is not made, as a condition does not hold, costs by the item that it found, and
    /// no index.
    fn add_write(&mut self, items: &Items, planned: &Planned<'_, '_>, factor: f64, is_made: bool) {
        let (before, was) = (planned.before, planned.bytes_before);
        let (after, is) = match &planned.change {
            Change::Puts((item, bytes)) if is_made => (Some(item), *bytes),
            Change::Deletes if is_made => (None, 0),
            _ => (before, was),
        };
        self.add("", &planned.write.key().pk, factor * kilobytes(was.max(is), 1 << 10));
        for index in items.indexes() {
            let was = before.and_then(|item| place_in(item, index));
            let is = after.and_then(|item| place_in(item, index));
            if was == is {
                continue;
            }
            // A place that moves is deleted and made anew, each at a unit: indexes hold keys only.
            for (partition, _) in was.into_iter().chain(is) {
                self.add(index, partition, 1.0);
            }
        }
    }
}

#[cfg(test)]
mod tests;
