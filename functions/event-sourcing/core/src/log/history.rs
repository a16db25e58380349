//! What an aggregate's commits come to: its state, and what the next commit needs to know.
//!
//! It is read from the newest commit backwards, so that one query finds the commits and the snapshot that they follow. A
//! history longer than a page is read to its end, whatever its length; where a commit is missing it is no history.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_pattern::ReadError;
use tenfold_ports::Bytes;
use tenfold_ports::Table;
use tenfold_ports::table::{BadItem, Condition, Item, Key, Query, Range, Write};
use uuid::Uuid;

use super::codec::{self, UnknownEvent};
use super::commit::{Commit, VERSIONS, commit_key, version_of};
use crate::aggregate::Aggregate;
use crate::mutant::{Mutant, is_in};
use crate::names::{AggregateName, CommandId};

/// How many commits there are between two snapshots.
pub const SNAPSHOT_EVERY: u64 = 50;
/// The most items of a page: what there is since a snapshot fits into one, with some to spare for one that is not there yet.
const PAGE: u32 = 64;
/// What the sort key of a snapshot ends in: it comes right behind the commit that it has in it.
const SNAPSHOT: &str = "s";
const STATE: &str = "state";

/// Why a log cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The table did not answer, or a commit is no commit.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event is not known to this program.
    #[error("commit {version} of {name}: {error}")]
    Event {
        /// The aggregate.
        name: AggregateName,
        /// The commit.
        version: u64,
        /// What is wrong with the event.
        error: UnknownEvent,
    },
    /// A commit is missing.
    #[error("the log of {name} has no commit {missing}")]
    Gap {
        /// The aggregate.
        name: AggregateName,
        /// The version that is missing.
        missing: u64,
    },
    /// A commit cannot be written as JSON.
    #[error("an event cannot be written: {0}")]
    Encode(String),
}

/// An aggregate as its commits make it.
#[derive(Debug, Clone, PartialEq)]
pub struct History<A> {
    /// The aggregate's name.
    pub name: AggregateName,
    /// The version of the newest commit; 0: there is none.
    pub version: u64,
    /// The state after it.
    pub state: A,
    /// The hash of the newest commit; empty: there is none.
    pub hash: Bytes,
    /// When it was made.
    pub at: Timestamp,
    /// The commits that were read, the oldest first: all, or those since a snapshot.
    pub commits: Vec<Commit>,
}

/// A snapshot: a state that needs not be made of its commits again.
#[derive(Debug, Serialize, Deserialize)]
struct Snapshot<A> {
    schema: u32,
    at: Timestamp,
    hash: String,
    state: A,
}

impl<A: Aggregate> History<A> {
    /// Returns the history of an aggregate to which nothing has happened.
    #[must_use]
    pub fn empty(name: AggregateName) -> Self {
        let (hash, at) = (Bytes::new(), Timestamp::UNIX_EPOCH);
        Self { name, version: 0, state: A::default(), hash, at, commits: Vec::new() }
    }

    /// Reads the history of an aggregate, up to a version where one is given.
    ///
    /// # Errors
    /// The table did not answer, a commit is missing, or one cannot be read.
    pub async fn load<T: Table>(
        table: &T,
        name: &AggregateName,
        until: Option<u64>,
    ) -> Result<Self, LogError> {
        let mut query = Query { limit: PAGE, backward: true, ..Query::partition(name.partition()) };
        query.range = match until {
            None => Range::Prefix(VERSIONS.into()),
            Some(until) => {
                let last = format!("{}{SNAPSHOT}", commit_key(name, until).sk);
                Range::Between(commit_key(name, 0).sk, last.into())
            }
        };
        let mut newest_first: Vec<Commit> = Vec::new();
        let mut history = Self::empty(name.clone());
        'pages: loop {
            let page = table.query(query.clone()).await.map_err(ReadError::from)?;
            for item in &page.items {
                if version_of(&item.key.sk).is_some() {
                    newest_first.push(Commit::read(item).map_err(ReadError::from)?);
                } else if let Some(base) = Self::of_snapshot(name, item) {
                    history = base;
                    break 'pages;
                }
            }
            match page.next {
                Some(_) if !is_in(Mutant::FirstPageOnly) => query.after = page.next,
                _ => break,
            }
        }
        newest_first.reverse();
        newest_first.into_iter().try_for_each(|commit| history.take(commit))?;
        Ok(history)
    }

    /// Reads the commits that came since.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub async fn read_on<T: Table>(&mut self, table: &T) -> Result<(), LogError> {
        for commit in commits_after(table, &self.name, self.version).await? {
            self.take(commit)?;
        }
        Ok(())
    }

    /// Takes the next commit in.
    ///
    /// # Errors
    /// It is not the next, or an event of it is not known.
    pub fn take(&mut self, commit: Commit) -> Result<(), LogError> {
        if commit.version != self.version + 1 {
            return Err(LogError::Gap { name: self.name.clone(), missing: self.version + 1 });
        }
        for event in events_of::<A>(&self.name, &commit)? {
            self.state.evolve(&event);
        }
        (self.version, self.hash, self.at) = (commit.version, commit.hash.clone(), commit.meta.at);
        self.commits.push(commit);
        Ok(())
    }

    /// Returns the commit that a command led to, among those that were read.
    #[must_use]
    pub fn of_command(&self, command: &CommandId) -> Option<&Commit> {
        self.commits.iter().find(|commit| commit.meta.command.as_ref() == Some(command))
    }

    /// Returns whether older commits were not read, since a snapshot stands for them.
    #[must_use]
    pub fn is_shortened(&self) -> bool {
        self.commits.len() as u64 != self.version
    }

    /// Returns the write of a snapshot where it is time for one: [`SNAPSHOT_EVERY`] commits were read, or more.
    #[must_use]
    pub fn snapshot(&self) -> Option<Write> {
        if (self.commits.len() as u64) < SNAPSHOT_EVERY {
            return None;
        }
        let snapshot = Snapshot {
            schema: A::SCHEMA,
            at: self.at,
            hash: URL_SAFE_NO_PAD.encode(&self.hash),
            state: &self.state,
        };
        let state = serde_json::to_vec(&snapshot).ok()?;
        let item = Item::new(self.snapshot_key()).with(STATE, Bytes::from(state));
        Some(Write::Put { item, condition: Condition::Absent })
    }

    fn snapshot_key(&self) -> Key {
        let Key { pk, sk } = commit_key(&self.name, self.version);
        Key { pk, sk: format!("{sk}{SNAPSHOT}").into() }
    }

    /// Reads a snapshot. One that another version of the program made, or that cannot be read, is none: the commits are there.
    fn of_snapshot(name: &AggregateName, item: &Item) -> Option<Self> {
        let version = version_of(item.key.sk.strip_suffix(SNAPSHOT)?)?;
        let state = item.bytes(STATE).ok()??;
        let snapshot: Snapshot<A> = serde_json::from_slice(&state).ok()?;
        if snapshot.schema != A::SCHEMA && !is_in(Mutant::SnapshotOfAnySchema) {
            return None;
        }
        let Snapshot { at, state, hash, .. } = snapshot;
        let hash = Bytes::from(URL_SAFE_NO_PAD.decode(hash).ok()?);
        Some(Self { name: name.clone(), version, state, hash, at, commits: Vec::new() })
    }
}

