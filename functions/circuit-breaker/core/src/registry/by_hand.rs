//! Changing a breaker by hand: with an entry of its target's history beside it.

use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Transacted};
use tenfold_ports::table::{Cancelled, Write};
use tenfold_ports::{CallError, Runtime, Table};

use super::breakers::{Registry, TRIES};
use crate::config::TargetConfig;
use crate::decide::breaker::{Breaker, DecisionContext};
use crate::names::BreakerName;
use crate::rows::BreakerRow;

impl<T: Table, R: Runtime> Registry<T, R> {
    /// Changes a breaker, and writes what `beside` makes of it in the same transaction. The decision is made anew
    /// whenever somebody else was faster; where a try may have been applied it sees what it has done. Returns the breaker
    /// as it was written, or none where the decision was to change nothing.
    ///
    /// # Errors
    /// Nothing could be written, or it is not known whether it was.
    pub(crate) async fn commit_beside(
        &self,
        name: &BreakerName,
        config: &TargetConfig,
        decide: impl Fn(&Breaker, DecisionContext<'_>) -> Option<Breaker>,
        beside: impl Fn(&Breaker) -> Write,
    ) -> Result<Option<Breaker>, ReadError> {
        let writer = self.runtime.next_u64();
        let jitter = self.runtime.unit();
        let mut row = self.row(name);
        let mine = |reasons: &[Cancelled]| match reasons.first() {
            Some(Cancelled::Condition(Some(item))) => BreakerRow::is_of(item, writer),
            _ => false,
        };
        for _ in 0..TRIES {
            let context = DecisionContext { now: self.runtime.now(), config, jitter };
            let Some(next) = decide(&row.breaker, context) else { return Ok(None) };
            let next = row.next(name, next, writer, context.now);
            let both = [row.replace(name, &next), beside(&next.breaker)];
            match commit::transact(self.table(), &both, mine).await? {
                Transacted::Yes => return Ok(Some(self.committed(name, &row.breaker, next))),
                Transacted::Cancelled(reasons) => {
                    // Otherwise another transaction held one of the two.
                    if let Some(Cancelled::Condition(current)) = reasons.first() {
                        row = self.overtaken(name, current.as_ref())?;
                    }
                }
            }
        }
        Err(ReadError::Silent(CallError::Throttled))
    }
}
