//! A plan of writes: what each would make of its item.

use tenfold_ports::table::{Cancelled, Item, Key, Write};

/// An item, and how large it is.
pub(crate) type ItemSize = (Item, usize);

/// What a write makes of its item.
#[derive(Debug)]
pub(crate) enum Change {
    /// Nothing.
    Checks,
    Puts(ItemSize),
    Deletes,
}

/// A write, and what it would make of its item.
pub(crate) struct Planned<'t, 'w> {
    pub write: &'w Write,
    /// The item as it is.
    pub before: Option<&'t Item>,
    /// How large it is; 0 where there is none, or where nobody asks, as rows are few.
    pub bytes_before: usize,
    /// How large the item is that is put; 0 for another write.
    pub put: usize,
    /// Whether its condition holds.
    pub holds: bool,
    /// What the write makes of the item, where its condition holds.
    pub change: Change,
}

/// What of a plan is made, where all conditions hold; else why it is not: a reason for each write.
pub(crate) fn changes<'w>(plan: Vec<Planned<'_, 'w>>) -> Result<Vec<(&'w Key, Change)>, Vec<Cancelled>> {
    if plan.iter().all(|planned| planned.holds) {
        return Ok(plan.into_iter().map(|planned| (planned.write.key(), planned.change)).collect());
    }
    let reason = |planned: Planned<'_, '_>| {
        if planned.holds { Cancelled::No } else { Cancelled::Condition(planned.before.cloned()) }
    };
    Err(plan.into_iter().map(reason).collect())
}
