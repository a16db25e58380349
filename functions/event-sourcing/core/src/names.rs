//! Names that come from outside, parsed at the edge so that no key can be forged or torn.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

/// The most characters of an id.
const ID_MOST: usize = 64;

/// Which aggregate it is: its kind, a word of the program, and its id, which its creator chose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AggregateName {
    /// The kind of aggregate, [`Aggregate::KIND`](crate::aggregate::Aggregate::KIND).
    pub kind: SmolStr,
    /// The aggregate's id: 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`.
    pub id: SmolStr,
}

impl AggregateName {
    /// Parses an id of an aggregate of a kind. Returns none where it is no id.
    #[must_use]
    pub fn parse(kind: &'static str, id: &str) -> Option<Self> {
        is_id(id).then(|| Self { kind: SmolStr::new_static(kind), id: id.into() })
    }

    /// Returns the partition of the log in which its commits are.
    #[must_use]
    pub fn partition(&self) -> SmolStr {
        format_smolstr!("{}#{}", self.kind, self.id)
    }

    /// Returns the aggregate whose commits are in a partition; none where it is no aggregate's.
    #[must_use]
    pub fn of_partition(partition: &str) -> Option<Self> {
        let (kind, id) = partition.split_once('#')?;
        (is_id(kind) && is_id(id)).then(|| Self { kind: kind.into(), id: id.into() })
    }
}

impl fmt::Display for AggregateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// Returns whether text can be an id: 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=ID_MOST).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// What the sender of a command calls it, so that the same command is carried out once however often it comes: 1 to 255
/// visible ASCII characters. It belongs to its aggregate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(pub SmolStr);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_names_its_aggregate_and_nothing_else() {
        let name = AggregateName::parse("order", "A.1_b-2").unwrap();
        assert_eq!(name.partition(), "order#A.1_b-2");
        assert_eq!(AggregateName::of_partition("order#A.1_b-2"), Some(name));
        for bad in ["order", "order#", "#a", "order#a#b", "order#ä"] {
            assert_eq!(AggregateName::of_partition(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_id_has_no_character_that_means_something_in_a_key_or_a_path() {
        for bad in ["", "a b", "a#b", "a/b", "a%2F", "é", &"x".repeat(65)] {
            assert_eq!(AggregateName::parse("order", bad), None, "{bad}");
        }
    }
}
