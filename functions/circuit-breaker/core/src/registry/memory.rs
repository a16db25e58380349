//! What an environment remembers of breakers, without any call.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tenfold_ports::table::{BadItem, Item};

use super::Registry;
use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, BreakerState, DecisionContext};
use crate::decide::window::{CallOutcome, Window};
use crate::mutant::{Mutant, is_in};
use crate::names::{BreakerName, TargetName};
use crate::rows::{BreakerRow, TargetRow};

/// The number of breakers that are remembered. For one more, those that have no failure to report are
/// forgotten, and with them their good calls; the fleet's window can miss those of a TTL anyway.
const REMEMBERED: usize = 2_000;

/// What is known of a target.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) target: TargetRow,
    read_at: Timestamp,
    breakers: HashMap<BreakerName, Kept>,
}

/// What is known of a breaker.
#[derive(Debug, Clone)]
struct Kept {
    row: BreakerRow,
    read_at: Timestamp,
    /// The calls of `row`'s epoch that the fleet does not know of.
    unreported: Window,
    reported_at: Timestamp,
}

/// What is remembered, without any call.
impl<T, R> Registry<T, R> {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<TargetName, Known>> {
        // Nothing panics while it is held, and what it guards is a cache.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether all of it was read less than a TTL ago.
    pub(super) fn fresh(&self, target: &TargetName, names: &[&BreakerName], now: Timestamp) -> bool {
        let known = self.lock();
        let Some(known) = known.get(target) else { return false };
        let fresh_at = |at: Timestamp| now < at + self.ttl && now >= at;
        fresh_at(known.read_at)
            && names.iter().all(|n| known.breakers.get(*n).is_some_and(|k| fresh_at(k.read_at)))
    }

    /// Makes do with what is known for another TTL. Returns false where something is not known.
    pub(super) fn put_off(&self, target: &TargetName, names: &[&BreakerName], now: Timestamp) -> bool {
        let mut known = self.lock();
        let Some(known) = known.get_mut(target) else { return false };
        if !names.iter().all(|n| known.breakers.contains_key(*n)) {
            return false;
        }
        known.read_at = now;
        for name in names {
            if let Some(kept) = known.breakers.get_mut(*name) {
                kept.read_at = now;
            }
        }
        true
    }

    /// Remembers what was read: the target's row, and after it those of the breakers `names`.
    pub(super) fn learn(
        &self,
        target: &TargetName,
        names: &[&BreakerName],
        items: &[Option<Item>],
        now: Timestamp,
    ) -> Result<(), BadItem> {
        let mut known = self.lock();
        let Some(Some(item)) = items.first() else {
            known.remove(target);
            return Ok(());
        };
        let target_row: TargetRow = item.doc()?;
        if target_row.deleted.is_some() {
            known.remove(target);
            return Ok(());
        }
        if known.values().map(|k| k.breakers.len()).sum::<usize>() >= REMEMBERED {
            make_room(&mut known, now);
        }
        let entry = known.entry(target.clone()).or_insert_with(|| Known {
            target: target_row.clone(),
            read_at: now,
            breakers: HashMap::new(),
        });
        entry.target = target_row;
        entry.read_at = now;
        for (name, item) in names.iter().zip(&items[1..]) {
            let row = match item {
                Some(item) => BreakerRow::read(item)?,
                None => entry.unwritten(),
            };
            entry.keep(name, row, now);
        }
        Ok(())
    }

    /// Remembers the row of a breaker, of a target that is known.
    pub(super) fn keep(&self, name: &BreakerName, row: BreakerRow, now: Timestamp) {
        if let Some(known) = self.lock().get_mut(&name.target) {
            known.keep(name, row, now);
        }
    }

    /// Returns a breaker as it was read last; closed in epoch 0 where nothing is known of it.
    #[must_use]
    pub fn row(&self, name: &BreakerName) -> BreakerRow {
        let known = self.lock();
        let kept = known.get(&name.target).and_then(|k| k.breakers.get(name));
        match (kept, known.get(&name.target)) {
            (Some(kept), _) => kept.row.clone(),
            (None, Some(known)) => known.unwritten(),
            (None, None) => BreakerRow {
                version: 0,
                breaker: Breaker {
                    epoch: 0,
                    since: Timestamp::UNIX_EPOCH,
                    reason: String::new(),
                    state: BreakerState::Closed,
                    window: Window::Calls(String::new()),
                    openings: 0,
                },
                writer: 0,
            },
        }
    }

    /// Returns a target as it was read last.
    #[must_use]
    pub fn target(&self, name: &TargetName) -> Option<TargetRow> {
        self.lock().get(name).map(|k| k.target.clone())
    }

