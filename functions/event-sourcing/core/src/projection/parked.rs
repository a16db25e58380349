//! What a view could not take in: the aggregate waits behind the event, and others go on.
//!
//! A row of an aggregate says at which version, and why. Later events of it need no copy: they are in the log, and the view
//! takes none of them before the one that it waits for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{BadItem, Condition, Item, Key, Update, Write};

use super::view::Poison;
use crate::names::AggregateName;

/// Over how many partitions the rows of a projection are spread: a bad release can park everything at once.
pub const SHARDS: u32 = 8;
const VERSION: &str = "from";
const ATTEMPTS: &str = "attempts";
const WHY: &str = "why";
const AT: &str = "at";

/// An aggregate that waits behind an event that a projection cannot take in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedRow {
    /// The aggregate.
    pub name: AggregateName,
    /// The version that cannot be taken in.
    pub from: u64,
    /// How often it was tried.
    pub attempts: u64,
    /// Why not.
    pub why: SmolStr,
    /// When it was tried last, to the second.
    pub at: Timestamp,
}

/// Returns the partition of a shard of the rows of a projection's generation.
#[must_use]
pub fn parked_partition(projection: &str, generation: u32, shard: u32) -> SmolStr {
    format_smolstr!("parked#{projection}#{generation}#{shard}")
}

fn key(projection: &str, generation: u32, name: &AggregateName) -> Key {
    // Any that spreads: it is never changed, or rows would be looked for where they are not.
    let hash = name
        .id
        .bytes()
        .fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
    Key::new(parked_partition(projection, generation, hash % SHARDS), name.partition())
}

impl ParkedRow {
    /// Returns the write that notes that an aggregate waits behind a version. It may be made any number of times.
    #[must_use]
    pub fn park(
        (projection, generation): (&str, u32),
        name: &AggregateName,
        from: u64,
        why: &Poison,
        now: Timestamp,
    ) -> Write {
        let updates = vec![
            (SmolStr::new_static(VERSION), Update::Set((from as i64).into())),
            (SmolStr::new_static(ATTEMPTS), Update::Add(1)),
            (
                SmolStr::new_static(WHY),
                Update::Set(SmolStr::from(why.0.chars().take(500).collect::<String>()).into()),
            ),
            (SmolStr::new_static(AT), Update::Set(now.as_second().into())),
        ];
        Write::Update { key: key(projection, generation, name), updates, condition: Condition::Always }
    }

    /// Returns the write that takes the row away, where it waits for no later version.
    #[must_use]
    pub fn release((projection, generation): (&str, u32), name: &AggregateName, seen: u64) -> Write {
        let condition = Condition::Any(vec![Condition::Absent, Condition::Below(VERSION, seen as i64 + 1)]);
        Write::Delete { key: key(projection, generation, name), condition }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let bad = |attribute: &str, why: &str| BadItem {
            key: item.key.to_string(),
            attribute: attribute.to_owned(),
            why: why.to_owned(),
        };
        let name = AggregateName::of_partition(&item.key.sk);
        Ok(Self {
            name: name.ok_or_else(|| bad("sk", "names no aggregate"))?,
            from: u64::try_from(item.number(VERSION)?).map_err(|_| bad(VERSION, "is below 0"))?,
            attempts: u64::try_from(item.number(ATTEMPTS)?).map_err(|_| bad(ATTEMPTS, "is below 0"))?,
            why: item.text(WHY)?.clone(),
            at: Timestamp::from_second(item.number(AT)?).map_err(|_| bad(AT, "is no time"))?,
        })
    }
}
