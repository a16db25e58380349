//! Bringing the view of one aggregate up to the log.

use tenfold_pattern::ReadError;
use tenfold_ports::Table;

use super::view::{At, Poison, Projection, Saved, Seen, StoreError, ViewStore};
use crate::log::codec;
use crate::log::history::commits_after;
use crate::mutant::{Mutant, is_in};
use crate::names::AggregateName;

/// How often a view is read again that others kept meanwhile.
const TRIES: usize = 8;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaughtUp {
    /// The view has seen all of the log that there was: so many versions.
    To(u64),
    /// It has seen all up to a version that it cannot take in. What comes after it waits in the log.
    Parked {
        /// The version that it cannot take in.
        at: u64,
        /// The reason.
        why: Poison,
    },
}

/// Why a view was not brought up to the log. Trying again can succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatchUpError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// A commit is missing in the log.
    #[error("the log of {name} has no commit {missing}")]
    Gap {
        /// The aggregate.
        name: AggregateName,
        /// The version that is missing.
        missing: u64,
    },
    /// The view cannot be read or kept.
    #[error(transparent)]
    Store(StoreError),
    /// Others keep bringing the same view up.
    #[error("others keep writing the view of {0}")]
    Busy(AggregateName),
}

/// Brings the view of an aggregate up to at least a version, where it has not seen it yet.
///
/// # Errors
/// It may not have got so far. What it has taken in stays so.
pub async fn catch_up<P: Projection, T: Table, S: ViewStore<P::View>>(
    log: &T,
    store: &S,
    name: &AggregateName,
    at_least: u64,
) -> Result<CaughtUp, CatchUpError> {
    for _ in 0..TRIES {
        let before = match store.load(name).await {
            Ok(seen) => seen,
            Err(StoreError::Refused(why)) => return Ok(CaughtUp::Parked { at: 1, why: Poison(why) }),
            Err(error) => return Err(CatchUpError::Store(error)),
        };
        if before.version >= at_least {
            return Ok(CaughtUp::To(before.version));
        }
        let (seen, poison) = take_in::<P, T>(log, name, before.clone(), at_least).await?;
        if seen.version > before.version {
            match store.save(name, before.version, &seen).await {
                Ok(Saved::Yes) => {}
                Ok(Saved::Overtaken) => continue,
                Err(StoreError::Refused(why)) => {
                    return Ok(CaughtUp::Parked { at: before.version + 1, why: Poison(why) });
                }
                Err(error) => return Err(CatchUpError::Store(error)),
            }
        }
        return Ok(match poison {
            Some(why) => CaughtUp::Parked { at: seen.version + 1, why },
            None => CaughtUp::To(seen.version),
        });
    }
    Err(CatchUpError::Busy(name.clone()))
}

/// Takes in what the log has and a view has not seen, up to what cannot be taken in.
async fn take_in<P: Projection, T: Table>(
    log: &T,
    name: &AggregateName,
    mut seen: Seen<P::View>,
    at_least: u64,
) -> Result<(Seen<P::View>, Option<Poison>), CatchUpError> {
    let only_what_is_told = is_in(Mutant::OnlyWhatIsTold);
    let after = if only_what_is_told { at_least - 1 } else { seen.version };
    for commit in commits_after(log, name, after).await? {
        let missing = seen.version + 1;
        if commit.version != missing && !only_what_is_told {
            return Err(CatchUpError::Gap { name: name.clone(), missing });
        }
        let events = match codec::decode::<P::Event>(&commit.events) {
            Ok(events) => events,
            Err(_) if is_in(Mutant::PoisonSkipped) => Vec::new(),
            Err(unknown) => return Ok((seen, Some(Poison(unknown.to_string())))),
        };
        let at = At { name, version: commit.version, at: commit.meta.at };
        let mut next = seen.view.clone();
        if let Err(why) = events.iter().try_for_each(|event| P::apply(&mut next, event, at)) {
            return Ok((seen, Some(why)));
        }
        seen = Seen { version: commit.version, view: next };
    }
    if seen.version < at_least {
        // Somebody has told of a commit that the log does not have.
        return Err(CatchUpError::Gap { name: name.clone(), missing: seen.version + 1 });
    }
    Ok((seen, None))
}