    /// Counts a call of `epoch` that is not reported yet.
    pub(super) fn count(
        &self,
        now: Timestamp,
        name: &BreakerName,
        config: &TargetConfig,
        epoch: u64,
        outcome: CallOutcome,
    ) {
        let mut known = self.lock();
        let kept = known.get_mut(&name.target).and_then(|k| k.breakers.get_mut(name));
        if let Some(kept) = kept
            && kept.row.breaker.epoch == epoch
        {
            kept.unreported.push(config.window, now, outcome);
        }
    }

    /// Takes the calls of a breaker that are to be reported now, with the epoch that they count in. Returns
    /// none where it does not matter yet.
    pub(super) fn take_unreported(
        &self,
        name: &BreakerName,
        now: Timestamp,
    ) -> Option<(Arc<TargetConfig>, u64, Window)> {
        let mut known = self.lock();
        let known = known.get_mut(&name.target)?;
        let config = Arc::clone(&known.target.config);
        let kept = known.breakers.get_mut(name)?;
        let bad = |w: &Window| {
            let tally = w.tally(config.window, now);
            tally.failed + tally.slow > 0
        };
        let due = now >= kept.reported_at + self.ttl;
        let matters = bad(&kept.unreported) || (bad(&kept.row.breaker.window) && due);
        if kept.unreported.is_empty() || !matters || kept_to_oneself(&kept.unreported, &config, now) {
            return None;
        }
        kept.reported_at = now;
        let calls = std::mem::replace(&mut kept.unreported, config.window.empty());
        Some((config, kept.row.breaker.epoch, calls))
    }

    /// Keeps calls that could not be reported, and trips this environment's own view by them.
    pub(super) fn count_alone(
        &self,
        name: &BreakerName,
        context: DecisionContext<'_>,
        epoch: u64,
        calls: Window,
        retry_after: Option<Duration>,
    ) {
        let mut known = self.lock();
        let Some(kept) = known.get_mut(&name.target).and_then(|k| k.breakers.get_mut(name)) else { return };
        if kept.row.breaker.epoch != epoch {
            return;
        }
        let mut all = calls;
        all.merge(context.config.window, context.now, &kept.unreported);
        if let Some(alone) = kept.row.breaker.absorb(context, epoch, &all, retry_after)
            && alone.epoch != epoch
        {
            // Not written anywhere: the next read that succeeds puts the fleet's view back.
            kept.row.breaker.state = alone.state;
            kept.row.breaker.reason = alone.reason;
        }
        kept.unreported = all;
    }
}

impl Known {
    /// Returns the row of a breaker that nobody has written yet.
    fn unwritten(&self) -> BreakerRow {
        BreakerRow { version: 0, breaker: Breaker::new(&self.target.config, self.target.created), writer: 0 }
    }

    /// Returns a breaker as it was read last, or as it is before its first write.
    pub(super) fn breaker(&self, name: &BreakerName) -> Breaker {
        self.breakers.get(name).map_or_else(|| self.unwritten().breaker, |k| k.row.breaker.clone())
    }

    /// Takes a row over unless a newer one is known: reads are eventually consistent.
    pub(super) fn keep(&mut self, name: &BreakerName, row: BreakerRow, now: Timestamp) {
        let Some(kept) = self.breakers.get_mut(name) else {
            let unreported = self.target.config.window.empty();
            self.breakers.insert(name.clone(), Kept { row, read_at: now, unreported, reported_at: now });
            return;
        };
        kept.read_at = now;
        if row.version >= kept.row.version {
            if row.breaker.epoch != kept.row.breaker.epoch {
                kept.unreported = self.target.config.window.empty();
            }
            kept.row = row;
        }
    }
}

/// Whether calls are kept from the fleet until they could trip the breaker by themselves: never.
fn kept_to_oneself(unreported: &Window, config: &TargetConfig, now: Timestamp) -> bool {
    is_in(Mutant::CountedAlone) && unreported.tally(config.window, now).calls < config.minimum_calls
}

/// Forgets what can be read again. Failures wait only where the table did not take them; when even these are
/// too many, memory comes first.
fn make_room(known: &mut HashMap<TargetName, Known>, now: Timestamp) {
    for other in known.values_mut() {
        let config = Arc::clone(&other.target.config);
        other.breakers.retain(|_, kept| {
            let tally = kept.unreported.tally(config.window, now);
            tally.failed + tally.slow > 0
        });
    }
    known.retain(|_, other| !other.breakers.is_empty());
    if known.values().map(|k| k.breakers.len()).sum::<usize>() >= REMEMBERED {
        known.clear();
    }
}
