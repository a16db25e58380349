//! The projection manager: builds a new generation of a projection from the whole log, and lets readers go over to it.
//!
//! This module owns `begin`, one `step` of a part, and the look that the schedule takes: which parts are to go on, and
//! whether readers may go over. A step is as long as an invocation; where it ends its part goes on with the next.

use futures_util::{StreamExt, stream};
use smol_str::SmolStr;
use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed};
use tenfold_ports::table::{Item, Page, Read, Scan, TableScan, Write};
use tenfold_ports::{CallError, Context, Runtime, Table};

use crate::log::commit::version_of;
use crate::mutant::{Mutant, is_in};
use crate::names::AggregateName;
use crate::projection::building::{PASSES, Part, PartRow, Progress};
use crate::projection::control::{Building, Control, ControlRow, control_key};
use crate::projection::parked::ParkedRow;
use crate::projection::{CatchUpError, CaughtUp, Generations, Projection, ViewStore, catch_up};

/// The most items of a page of the log: 1 MB ends it as well.
const PAGE: u32 = 500;
/// How many aggregates are brought up at a time.
const WIDTH: usize = 16;
/// How long before the end of its time a step begins no further page, in seconds.
const RESERVE: i64 = 10;

/// Why a rebuild did not go on. Trying again can succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A row cannot be read or written.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A view cannot be brought up.
    #[error(transparent)]
    CatchUp(#[from] CatchUpError),
}

/// What a look has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildState {
    /// Nothing is being built.
    Nothing,
    /// These parts are to go on.
    GoOn(Vec<Part>),
    /// Nothing can go on yet: not everybody knows of the generation.
    Wait,
    /// Readers have gone over to this generation.
    Switched(u32),
}

/// The projection manager, and what it reaches.
#[derive(Debug)]
pub struct ProjectionManager<L, C, R> {
    /// The table of the log.
    pub log: L,
    /// The table of the projections' own rows.
    pub control: C,
    /// Time, chance and metrics.
    pub runtime: R,
    /// How many segments a pass has.
    pub segments: u32,
}

impl<L: Table + TableScan, C: Table, R: Runtime> ProjectionManager<L, C, R> {
    /// Begins a rebuild. Returns the generation that is being built, by this call or by one before.
    ///
    /// # Errors
    /// The row of the projection cannot be read or written.
    pub async fn begin(&self, projection: &str) -> Result<Building, BuildError> {
        let begun = self.change(projection, |control| control.begin(self.runtime.now())).await?;
        // There is one: either it was there, or it is there now.
        Ok(begun.building.ok_or(ReadError::Silent(CallError::Unknown))?)
    }

    /// Looks at what is being built: which parts are to go on, and lets readers go over where all are done.
    ///
    /// # Errors
    /// A row cannot be read or written.
    pub async fn look(&self, projection: &str) -> Result<BuildState, BuildError> {
        let Some(building) = self.read(projection).await?.control.building else {
            return Ok(BuildState::Nothing);
        };
        for pass in 0..PASSES {
            let mut left = Vec::new();
            for part in Part::of_pass(building.generation, pass, self.segments) {
                if !self.part(projection, part).await?.progress.done {
                    left.push(part);
                }
            }
            if !left.is_empty() {
                let may_begin = left[0].may_begin(building, self.runtime.now());
                return Ok(if may_begin { BuildState::GoOn(left) } else { BuildState::Wait });
            }
            if is_in(Mutant::OnePass) {
                break;
            }
        }
        let now = self.runtime.now();
        self.change(projection, |control| control.switch(building.generation, now)).await?;
        Ok(BuildState::Switched(building.generation))
    }

