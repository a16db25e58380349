//! For how long requests have been waiting, measured from their rows in every run.
//!
//! A message in hand would not do: while a breaker is open or messages are lost there is none. The queue's index names
//! the requests whose turn is next, and their rows are read in the call that reads the breakers. Rows are in the order
//! of their turn, not of their age: of one target, the oldest may be behind those that are looked at.

use std::collections::HashMap;

use jiff::Timestamp;
use tenfold_ports::metrics::Metric;
use tenfold_ports::table::{Item, Key, Page};
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use crate::metrics;
use crate::rows::{RequestRow, RequestStatus, WAKE};
use crate::targets::TargetState;

/// The most rows that are looked at of a target.
const NEXT: usize = 10;
/// The most rows that one call reads, the breakers of the targets included.
const ROWS: usize = 100;

/// Returns the keys of the requests whose turn is next: ten of each target, fewer where there are many targets, and at
/// least one.
pub(super) fn next_in_turn(queues: &[(TargetState, Page)]) -> Vec<Key> {
    let most = of_each(queues.len());
    let next = queues.iter().flat_map(|(_, page)| page.items.iter().take(most));
    next.map(|item| item.key.clone()).collect()
}

fn of_each(targets: usize) -> usize {
    (ROWS / targets.max(1)).saturating_sub(1).clamp(1, NEXT)
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Records the age of each target's oldest request among those whose turn is next; `rows` are theirs, as far as
    /// there are any. Returns whether any request waits.
    pub(super) fn measure(&self, queues: &[(TargetState, Page)], rows: &[Option<Item>]) -> bool {
        let now = self.runtime.now();
        let rows: HashMap<&Key, &Item> = rows.iter().flatten().map(|item| (&item.key, item)).collect();
        let most = of_each(queues.len());
        let mut waiting = false;
        for (target, page) in queues {
            let next = page.items.iter().take(most);
            let since = next.filter_map(|place| waits_since(place, rows.get(&place.key)?)).min();
            if let Some(since) = since {
                let age = now.duration_since(since).as_secs_f64().max(0.0);
                self.runtime.record(&metrics::of(&target.name), &[Metric::seconds(metrics::QUEUE_AGE, age)]);
                waiting = true;
            }
        }
        waiting
    }
}

/// Returns since when a request waits, by its place in the index and its row; none where it no longer does.
fn waits_since(place: &Item, row: &Item) -> Option<Timestamp> {
    match RequestRow::read(row) {
        Ok(row) => {
            let waits = matches!(row.status, RequestStatus::Queued | RequestStatus::Dying);
            waits.then_some(row.data.begun)
        }
        // Whoever acts on it counts it. It waits at least since its message was expected.
        Err(_) => Timestamp::from_millisecond(place.number(WAKE).ok()?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_rows_are_looked_at_as_fit_into_the_call_that_reads_the_breakers() {
        assert_eq!([1, 9, 10, 20, 50].map(of_each), [10, 10, 9, 4, 1]);
        assert_eq!(of_each(100), 1, "of all of them, in one call more");
    }
}
