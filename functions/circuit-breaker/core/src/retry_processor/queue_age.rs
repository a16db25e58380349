//! For how long requests have been waiting, measured from their rows in every run.
//!
//! A message in hand would not do: while a breaker is open or messages are lost there is none. The queue's index names
//! the requests whose turn is next, and the row of the first one of each shard of a target is read. Rows are in the order
//! in which they may be tried: those that wait for a breaker by their age, and those that failed by their next attempt,
//! so the oldest may be behind those that are looked at.

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use tenfold_ports::metrics::Metric;
use tenfold_ports::table::{BATCH, Item, Read};
use tenfold_ports::{CallError, Downstream, Queue, Runtime, Table};

use super::RetryProcessor;
use crate::metrics;
use crate::names::TargetName;
use crate::rows::{RequestRow, RequestStatus, WAKE};
use crate::targets::TargetState;

/// The number of calls at a time that read rows: each may answer 16 MiB, and a function has little memory.
const WIDTH: usize = 2;

/// What a run has seen of the requests that wait.
#[derive(Debug, Default)]
pub(super) struct Ages {
    /// The age in seconds of each target's oldest request among those looked at.
    of: Vec<(TargetName, f64)>,
    /// Whether older requests than those may wait where nobody could look.
    pub(super) incomplete: bool,
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> RetryProcessor<T, Q, D, R> {
    /// Adds the ages of the requests whose turn is next to those that were seen; each target comes with the first place of
    /// each of its shards.
    ///
    /// # Errors
    /// Some rows were not read; the ages of the others are added.
    pub(super) async fn look(
        &self,
        queues: &[(TargetState, Vec<Item>)],
        ages: &mut Ages,
    ) -> Result<(), CallError> {
        let places: Vec<&Item> = queues.iter().flat_map(|(_, first)| first).collect();
        let calls = places.chunks(BATCH).map(async |places| (places.len(), self.since(places).await));
        let answers: Vec<_> = stream::iter(calls).buffered(WIDTH).collect().await;
        let (mut since, mut failed) = (Vec::with_capacity(places.len()), None);
        for (places, answer) in answers {
            since.extend(answer.unwrap_or_else(|error| {
                failed = Some(error);
                vec![None; places]
            }));
        }
        ages.incomplete |= failed.is_some();
        let (now, mut since) = (self.runtime.now(), since.into_iter());
        for (target, first) in queues {
            match since.by_ref().take(first.len()).flatten().min() {
                Some(since) => {
                    let age = now.duration_since(since).as_secs_f64().max(0.0);
                    ages.of.push((target.name.clone(), age));
                }
                // None of them waits any longer: that says nothing of those behind them.
                None => ages.incomplete = true,
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Reads since when each of these requests waits, which the index names; none where it no longer does.
    async fn since(&self, places: &[&Item]) -> Result<Vec<Option<Timestamp>>, CallError> {
        let keys: Vec<_> = places.iter().map(|place| place.key.clone()).collect();
        let rows = self.table.get_many(&keys, Read::Eventual).await?;
        Ok(places.iter().zip(rows).map(|(place, row)| waits_since(place, &row?)).collect())
    }

    /// Records the ages that were seen; 0 where nothing waits. After an incomplete look only those that raise the alarm
    /// on them are recorded: anything less could end it, although nobody knows how long others wait.
    pub(super) fn record_ages(&self, ages: &Ages) {
        let least = if ages.incomplete { self.age_alarm.as_secs_f64() } else { 0.0 };
        for (target, age) in ages.of.iter().filter(|(_, age)| *age >= least) {
            self.runtime.record(&metrics::of(target), &[Metric::seconds(metrics::QUEUE_AGE, *age)]);
        }
        if ages.of.is_empty() && !ages.incomplete {
            self.runtime.record(&[], &[Metric::seconds(metrics::QUEUE_AGE, 0.0)]);
        }
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