    /// Goes on with a part until it is done, or the time is nearly up. Returns whether it is done, or is nobody's any more.
    ///
    /// # Errors
    /// The log or a view did not answer. What is done stays so.
    pub async fn step<P: Projection, G: Generations<P::View>>(
        &self,
        views: &G,
        part: Part,
        context: &Context,
    ) -> Result<bool, BuildError> {
        let building = self.read(P::NAME).await?.control.building;
        let is_wanted = |building: &Building| {
            building.generation == part.generation && part.may_begin(*building, self.runtime.now())
        };
        if !building.as_ref().is_some_and(is_wanted) {
            return Ok(true);
        }
        let store = views.generation(part.generation);
        let mut row = self.part(P::NAME, part).await?;
        while !row.progress.done {
            if self.runtime.now().as_second() + RESERVE > context.deadline.as_second() {
                return Ok(false);
            }
            let scan = Scan {
                segment: part.segment,
                segments: part.segments,
                limit: PAGE,
                after: row.progress.cursor(),
            };
            let page = self.log.scan(scan).await.map_err(ReadError::from)?;
            let progress = self.page::<P, G::Store>(&store, part, row.progress.clone(), page).await?;
            let write = row.replace(part.key(P::NAME), progress.clone());
            row = if self.write(&write).await? {
                PartRow { version: row.version + 1, progress }
            } else {
                // Somebody else goes on with it: what is done twice is the same.
                self.part(P::NAME, part).await?
            };
        }
        Ok(true)
    }

    /// Brings up the aggregates of a page.
    async fn page<P: Projection, S: ViewStore<P::View>>(
        &self,
        store: &S,
        part: Part,
        mut progress: Progress,
        page: Page,
    ) -> Result<Progress, BuildError> {
        let newest = newest_of::<P>(&page.items);
        progress.aggregates += newest.len() as u64;
        let brought_up = newest.into_iter().map(async |(name, version)| {
            let caught_up = catch_up::<P, L, S>(&self.log, store, &name, version).await?;
            let CaughtUp::Parked { at, why } = caught_up else { return Ok(false) };
            let waits = ParkedRow::park((P::NAME, part.generation), &name, at, &why, self.runtime.now());
            self.write(&waits).await?;
            Ok::<_, BuildError>(true)
        });
        let mut brought_up = stream::iter(brought_up).buffer_unordered(WIDTH);
        while let Some(is_parked) = brought_up.next().await {
            progress.parked += u64::from(is_parked?);
        }
        drop(brought_up);
        progress.done = page.next.is_none();
        progress.after = page.next.map(|next| (next.key.pk.to_string(), next.key.sk.to_string()));
        Ok(progress)
    }

    async fn read(&self, projection: &str) -> Result<ControlRow, BuildError> {
        let item =
            self.control.get(&control_key(projection), Read::Consistent).await.map_err(ReadError::from)?;
        Ok(ControlRow::read(item.as_ref()).map_err(ReadError::from)?)
    }

    async fn part(&self, projection: &str, part: Part) -> Result<PartRow, BuildError> {
        let item =
            self.control.get(&part.key(projection), Read::Consistent).await.map_err(ReadError::from)?;
        Ok(PartRow::read(item.as_ref()).map_err(ReadError::from)?)
    }

    /// Makes a write. Returns whether it was made, by this call or by one before whose answer was lost.
    async fn write(&self, write: &Write) -> Result<bool, BuildError> {
        let mine = |item: &Item| matches!(write, Write::Put { item: made, .. } if made == item);
        let committed = commit::write(&self.control, write, mine).await.map_err(ReadError::from)?;
        Ok(committed == Committed::Yes)
    }

    /// Changes the row of a projection, anew where somebody was faster. Returns what it says then; it stays as it is where
    /// the change is none.
    async fn change(
        &self,
        projection: &str,
        change: impl Fn(&Control) -> Option<Control>,
    ) -> Result<Control, BuildError> {
        for _ in 0..commit::TRIES {
            let row = self.read(projection).await?;
            let Some(control) = change(&row.control) else { return Ok(row.control) };
            if self.write(&row.replace(projection, control.clone())).await? {
                return Ok(control);
            }
        }
        Err(ReadError::Silent(CallError::Throttled).into())
    }
}

/// Returns the aggregates of a page of the log, each with its newest version there.
fn newest_of<P: Projection>(items: &[Item]) -> Vec<(AggregateName, u64)> {
    let mut newest: Vec<(SmolStr, AggregateName, u64)> = Vec::new();
    for item in items {
        let Some(version) = version_of(&item.key.sk) else { continue };
        match newest.last_mut() {
            Some((partition, _, newest)) if *partition == item.key.pk => *newest = version.max(*newest),
            _ => {
                let name = AggregateName::of_partition(&item.key.pk).filter(|name| name.kind == P::KIND);
                newest.extend(name.map(|name| (item.key.pk.clone(), name, version)));
            }
        }
    }
    newest.into_iter().map(|(_, name, version)| (name, version)).collect()
}
