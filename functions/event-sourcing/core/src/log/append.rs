//! One more commit: a single conditional write, with all its events.
//!
//! It is written where there is none with its version. So of several who have read the same history one is first, and the
//! others are overtaken. With a command id its row is written in the same transaction, where there is none: the same command
//! is carried out once, for ever.

use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed, Transacted};
use tenfold_ports::Table;
use tenfold_ports::table::{Cancelled, Condition, Item, Write};

use super::codec;
use super::commit::{COMMIT_MOST, Commit, CommitMeta};
use super::history::{CommandRow, History, LogError};
use crate::aggregate::Aggregate;
use crate::mutant::{Mutant, is_in};

/// What is to be appended.
#[derive(Debug)]
pub struct Append<'a, A: Aggregate> {
    /// The history that it was decided by.
    pub history: &'a History<A>,
    /// The events: at least one.
    pub events: &'a [A::Event],
    /// What is known of them.
    pub meta: CommitMeta,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Appended {
    /// It is in the log, by this call or by one before whose answer was lost.
    Yes(Box<Commit>),
    /// Somebody else has written this version: the history is to be read on.
    Overtaken,
    /// The same command was carried out before.
    Done(CommandRow),
    /// Others have the items in hand, or have had them each time: later it can succeed.
    Busy,
    /// It has so many bytes, which is more than [`COMMIT_MOST`].
    TooLarge(usize),
}

/// Appends a commit.
///
/// # Errors
/// The table did not answer, so that it may or may not be in the log; or an event cannot be written.
pub async fn append<T: Table, A: Aggregate>(
    table: &T,
    Append { history, events, mut meta }: Append<'_, A>,
) -> Result<Appended, LogError> {
    let encode = |error: serde_json::Error| LogError::Encode(error.to_string());
    // Of two machines one may be late: the order of the commits is that of their versions.
    meta.at = meta.at.max(history.at);
    let events = codec::encode(events).map_err(encode)?;
    let next = (history.version + 1, history.hash.as_ref());
    let commit = Commit::new(&history.name, next, meta, events).map_err(encode)?;
    if commit.size() > COMMIT_MOST {
        return Ok(Appended::TooLarge(commit.size()));
    }
    let blind =
        is_in(Mutant::AppendWithoutCondition) || is_in(Mutant::FirstWithoutCondition) && history.version == 0;
    let condition = if blind { Condition::Always } else { Condition::Absent };
    let write = Write::Put { item: commit.item(&history.name), condition };
    // A hash is of one commit alone: its random name is in it.
    let mine = |item: &Item| Commit::read(item).is_ok_and(|there| there.hash == commit.hash);
    let row = CommandRow::item(&history.name, &commit).filter(|_| !is_in(Mutant::CommandForgotten));
    let Some(row) = row else {
        return Ok(match commit::write(table, &write, mine).await.map_err(ReadError::from)? {
            Committed::Yes => Appended::Yes(Box::new(commit)),
            Committed::Conflict(_) | Committed::Unclear(_) => Appended::Overtaken,
        });
    };
    let writes = [write, Write::create(row)];
    let mine = |reasons: &[Cancelled]| matches!(reasons, [Cancelled::Condition(Some(item)), _] if mine(item));
    match commit::transact(table, &writes, mine).await.map_err(ReadError::from)? {
        Transacted::Yes => Ok(Appended::Yes(Box::new(commit))),
        Transacted::Cancelled(reasons) => match &reasons[..] {
            [_, Cancelled::Condition(Some(item))] => {
                Ok(Appended::Done(CommandRow::read(item).map_err(ReadError::from)?))
            }
            [Cancelled::Condition(_), _] => Ok(Appended::Overtaken),
            _ => Ok(Appended::Busy),
        },
    }
}
