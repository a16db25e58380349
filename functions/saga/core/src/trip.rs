//! The saga that ships: a trip of a flight, a hotel and a car.

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{Item, Write};

use crate::definition::builder::{AfterPivot, Builder};
use crate::definition::{Action, Compensable, Definition, DefinitionError, Pivot, Saga, Undo, Work};
use crate::inventory::{Releases, Stock, StockId, StockKind};

/// A trip: what is booked, for whom and when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trip {
    /// Who travels: 1 to 100 characters.
    pub traveller: SmolStr,
    /// Which flight.
    pub flight: StockId,
    /// Which hotel.
    pub hotel: StockId,
    /// Which car.
    pub car: StockId,
    /// The first day.
    pub from: Date,
    /// The last day; not before the first.
    pub to: Date,
}

impl Trip {
    /// Returns which of a kind the trip needs.
    #[must_use]
    pub const fn stock(&self, kind: StockKind) -> &StockId {
        match kind {
            StockKind::Flight => &self.flight,
            StockKind::Hotel => &self.hotel,
            StockKind::Car => &self.car,
        }
    }
}

/// The action of each step of a trip: it reserves one of what the trip names.
#[derive(Debug, Clone, Copy)]
pub struct Reserve(pub StockKind);

impl Action<Trip> for Reserve {
    fn item(&self, trip: &Trip) -> SmolStr {
        format_smolstr!("{} {}", self.0.name(), trip.stock(self.0))
    }

    fn writes(&self, work: &Work<'_, Trip>) -> Vec<Write> {
        vec![Stock::take(self.0, work.payload.stock(self.0))]
    }

    fn refusal(&self, work: &Work<'_, Trip>, _: usize, current: Option<&Item>) -> String {
        let item = self.item(work.payload);
        match current {
            Some(_) => format!("{item} is sold out"),
            None => format!("there is no {item}"),
        }
    }
}

impl Undo<Trip> for Reserve {
    fn undo_writes(&self, work: &Work<'_, Trip>) -> Vec<Write> {
        vec![Stock::release(self.0, work.payload.stock(self.0))]
    }

    fn undo_refusal(&self, work: &Work<'_, Trip>, _: usize, current: Option<&Item>) -> String {
        let item = self.item(work.payload);
        match current.map(Stock::read) {
            None => format!("there is no {item} any more"),
            Some(Ok(stock)) if stock.releases == Releases::Refused => format!("{item} accepts no releases"),
            Some(Ok(stock)) => format!("{item} has {} reserved", stock.reserved),
            Some(Err(error)) => error.to_string(),
        }
    }
}

/// Returns the definition, with the times that are usual.
///
/// # Errors
/// None; the tests build it.
pub fn definition() -> Result<Definition<Trip>, DefinitionError> {
    builder().build()
}

/// Returns the definition, with a time for the way to the pivot and one for each round of undoing.
///
/// # Errors
/// One of them is not between 1 s and 365 days.
pub fn definition_within(
    deadline: SignedDuration,
    recovery: SignedDuration,
) -> Result<Definition<Trip>, DefinitionError> {
    builder().deadline(deadline).recovery(recovery).build()
}

/// Returns the definition, to be changed before it is built. The car decides: it is booked last, so that the
/// trip is complete with it.
#[must_use]
pub fn builder() -> Builder<Trip, AfterPivot> {
    Saga::named("trip")
        .step(Compensable::new("flight", Reserve(StockKind::Flight)))
        .step(Compensable::new("hotel", Reserve(StockKind::Hotel)))
        .pivot(Pivot::new("car", Reserve(StockKind::Car)))
}
