//! Schedules that settle what is left at the end of a run.

use jiff::Timestamp;

use crate::run::stop::RunOutcome;
use crate::run::world::World;

/// How many turns a schedule has before what is left is taken to be left for ever.
const MOST_TURNS: usize = 40;

impl World {
    /// Lets a schedule run until nothing is left to do, without the minutes in which nothing can happen:
    /// `due` says when its next turn has something to do, none when nothing is left, and `turn` begins it.
    ///
    /// # Errors
    /// The run is over; or it never ends, as `endless` says.
    pub fn settle(
        &self,
        due: impl Fn(&Self) -> Option<Timestamp>,
        turn: impl Fn(&Self),
        endless: &str,
    ) -> RunOutcome {
        for _ in 0..MOST_TURNS {
            let Some(next) = due(self) else { return Ok(()) };
            self.pass(next.duration_since(self.now()));
            turn(self);
            self.run()?;
        }
        Err(endless.into())
    }
}
