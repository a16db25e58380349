//! What a team writes of a view, and the port of where views are kept.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aggregate::DomainEvent;
use crate::names::AggregateName;

/// A view of each aggregate of one kind: a fold of its events, and nothing else. It is made again from the beginning
/// whenever somebody asks for it, so it depends on no clock, no chance and no other aggregate.
pub trait Projection {
    /// The name of the projection, which its keys begin with: `a-z` and `-`.
    const NAME: &'static str;
    /// The kind of aggregate that it is of.
    const KIND: &'static str;
    /// Its events.
    type Event: DomainEvent;
    /// What is kept of an aggregate.
    type View: Default + Clone + PartialEq + Serialize + DeserializeOwned;

    /// Takes an event in that happened at a time, in the commit of a version.
    ///
    /// # Errors
    /// The event cannot be taken in: the aggregate is parked here, and others go on.
    fn apply(view: &mut Self::View, event: &Self::Event, commit: At<'_>) -> Result<(), Poison>;
}

/// Where and when an event happened.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// The aggregate.
    pub name: &'a AggregateName,
    /// The version of its commit.
    pub version: u64,
    /// The time of its commit.
    pub at: Timestamp,
}

/// Why an event cannot be taken in, in words that repeat nothing of its data.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{0}")]
pub struct Poison(pub String);

/// A view as it is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen<V> {
    /// The version that it has seen; 0: none.
    pub version: u64,
    /// What it is.
    pub view: V,
}

/// What came of keeping a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is kept.
    Yes,
    /// Somebody else has kept another one since it was read.
    Overtaken,
}

/// Why a store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It did not answer; trying again can succeed.
    #[error("the store did not answer: {0}")]
    Silent(String),
    /// It refuses this view for good: the aggregate is parked.
    #[error("the store refuses the view: {0}")]
    Refused(String),
}

/// Where views are kept, of one generation of a projection.
pub trait ViewStore<V> {
    /// Reads the view of an aggregate, as it was kept last.
    ///
    /// # Errors
    /// The store did not answer, or what is there cannot be read.
    async fn load(&self, name: &AggregateName) -> Result<Seen<V>, StoreError>;

    /// Keeps a view where the one of version `from` is (0: none). The version that it has seen is kept in the same step. To keep it a
    /// second time is [`Saved::Overtaken`].
    ///
    /// # Errors
    /// The store did not answer, so that it may be kept; or it refuses the view.
    async fn save(&self, name: &AggregateName, from: u64, seen: &Seen<V>) -> Result<Saved, StoreError>;
}

/// Where the generations of a projection are kept, each by itself.
pub trait Generations<V> {
    /// Where one is kept.
    type Store: ViewStore<V>;

    /// Returns where a generation is kept.
    fn generation(&self, generation: u32) -> Self::Store;
}
