//! What writes would make of their items, worked out once: what they cost goes by it, and then it is made.

use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{Item, Key, Update, Write};

use super::change::{Change, ItemSize, Planned};
use super::items::Items;
use super::refusal::invalid;
use super::scaled::PartitionRows;
use super::size::{MAX_ITEM, value_size};
use super::valid::{addable, valid, valid_together};

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
            plan.push(Planned {
                write,
                before: None,
                bytes_before: 0,
                put,
                holds: false,
                change: Change::Checks,
            });
        }
        if transaction {
            valid_together(writes, puts)?;
        }
        let mut last = None;
        plan.iter_mut().try_for_each(|planned| self.work_out(planned, &mut last))?;
        Ok(plan)
    }

    /// Works a write out; `last` are the rows of the partition that the write before was of.
    fn work_out<'t, 'w>(
        &'t self,
        planned: &mut Planned<'t, 'w>,
        last: &mut Option<(&'w SmolStr, Option<&'t PartitionRows>)>,
    ) -> Result<(), CallError> {
        let (write, key) = (planned.write, planned.write.key());
        if let Some(scaled) = &self.scaled {
            let rows = match last {
                Some((partition, rows)) if **partition == key.pk => *rows,
                _ => scaled.partitions.get(&key.pk),
            };
            *last = Some((&key.pk, rows));
            if let Some(row) = rows.and_then(|rows| rows.get(&key.sk)) {
                (planned.before, planned.bytes_before) = (Some(&row.item), row.bytes);
            }
        } else {
            planned.before = self.get(key);
        }
        planned.holds = write.condition().holds(planned.before);
        if !planned.holds {
            return Ok(());
        }
        planned.change = match write {
            Write::Put { item, .. } => Change::Puts((item.clone(), planned.put)),
            Write::Delete { .. } => Change::Deletes,
            Write::Check { .. } => Change::Checks,
            Write::Update { key, updates, .. } => Change::Puts(self.updated(planned, key, updates)?),
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
