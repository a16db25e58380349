//! A segment of a rebuild: which of the log's aggregates it has come to.
//!
//! A generation is built in two passes over the log, each in segments that go on by themselves. The first makes the views. The
//! second begins when everybody who takes new events in knows of the generation ([`KNOWN_TO_ALL`]): what came in between it
//! brings up, and nothing can be missed after it. Then readers may go over.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::format_smolstr;
use tenfold_ports::table::{BadItem, Cursor, Item, Key, Write};

use super::control::{Building, KNOWN_TO_ALL, VERSION, building_partition, unchanged};
use crate::mutant::{Mutant, is_in};

/// How many passes there are over the log.
pub const PASSES: u32 = 2;
/// How many segments a pass has.
pub const SEGMENTS: u32 = 16;

/// A part of a rebuild: a segment of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Part {
    /// The generation that is being built.
    pub generation: u32,
    /// The pass: 0 to [`PASSES`], exclusive.
    pub pass: u32,
    /// The segment: 0 to `segments`, exclusive.
    pub segment: u32,
    /// How many segments the pass has.
    pub segments: u32,
}

/// How far a part has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The key behind which it goes on; none: at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<(String, String)>,
    /// How many aggregates it has come to; one that is on two pages counts twice.
    pub aggregates: u64,
    /// How many of them are parked.
    pub parked: u64,
    /// Whether it has come to its end.
    pub done: bool,
}

/// The row of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// The number of its writes; 0: there is no row.
    pub version: i64,
    /// How far it has come.
    pub progress: Progress,
}

impl Part {
    /// Returns the parts of a pass.
    pub fn of_pass(generation: u32, pass: u32, segments: u32) -> impl Iterator<Item = Self> {
        (0..segments).map(move |segment| Self { generation, pass, segment, segments })
    }

    /// Returns whether its pass may begin.
    #[must_use]
    pub fn may_begin(self, building: Building, now: Timestamp) -> bool {
        self.pass == 0 || now >= building.since + KNOWN_TO_ALL || is_in(Mutant::SecondPassAtOnce)
    }

    /// Returns the key of its row.
    #[must_use]
    pub fn key(self, projection: &str) -> Key {
        let Self { generation, pass, segment, .. } = self;
        Key::new(building_partition(projection, generation), format_smolstr!("{pass}#{segment:04}"))
    }
}

impl Progress {
    /// Returns the place that it goes on behind.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        let (pk, sk) = self.after.as_ref()?;
        Some(Cursor { key: Key::new(pk.as_str(), sk.as_str()), index: None })
    }
}

impl PartRow {
    /// Reads a row; an absent one says that the part has not begun.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: Option<&Item>) -> Result<Self, BadItem> {
        let Some(item) = item else { return Ok(Self { version: 0, progress: Progress::default() }) };
        Ok(Self { version: item.number(VERSION)?, progress: item.doc()? })
    }

    /// Returns the write of how far it has come, if nobody has written it since it was read.
    #[must_use]
    pub fn replace(&self, key: Key, progress: Progress) -> Write {
        let item = Item::new(key).with(VERSION, self.version + 1).with_doc(progress);
        Write::Put { item, condition: unchanged(self.version) }
    }
}
