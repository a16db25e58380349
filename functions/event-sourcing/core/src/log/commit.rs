//! A commit as it is stored, and the chain of hashes.
//!
//! Each commit's hash is made of the one before, of its place and of its bytes as they are stored. Whoever changes a commit
//! has to change all that follow it in its aggregate, whose hashes others may have seen: the audit finds it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::Bytes;
use tenfold_ports::Carrier;
use tenfold_ports::table::{BadItem, Item, Key, Value};
use uuid::Uuid;

use crate::names::{AggregateName, CommandId};

/// The most bytes of a commit's events and metadata: DynamoDB takes 400 KB an item, and a carrier of changes may need
/// a third more than the bytes themselves.
pub const COMMIT_MOST: usize = 350 * 1024;
/// The attributes of a commit.
const EVENTS: &str = "events";
const META: &str = "meta";
const HASH: &str = "hash";
/// What the sort keys of commits begin with.
pub(super) const VERSIONS: &str = "v";

/// What is known of a commit beside its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitMeta {
    /// The random name of the commit, by which a writer whose answer was lost knows its own.
    pub id: u64,
    /// When it was made: never before the commit before it, whatever the clocks.
    pub at: Timestamp,
    /// The command that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
    /// What tells another command with the same id apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Uuid>,
    /// What led to the command: the id of an event, a message or another command, as its sender says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<SmolStr>,
    /// Who has asked for it: the ARN that has signed the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<SmolStr>,
    /// The trace and the correlation id that it belongs to.
    #[serde(flatten)]
    pub carrier: Carrier,
}

/// A commit: what happened to an aggregate at one moment, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its place among the aggregate's commits: 1 is the first.
    pub version: u64,
    /// What is known of it beside its events.
    pub meta: CommitMeta,
    /// Its events, as [`codec`](super::codec) writes them.
    pub events: Bytes,
    /// The hash of the chain up to here.
    pub hash: Bytes,
    /// The metadata as they are stored, which the hash is made of.
    meta_bytes: SmolStr,
}

/// Returns the key of a commit.
#[must_use]
pub fn commit_key(name: &AggregateName, version: u64) -> Key {
    Key::new(name.partition(), format_smolstr!("{VERSIONS}{version:012}"))
}

/// Returns the version that a sort key of a commit means; none where it is of something else.
#[must_use]
pub fn version_of(sk: &str) -> Option<u64> {
    let digits = sk.strip_prefix(VERSIONS)?;
    (digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

impl Commit {
    /// Returns the commit that follows one with the hash `before` (empty: none), of events as bytes.
    ///
    /// # Errors
    /// The metadata cannot be written as JSON, which text and numbers can.
    pub fn new(
        name: &AggregateName,
        (version, before): (u64, &[u8]),
        meta: CommitMeta,
        events: Vec<u8>,
    ) -> Result<Self, serde_json::Error> {
        let meta_bytes: SmolStr = serde_json::to_string(&meta)?.into();
        let hash = hash(name, version, before, &meta_bytes, &events);
        Ok(Self { version, meta, events: events.into(), hash, meta_bytes })
    }

    /// Reads a commit.
    ///
    /// # Errors
    /// The item is no commit.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let bad = |attribute: &str, why: String| BadItem {
            key: item.key.to_string(),
            attribute: attribute.to_owned(),
            why,
        };
        let bytes = |name: &'static str| {
            item.bytes(name)?.ok_or_else(|| bad(name, "is missing; bytes were expected".to_owned()))
        };
        let meta_bytes = item.text(META)?.clone();
        Ok(Self {
            version: version_of(&item.key.sk)
                .ok_or_else(|| bad("sk", "is no version of a commit".to_owned()))?,
            meta: serde_json::from_str(&meta_bytes)
                .map_err(|e| bad(META, format!("is of another shape: {e}")))?,
            events: bytes(EVENTS)?,
            hash: bytes(HASH)?,
            meta_bytes,
        })
    }

    /// Returns the commit as an item.
    #[must_use]
    pub fn item(&self, name: &AggregateName) -> Item {
        Item::new(commit_key(name, self.version))
            .with(META, Value::S(self.meta_bytes.clone()))
            .with(EVENTS, self.events.clone())
            .with(HASH, self.hash.clone())
    }

    /// Returns how many bytes it has that count towards [`COMMIT_MOST`].
    #[must_use]
    pub fn size(&self) -> usize {
        self.events.len() + self.meta_bytes.len()
    }

    /// Returns whether the commit is what was written after one with the hash `before`.
    #[must_use]
    pub fn is_sound(&self, name: &AggregateName, before: &[u8]) -> bool {
        self.hash == hash(name, self.version, before, &self.meta_bytes, &self.events)
    }
}

fn hash(name: &AggregateName, version: u64, before: &[u8], meta: &str, events: &[u8]) -> Bytes {
    let mut hash = Sha256::new();
    // Each part with its length, so that nothing can be moved from one to the next.
    for part in [before, name.partition().as_bytes(), &version.to_be_bytes(), meta.as_bytes(), events] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Bytes::copy_from_slice(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> AggregateName {
        AggregateName::parse("order", "7").unwrap()
    }

    fn commit(version: u64, before: &[u8]) -> Commit {
        let meta = CommitMeta {
            id: 7,
            at: Timestamp::UNIX_EPOCH,
            command: None,
            digest: None,
            causation: None,
            actor: None,
            carrier: Carrier::default(),
        };
        Commit::new(&name(), (version, before), meta, br#"[{"type":"left"}]"#.to_vec()).unwrap()
    }

    #[test]
    fn a_commit_reads_as_it_was_written() {
        let commit = commit(3, b"before");
        let item = commit.item(&name());
        assert_eq!((item.key.pk.as_str(), item.key.sk.as_str()), ("order#7", "v000000000003"));
        assert_eq!(Commit::read(&item).unwrap(), commit);
        assert!(commit.is_sound(&name(), b"before"));
    }

    #[test]
    fn nothing_of_a_commit_can_be_changed_unseen() {
        let sound = commit(3, b"before");
        assert!(!sound.is_sound(&name(), b"other"));
        assert!(!sound.is_sound(&AggregateName::parse("order", "8").unwrap(), b"before"));
        assert!(!Commit { version: 4, ..sound.clone() }.is_sound(&name(), b"before"));
        assert!(!Commit { events: Bytes::from_static(b"[]"), ..sound.clone() }.is_sound(&name(), b"before"));
        let other = sound.meta_bytes.replace("\"id\":7", "\"id\":8");
        assert!(!Commit { meta_bytes: other.into(), ..sound }.is_sound(&name(), b"before"));
    }

    #[test]
    fn what_stands_beside_commits_is_none() {
        for other in ["v000000000003s", "command#v000000000003", "v3", "v00000000000x", "v+00000000003"] {
            assert_eq!(version_of(other), None, "{other}");
        }
        assert_eq!(version_of("v000000000012"), Some(12));
    }
}