/// Reads the events of a commit.
///
/// # Errors
/// One of them is not known to this program.
pub fn events_of<A: Aggregate>(name: &AggregateName, commit: &Commit) -> Result<Vec<A::Event>, LogError> {
    let version = commit.version;
    codec::decode(&commit.events).map_err(|error| LogError::Event { name: name.clone(), version, error })
}

/// Reads an aggregate's commits after a version, the oldest first, to the last.
///
/// # Errors
/// The table did not answer, or a commit cannot be read.
pub async fn commits_after<T: Table>(
    table: &T,
    name: &AggregateName,
    version: u64,
) -> Result<Vec<Commit>, ReadError> {
    let range = Range::Between(commit_key(name, version + 1).sk, commit_key(name, 999_999_999_999).sk);
    let mut query = Query { range, limit: PAGE, ..Query::partition(name.partition()) };
    let mut commits = Vec::new();
    loop {
        let page = table.query(query.clone()).await?;
        let of_versions = page.items.iter().filter(|item| version_of(&item.key.sk).is_some());
        for item in of_versions {
            commits.push(Commit::read(item)?);
        }
        match page.next {
            Some(_) => query.after = page.next,
            None => return Ok(commits),
        }
    }
}

/// Reads one commit.
///
/// # Errors
/// The table did not answer, the commit is not there, or it cannot be read.
pub async fn commit_at<T: Table>(table: &T, name: &AggregateName, version: u64) -> Result<Commit, LogError> {
    let key = commit_key(name, version);
    let item = table.get(&key, tenfold_ports::table::Read::Consistent).await.map_err(ReadError::from)?;
    let item = item.ok_or_else(|| LogError::Gap { name: name.clone(), missing: version })?;
    Ok(Commit::read(&item).map_err(ReadError::from)?)
}

/// What remains of a command that was carried out, for ever: the version of its commit, and what tells another command apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRow {
    /// The version of the commit that it led to.
    pub version: u64,
    /// The random name of that commit.
    pub commit: u64,
    /// What tells another command with the same id apart.
    pub digest: Option<Uuid>,
}

/// Returns the key of a command's row.
#[must_use]
pub fn command_key(name: &AggregateName, command: &CommandId) -> Key {
    Key::new(name.partition(), smol_str::format_smolstr!("command#{command}"))
}

impl CommandRow {
    /// Returns the row of the command of a commit; none where it has no command id.
    #[must_use]
    pub fn item(name: &AggregateName, commit: &Commit) -> Option<Item> {
        let command = commit.meta.command.as_ref()?;
        let digest = commit.meta.digest.map(|digest| SmolStr::from(digest.simple().to_string()));
        let item = Item::new(command_key(name, command))
            .with("version", commit.version as i64)
            .with("commit", commit.meta.id.to_string().as_str());
        Some(match digest {
            Some(digest) => item.with("digest", digest),
            None => item,
        })
    }

    /// Reads a command's row.
    ///
    /// # Errors
    /// The item is no such row.
    pub fn read(item: &Item) -> Result<Self, BadItem> {
        let bad = |attribute: &str, why: &str| BadItem {
            key: item.key.to_string(),
            attribute: attribute.to_owned(),
            why: why.to_owned(),
        };
        let digest = match item.get("digest") {
            None => None,
            Some(_) => {
                Some(Uuid::parse_str(item.text("digest")?).map_err(|_| bad("digest", "is no digest"))?)
            }
        };
        Ok(Self {
            version: u64::try_from(item.number("version")?).map_err(|_| bad("version", "is below 0"))?,
            commit: item.text("commit")?.parse().map_err(|_| bad("commit", "is no number"))?,
            digest,
        })
    }
}
