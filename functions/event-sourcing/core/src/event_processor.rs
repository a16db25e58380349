//! The event processors: each brings the views of one projection up to the log.
//!
//! This module owns what comes of a batch: the aggregates that it names are brought up side by side, and each by itself.
//! What a change says beside its name and version is not looked at: the log is the truth.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_pattern::ReadError;
use tenfold_ports::metrics::Metric;
use tenfold_ports::table::{Read, WriteError};
use tenfold_ports::{Runtime, Table};

use crate::metrics;
use crate::names::AggregateName;
use crate::projection::control::{Control, ControlRow, TTL, control_key};
use crate::projection::parked::ParkedRow;
use crate::projection::{CaughtUp, Generations, Poison, Projection, catch_up};

/// How many aggregates are brought up at a time.
const WIDTH: usize = 16;

/// News of a commit: from a stream, a queue or a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitNotice {
    /// What its source calls it, for the answer which of a batch could not be taken.
    pub id: SmolStr,
    /// The aggregate.
    pub name: AggregateName,
    /// The version of the commit.
    pub version: u64,
}

/// An event processor, and what it reaches. It is kept as long as the process lives.
#[derive(Debug)]
pub struct EventProcessor<L, G, C, R> {
    log: L,
    views: G,
    control: C,
    runtime: R,
    /// What the projection's row said, and when it was read.
    known: Mutex<Option<(Timestamp, Control)>>,
}

impl<L: Table, G, C: Table, R: Runtime> EventProcessor<L, G, C, R> {
    /// Returns a processor of a log's table, of where views are kept, and of the table of the projections' own rows.
    #[must_use]
    pub const fn new(log: L, views: G, control: C, runtime: R) -> Self {
        Self { log, views, control, runtime, known: Mutex::new(None) }
    }

    /// Returns the processor as it is when it has read the projection's row at a time.
    #[must_use]
    pub fn knowing(mut self, at: Timestamp, control: Control) -> Self {
        self.known = Mutex::new(Some((at, control)));
        self
    }

    /// Brings the views up to a batch of changes. Returns the ids of those that are to come again.
    pub async fn handle<P: Projection>(&self, changes: &[CommitNotice]) -> Vec<SmolStr>
    where
        G: Generations<P::View>,
    {
        let mut newest: BTreeMap<&AggregateName, u64> = BTreeMap::new();
        for change in changes.iter().filter(|change| change.name.kind == P::KIND) {
            let version = newest.entry(&change.name).or_default();
            *version = (*version).max(change.version);
        }
        if newest.is_empty() {
            return Vec::new();
        }
        let generations: Vec<u32> = match self.control::<P>().await {
            Ok(control) => control.generations(self.runtime.now()).collect(),
            Err(error) => {
                tracing::warn!(projection = P::NAME, %error, "projection not known");
                return changes.iter().map(|change| change.id.clone()).collect();
            }
        };
        let each = newest.into_iter().flat_map(|(name, version)| {
            generations.iter().map(move |generation| (name, version, *generation))
        });
        let brought_up = each.map(async |(name, version, generation)| {
            let went_well = self.bring_up::<P>(generation, name, version).await;
            (!went_well).then_some(name)
        });
        let failed: Vec<_> = stream::iter(brought_up)
            .buffer_unordered(WIDTH)
            .filter_map(async |failed| failed)
            .collect()
            .await;
        let failed = changes.iter().filter(|change| failed.contains(&&change.name));
        failed.map(|change| change.id.clone()).collect()
    }

    /// Returns what the projection's row says, as it was read within the last [`TTL`].
    async fn control<P: Projection>(&self) -> Result<Control, ReadError> {
        let now = self.runtime.now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, control)) = known.filter(|(at, _)| now < *at + TTL && now >= *at) {
            return Ok(control);
        }
        let item = self.control.get(&control_key(P::NAME), Read::Consistent).await?;
        let control = ControlRow::read(item.as_ref())?.control;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, control.clone()));
        Ok(control)
    }

    /// Brings one view up. Returns whether it is done with: up to the log, or parked.
    async fn bring_up<P: Projection>(&self, generation: u32, name: &AggregateName, version: u64) -> bool
    where
        G: Generations<P::View>,
    {
        let store = self.views.generation(generation);
        match catch_up::<P, L, G::Store>(&self.log, &store, name, version).await {
            Ok(CaughtUp::To(_)) => true,
            Ok(CaughtUp::Parked { at, why }) => self.park::<P>(generation, name, at, &why).await,
            Err(error) => {
                tracing::warn!(projection = P::NAME, generation, %name, %error, "view not brought up");
                false
            }
        }
    }

    async fn park<P: Projection>(
        &self,
        generation: u32,
        name: &AggregateName,
        at: u64,
        why: &Poison,
    ) -> bool {
        tracing::error!(projection = P::NAME, %name, version = at, %why, "parked: the event cannot be taken in");
        self.runtime.record(&metrics::of(P::NAME), &[Metric::count(metrics::PARKED, 1.0)]);
        let of = (P::NAME, generation);
        match self.control.write(ParkedRow::park(of, name, at, why, self.runtime.now())).await {
            Ok(()) | Err(WriteError::Conflict { .. }) => true,
            Err(WriteError::Call(error)) => {
                tracing::warn!(projection = P::NAME, %name, %error, "parked aggregate not written down");
                false
            }
        }
    }
}
