//! What writes would make of their items, worked out once: what they cost goes by it, and then it is made.

use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{Cancelled, Item, Key, Update, Write};

use super::items::Items;
use super::refusal::invalid;
use super::size::{MAX_ITEM, value_size};
use super::valid::{addable, valid, valid_together};

/// An item, and how large it is.
pub(crate) type ItemSize = (Item, usize);

/// What is made of the item with a key; none where nothing is.
pub(crate) type Change<'w> = (&'w Key, Option<Option<ItemSize>>);

/// A write, and what it would make of its item.
pub(crate) struct Planned<'t, 'w> {
    pub write: &'w Write,
    /// The item as it is.
    pub before: Option<&'t Item>,
    /// How large it is; 0 where there is none, or where nobody asks, as rows are few.
    pub bytes_before: usize,
    /// How large the item is that is put; 0 for another write.
    put: usize,
    /// Whether its condition holds.
    pub holds: bool,
    /// What the write makes of the item, where its condition holds; none for one that only checks.
    pub change: Option<Option<ItemSize>>,
}

impl Items {
    /// Works out what writes would make of their items, each for itself. Changes nothing yet.
    pub(crate) fn plan<'t, 'w>(
        &'t self,
        writes: &'w [Write],
        transaction: bool,
    ) -> Result<Vec<Planned<'t, 'w>>, CallError> {
        let mut plan = Vec::with_capacity(writes.len());
        let mut puts = 0;
        for write in writes {
            valid(write)?;
            let put = if let Write::Put { item, .. } = write { within_limit(self.bytes(item))? } else { 0 };
            puts += put;
            plan.push(Planned { write, before: None, bytes_before: 0, put, holds: false, change: None });
        }
        if transaction {
            valid_together(writes, puts)?;
        }
        plan.iter_mut().try_for_each(|planned| self.work_out(planned))?;
        Ok(plan)
    }

    fn work_out<'t>(&'t self, planned: &mut Planned<'t, '_>) -> Result<(), CallError> {
        let write = planned.write;
        (planned.before, planned.bytes_before) = match &self.scaled {
            None => (self.get(write.key()), 0),
            Some(scaled) => scaled.row(write.key()).map_or((None, 0), |row| (Some(&row.item), row.bytes)),
        };
        planned.holds = write.condition().holds(planned.before);
        if !planned.holds {
            return Ok(());
        }
        planned.change = match write {
            Write::Put { item, .. } => Some(Some((item.clone(), planned.put))),
            Write::Delete { .. } => Some(None),
            Write::Check { .. } => None,
            Write::Update { key, updates, .. } => Some(Some(self.updated(planned, key, updates)?)),
        };
        Ok(())
    }

    /// What updates make of an item.
    fn updated(
        &self,
        planned: &Planned<'_, '_>,
        key: &Key,
        updates: &[(SmolStr, Update)],
    ) -> Result<ItemSize, CallError> {
        let mut item = planned.before.cloned().unwrap_or_else(|| Item::new(key.clone()));
        let mut bytes = if planned.bytes_before > 0 { planned.bytes_before } else { self.bytes(&item) };
        // Only what changes is counted anew: the document, which takes long, mostly stays as it is.
        let documents = self.counts_documents();
        let counted = |item: &Item, name: &SmolStr| {
            item.get(name).map_or(0, |value| name.len() + value_size(value, documents))
        };
        for (name, update) in updates {
            addable(&item, name, update)?;
            let was = counted(&item, name);
            update.apply(name, &mut item);
            bytes = bytes + counted(&item, name) - was;
        }
        Ok((item, within_limit(bytes)?))
    }
}

fn within_limit(bytes: usize) -> Result<usize, CallError> {
    if bytes > MAX_ITEM { Err(invalid("an item of more than 400 KB")) } else { Ok(bytes) }
}

/// What of a plan is made, where all conditions hold; else why it is not: a reason for each write.
pub(crate) fn changes<'w>(plan: Vec<Planned<'_, 'w>>) -> Result<Vec<Change<'w>>, Vec<Cancelled>> {
    if plan.iter().all(|planned| planned.holds) {
        return Ok(plan.into_iter().map(|planned| (planned.write.key(), planned.change)).collect());
    }
    let reason = |planned: Planned<'_, '_>| {
        if planned.holds { Cancelled::No } else { Cancelled::Condition(planned.before.cloned()) }
    };
    Err(plan.into_iter().map(reason).collect())
}
