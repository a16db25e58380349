//! Which generation of a projection answers, and which is being built.
//!
//! A generation is a whole set of views. A rebuild makes a new one beside the one that answers, and readers go over to it in
//! one write. Their numbers only grow, so that nobody writes into one of before.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Value, Write};

use crate::mutant::{Mutant, is_in};

/// For how long an environment goes by what it has read of a projection, in seconds.
pub const TTL: SignedDuration = SignedDuration::from_secs(5);
/// How long it takes until everybody goes by a change: what an environment had read, what it was doing by it, and two
/// machines' clocks.
pub const KNOWN_TO_ALL: SignedDuration = SignedDuration::from_secs(5 + 60 + 2);

pub(super) const VERSION: &str = "version";
const ONLY: &str = "-";

/// The row of a projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlRow {
    /// The number of its writes; 0: there is no row, and the first generation answers.
    pub version: i64,
    /// What is said in it.
    pub control: Control,
}

/// What is said of a projection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// The generation that answers.
    pub active: u32,
    /// The generation that is being built, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub building: Option<Building>,
    /// The generation that answered before, and until when it is kept up: there are readers who go by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// The highest number that a generation has had.
    pub last: u32,
}

/// A generation that is being built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Building {
    /// The generation.
    pub generation: u32,
    /// Since when it is built.
    pub since: Timestamp,
}

/// A generation that answered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Previous {
    /// The generation.
    pub generation: u32,
    /// Until when it is kept up.
    pub until: Timestamp,
}

impl Default for Control {
    fn default() -> Self {
        Self { active: 1, building: None, previous: None, last: 1 }
    }
}

impl Control {
    /// Returns the generations that take new events in, at a time.
    pub fn generations(&self, now: Timestamp) -> impl Iterator<Item = u32> {
        let building = self.building.map(|building| building.generation);
        let previous =
            self.previous.filter(|previous| now < previous.until).map(|previous| previous.generation);
        let building = building.filter(|_| !is_in(Mutant::ShadowNotTold));
        [Some(self.active), building, previous].into_iter().flatten()
    }

    /// Returns it with a new generation that is being built; none where one is already.
    #[must_use]
    pub fn begin(&self, now: Timestamp) -> Option<Self> {
        if self.building.is_some() {
            return None;
        }
        let generation = self.last + 1;
        Some(Self { building: Some(Building { generation, since: now }), last: generation, ..self.clone() })
    }

    /// Returns it as it is when the generation that is being built answers; none where it is another.
    #[must_use]
    pub fn switch(&self, generation: u32, now: Timestamp) -> Option<Self> {
        self.building.filter(|building| building.generation == generation)?;
        let until = now + KNOWN_TO_ALL;
        let previous = Some(Previous { generation: self.active, until });
        Some(Self { active: generation, building: None, previous, last: self.last })
    }

    /// Returns it without the generation that is being built; none where there is none.
    #[must_use]
    pub fn give_up(&self) -> Option<Self> {
        self.building.map(|_| Self { building: None, ..self.clone() })
    }
}

/// Returns the key of a projection's row.
#[must_use]
pub fn control_key(projection: &str) -> Key {
    Key::new(format_smolstr!("projection#{projection}"), ONLY)
}

impl ControlRow {
    /// Reads a row; an absent one says that the first generation answers.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: Option<&Item>) -> Result<Self, BadItem> {
        let Some(item) = item else { return Ok(Self { version: 0, control: Control::default() }) };
        Ok(Self { version: item.number(VERSION)?, control: item.doc()? })
    }

    /// Returns the write of another control in its place, if nobody has written it since it was read.
    #[must_use]
    pub fn replace(&self, projection: &str, control: Control) -> Write {
        let item = Item::new(control_key(projection)).with(VERSION, self.version + 1).with_doc(control);
        Write::Put { item, condition: unchanged(self.version) }
    }
}

/// Returns the condition that nobody has written a row since it had a version; 0: there was none.
pub(super) fn unchanged(version: i64) -> Condition {
    if version == 0 { Condition::Absent } else { Condition::Is(VERSION, Value::N(version)) }
}

/// Returns the partition of what is known of the building of a generation.
#[must_use]
pub fn building_partition(projection: &str, generation: u32) -> SmolStr {
    format_smolstr!("building#{projection}#{generation}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_generation_is_built_beside_the_one_that_answers_which_is_kept_up_for_a_while() {
        let built = Control::default().begin(at(100)).unwrap();
        assert_eq!(built.generations(at(100)).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(built.begin(at(101)), None);
        let switched = built.switch(2, at(200)).unwrap();
        assert_eq!(switched.generations(at(200)).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(switched.generations(at(267)).collect::<Vec<_>>(), [2]);
        assert_eq!(switched.switch(2, at(201)), None);
    }

    #[test]
    fn a_number_is_never_used_again() {
        let given_up = Control::default().begin(at(100)).unwrap().give_up().unwrap();
        let again = given_up.begin(at(200)).unwrap();
        assert_eq!(again.building.unwrap().generation, 3);
        assert_eq!(again.switch(2, at(300)), None);
    }
}
