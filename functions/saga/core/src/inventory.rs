//! The three services' inventory: how much of each flight, hotel and car there is.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `inventory#<kind>#<id>` | `stock` | `available`, `reserved`, whether `releases` are accepted |
//!
//! Who has reserved is not here but in the rows of the sagas: the transaction that moves one from `available`
//! to `reserved` writes the step's row too, so the numbers always agree with the rows. Which trip takes what
//! is the [`trip`](crate::trip)'s.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Update, Write};

use crate::mutant::{Mutant, is_in};

const AVAILABLE: &str = "available";
const RESERVED: &str = "reserved";
const RELEASES: &str = "releases";
/// Names the last conditional write, by which a writer whose answer was lost knows its own.
const STAMP: &str = "stamp";

/// What there is inventory of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StockKind {
    /// Seats of a flight.
    Flight,
    /// Rooms of a hotel.
    Hotel,
    /// Cars of a rental.
    Car,
}

impl StockKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Flight, Self::Hotel, Self::Car];

    /// Returns the kind's name, in paths and keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flight => "flight",
            Self::Hotel => "hotel",
            Self::Car => "car",
        }
    }

    /// Returns the kind with this name; none where it is no kind's.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The id of a flight, hotel or car: 1 to 64 letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr")]
pub struct StockId(SmolStr);

/// Text that is no [`StockId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id of 1 to 64 letters, digits, `-`, `_` and `.` was expected")]
pub struct BadStockId;

impl StockId {
    /// Parses an id.
    ///
    /// # Errors
    /// It is no such id.
    pub fn parse(text: &str) -> Result<Self, BadStockId> {
        let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
        let good = (1..=64).contains(&text.len()) && text.bytes().all(fits);
        if good { Ok(Self(text.into())) } else { Err(BadStockId) }
    }
}

impl TryFrom<SmolStr> for StockId {
    type Error = BadStockId;

    fn try_from(text: SmolStr) -> Result<Self, BadStockId> {
        Self::parse(&text)
    }
}

impl fmt::Display for StockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a service takes back what was reserved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Releases {
    /// The service takes it back.
    #[default]
    Accepted,
    /// The service does not take it back: whatever is undone is stuck.
    Refused,
}

impl Releases {
    /// Returns the name, as rows, bodies and answers have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }
}

/// How much there is of one flight, hotel or car.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stock {
    /// How many can be reserved: 0 to [`AVAILABLE_MOST`].
    pub available: i64,
    /// How many are reserved, for trips that are booked or on their way.
    pub reserved: i64,
    /// Whether what is reserved can be given back.
    pub releases: Releases,
}

/// The most that can be put as available.
pub const AVAILABLE_MOST: i64 = 1_000_000;

/// Returns the key of a stock's row.
#[must_use]
pub fn stock_key(kind: StockKind, id: &StockId) -> Key {
    Key::new(format_smolstr!("inventory#{}#{id}", kind.name()), "stock")
}

impl Stock {
    /// Reads a row.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let refused = item.text(RELEASES)? == Releases::Refused.name();
        let releases = if refused { Releases::Refused } else { Releases::Accepted };
        Ok(Self { available: item.number(AVAILABLE)?, reserved: item.number(RESERVED)?, releases })
    }

    /// Returns the write that sets what is available and whether releases are accepted; what is reserved
    /// stays. The last one wins.
    #[must_use]
    pub fn put(kind: StockKind, id: &StockId, available: i64, releases: Releases) -> Write {
        let updates = set(available, releases);
        Write::Update { key: stock_key(kind, id), updates, condition: Condition::Always }
    }

    /// Returns the same write where the stock is as it was read; none: where there is none. `stamp` is a random
    /// name for this write.
    #[must_use]
    pub fn replace(
        kind: StockKind,
        id: &StockId,
        (available, releases): (i64, Releases),
        before: Option<Self>,
        stamp: i64,
    ) -> Write {
        let condition = before.map_or(Condition::Absent, |before| {
            Condition::All(vec![
                Condition::Is(AVAILABLE, before.available.into()),
                Condition::Is(RESERVED, before.reserved.into()),
                Condition::Is(RELEASES, before.releases.name().into()),
            ])
        });
        let mut updates = set(available, releases);
        updates.push((SmolStr::new_static(STAMP), Update::Set(stamp.into())));
        Write::Update { key: stock_key(kind, id), updates, condition }
    }

    /// Returns whether an item was written last, of those who put it as they had seen it, by the write of this name.
    /// Trips that took from it since leave the name as it is.
    #[must_use]
    pub fn is_stamped(item: &Item, stamp: i64) -> bool {
        item.number(STAMP).is_ok_and(|last| last == stamp)
    }

    /// Returns the write that takes one of what is available into what is reserved, where there is one.
    #[must_use]
    pub fn take(kind: StockKind, id: &StockId) -> Write {
        moved(kind, id, 1, one_left())
    }

    /// Returns the write that gives one of what is reserved back to what is available, where the service
    /// accepts releases.
    #[must_use]
    pub fn release(kind: StockKind, id: &StockId) -> Write {
        let accepted = Condition::Is(RELEASES, Releases::Accepted.name().into());
        moved(kind, id, -1, Condition::All(vec![accepted, Condition::AtLeast(RESERVED, 1)]))
    }
}

fn set(available: i64, releases: Releases) -> Vec<(SmolStr, Update)> {
    vec![
        (SmolStr::new_static(AVAILABLE), Update::Set(available.into())),
        // There from the beginning, so that it can be conditioned on.
        (SmolStr::new_static(RESERVED), Update::Add(0)),
        (SmolStr::new_static(RELEASES), Update::Set(releases.name().into())),
    ]
}

fn moved(kind: StockKind, id: &StockId, reserved: i64, condition: Condition) -> Write {
    let updates = vec![
        (SmolStr::new_static(AVAILABLE), Update::Add(-reserved)),
        (SmolStr::new_static(RESERVED), Update::Add(reserved)),
    ];
    Write::Update { key: stock_key(kind, id), updates, condition }
}

fn one_left() -> Condition {
    if is_in(Mutant::StockWithoutCondition) { Condition::Present } else { Condition::AtLeast(AVAILABLE, 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_key() {
        for bad in ["", "a#b", "a/b", "a b", "ä", &"a".repeat(65)] {
            assert!(StockId::parse(bad).is_err(), "{bad}");
        }
        let id = StockId::parse("LH-1.a_b").unwrap();
        assert_eq!(stock_key(StockKind::Flight, &id), Key::new("inventory#flight#LH-1.a_b", "stock"));
    }
}
