//! When DynamoDB comes by to delete what has expired.

use tenfold_ports::table::Key;

use crate::run::state::RunState;
use crate::run::world::World;

impl RunState {
    /// Lets DynamoDB delete what is overdue among the items that a call touches, or not.
    pub(super) fn tidy(&mut self, touches: impl Fn(&Key) -> bool) {
        // Where there are millions of rows they are deleted by the second.
        if self.timed.is_some() {
            return;
        }
        let overdue: Vec<Key> = self.table.overdue(self.now).filter(|key| touches(key)).cloned().collect();
        for key in overdue {
            if self.choices.pick(2) == 1 {
                self.table.expire(&key, self.now);
            }
        }
    }
}

impl World {
    /// Lets DynamoDB delete an item whose time is over, and says whether it did.
    pub fn expire(&self, key: &Key) -> bool {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        state.table.expire(key, now)
    }
}

#[cfg(test)]
mod tests;
