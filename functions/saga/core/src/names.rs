//! Names: parsed at the edge, so that no key of the table can be forged or torn.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, ToSmolStr};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// The name of a saga's definition or of a step: 1 to 64 of `a-z`, `0-9` and `-`, with letters or digits
/// around each `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr")]
pub struct Name(SmolStr);

/// The name under which the coordinator's function is known, to the state machine and in metrics: no step may have it.
pub const COORDINATOR: &str = "coordinator";

/// Text that is no [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name: 1 to 64 of a-z, 0-9 and - were expected, with letters or digits around each -")]
pub struct BadName(pub SmolStr);

impl Name {
    /// Parses a name.
    ///
    /// # Errors
    /// It is no such name.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let fits = |part: &str| {
            !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if text.len() <= 64 && text.split('-').all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(BadName(text.into()))
        }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as a part of a resource's: `rental-car` is `RentalCar`.
    #[must_use]
    pub fn pascal(&self) -> String {
        let mut pascal = String::with_capacity(self.0.len());
        for part in self.0.split('-') {
            let (first, rest) = part.split_at(part.len().min(1));
            pascal.push_str(&first.to_ascii_uppercase());
            pascal.push_str(rest);
        }
        pascal
    }
}

impl TryFrom<SmolStr> for Name {
    type Error = BadName;

    fn try_from(text: SmolStr) -> Result<Self, BadName> {
        Self::parse(&text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a saga: a UUID made of the idempotency key, so that the same key is the same saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SagaId(Uuid);

/// The namespace of [`SagaId`]s: `uuid5(NAMESPACE_URL, "urn:tenfold:saga")`.
const NAMESPACE: Uuid = Uuid::from_u128(0x7b35_7e39_9cbe_534c_a136_fc65_a842_8e65);

impl SagaId {
    /// Returns the id of the saga with an idempotency key.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, key.as_bytes()))
    }

    /// Parses an id; none where it is no UUID in its usual form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Uuid::parse_str(text).ok().map(Self)?;
        // Upper case and other spellings of a UUID would name the same saga twice.
        (id.to_smolstr() == text).then_some(id)
    }

    /// The length of an id as text.
    pub const LENGTH: usize = Hyphenated::LENGTH;

    /// Writes the id as text at the end of another.
    pub fn write(self, text: &mut String) {
        text.push_str(self.0.hyphenated().encode_lower(&mut [0; Self::LENGTH]));
    }

    /// Returns which of `shards` partitions of an index the saga belongs to, from 0.
    #[must_use]
    pub const fn shard(self, shards: u8) -> u8 {
        // The last byte: in the others a UUID has its version.
        self.0.as_bytes()[15] % if shards == 0 { 1 } else { shards }
    }
}

impl fmt::Display for SagaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_key_and_is_one_resource() {
        for bad in ["", "-a", "a-", "a--b", "A", "a/b", "a#b", "a.b", "ä", "a b", &"a".repeat(65)] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Name::parse("rental-car-2").unwrap().pascal(), "RentalCar2");
        assert!(serde_json::from_str::<Name>(r#""a#b""#).is_err());
    }

    #[test]
    fn the_same_key_is_the_same_saga() {
        let id = SagaId::of_key("order-1");
        assert_eq!(id, SagaId::of_key("order-1"));
        assert_ne!(id, SagaId::of_key("order-2"));
        assert_eq!(SagaId::parse(&id.to_string()), Some(id));
        assert_eq!(SagaId::parse(&id.to_string().to_uppercase()), None);
        assert_eq!(SagaId::parse("{nonsense}"), None);
        assert!(id.shard(8) < 8);
    }
}
