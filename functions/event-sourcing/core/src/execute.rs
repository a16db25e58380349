//! Carrying a command out: read the history, decide, append; and all of it again where somebody was faster.
//!
//! With an id a command is carried out once, for ever: whoever sends it again is answered what it led to. What was refused
//! was not carried out, and may be sent again.

use std::sync::{Mutex, PoisonError};

use smol_str::SmolStr;
use tenfold_pattern::ReadError;
use tenfold_ports::Bytes;
use tenfold_ports::table::{Read, Write, WriteError};
use tenfold_ports::{Carrier, Runtime, Table};
use uuid::Uuid;

use crate::aggregate::Aggregate;
use crate::log::history::{CommandRow, command_key, commit_at};
use crate::log::{Append, Appended, Commit, CommitMeta, History, LogError, append};
use crate::mutant::{Mutant, is_in};
use crate::names::{AggregateName, CommandId};

/// How often a command is decided anew that somebody overtook. Of so many writers at once each gets its turn.
pub const TRIES: usize = 8;
/// The most snapshots that wait to be written. What is not written now is the next time.
const SNAPSHOTS_MOST: usize = 16;

/// A command as it is to be carried out.
#[derive(Debug, Clone)]
pub struct Execute<C> {
    /// The aggregate.
    pub name: AggregateName,
    /// What is asked of it.
    pub command: C,
    /// What its sender calls it; none: it is carried out each time that it comes.
    pub id: Option<CommandId>,
    /// What tells another command with the same id apart: a digest of what was sent.
    pub digest: Uuid,
    /// The version that the sender has seen; none: any.
    pub expected: Option<u64>,
    /// What led to it, as its sender says.
    pub causation: Option<SmolStr>,
    /// Who has asked for it.
    pub actor: Option<SmolStr>,
    /// The trace and the correlation id that it belongs to.
    pub carrier: Carrier,
}

/// What a command has led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// The version of its commit; the aggregate's as it was, where there was nothing to do.
    pub version: u64,
    /// Its events, as they are stored: a JSON array.
    pub events: Bytes,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError<R> {
    /// It is against a rule, in the state of this version.
    #[error("the command is refused")]
    Refused {
        /// The rule.
        refusal: R,
        /// The version of the aggregate.
        version: u64,
    },
    /// The aggregate has another version than its sender has seen.
    #[error("the aggregate has version {current}")]
    Mismatch {
        /// The version that it has.
        current: u64,
    },
    /// Another command was carried out under the same id.
    #[error("the command's id was used for another one")]
    IdReused,
    /// What happened is too much for one commit, in bytes.
    #[error("the commit has {0} bytes")]
    TooLarge(usize),
    /// Others keep writing the aggregate. Later it can succeed.
    #[error("others keep writing the aggregate")]
    Busy,
    /// The log cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Carries commands out, one environment's part of it. It is kept as long as the process lives.
#[derive(Debug)]
pub struct Commands<T, R> {
    /// The table of the log.
    pub log: T,
    /// Time and chance.
    pub runtime: R,
    snapshots: Mutex<Vec<Write>>,
}

impl<T: Table, R: Runtime> Commands<T, R> {
    /// Returns one that carries commands out by a log.
    #[must_use]
    pub const fn new(log: T, runtime: R) -> Self {
        Self { log, runtime, snapshots: Mutex::new(Vec::new()) }
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// It was not carried out; but where the log did not answer it may have been. With an id it is safe to send it again.
    pub async fn execute<A: Aggregate>(
        &self,
        execute: &Execute<A::Command>,
    ) -> Result<Executed, CommandError<A::Refusal>> {
        let mut history = History::<A>::load(&self.log, &execute.name, None).await?;
        let mut decided = None;
        for _ in 0..TRIES {
            if let Some(commit) = execute.id.as_ref().and_then(|id| history.of_command(id)) {
                return again(execute, commit);
            }
            if let Some(current) = execute.expected.map(|_| history.version)
                && execute.expected != Some(current)
            {
                // Its own commit may be what has changed the version.
                return match self.done_before(execute, &history).await? {
                    Some(executed) => Ok(executed),
                    None => Err(CommandError::Mismatch { current }),
                };
            }
            let fresh = history.state.decide(&execute.command, self.runtime.now());
            let events = match decided.take().filter(|_| is_in(Mutant::DecidedByOldState)).unwrap_or(fresh) {
                Ok(events) => events,
                Err(refusal) => {
                    let version = history.version;
                    return match self.done_before(execute, &history).await? {
                        Some(executed) => Ok(executed),
                        None => Err(CommandError::Refused { refusal, version }),
                    };
                }
            };
            if events.is_empty() {
                return Ok(Executed { version: history.version, events: Bytes::from_static(b"[]") });
            }
            let meta = self.meta(execute);
            match append(&self.log, Append { history: &history, events: &events, meta }).await? {
                Appended::Yes(commit) => return Ok(self.carried_out(history, *commit)),
                Appended::Done(row) => return self.first_answer(execute, &row).await,
                Appended::TooLarge(size) => return Err(CommandError::TooLarge(size)),
                Appended::Overtaken if A::may_be_decided_anew(&execute.command) => {}
                Appended::Overtaken | Appended::Busy => return Err(CommandError::Busy),
            }
            history.read_on(&self.log).await?;
            decided = Some(Ok(events));
        }
        Err(CommandError::Busy)
    }

    /// Writes the snapshots that are due. It is called when nobody waits for it, and where it fails nothing is lost.
    pub async fn tend(&self) {
        let due = std::mem::take(&mut *self.snapshots.lock().unwrap_or_else(PoisonError::into_inner));
        for snapshot in due {
            match self.log.write(snapshot).await {
                // Somebody else has written it.
                Ok(()) | Err(WriteError::Conflict { .. }) => {}
                Err(WriteError::Call(error)) => tracing::warn!(%error, "snapshot not written"),
            }
        }
    }

    fn meta<C>(&self, execute: &Execute<C>) -> CommitMeta {
        CommitMeta {
            id: self.runtime.next_u64(),
            at: self.runtime.now(),
            command: execute.id.clone(),
            digest: execute.id.as_ref().map(|_| execute.digest),
            causation: execute.causation.clone(),
            actor: execute.actor.clone(),
            carrier: execute.carrier.clone(),
        }
    }

    fn carried_out<A: Aggregate>(&self, mut history: History<A>, commit: Commit) -> Executed {
        let executed = Executed { version: commit.version, events: commit.events.clone() };
        if let Ok(()) = history.take(commit)
            && let Some(snapshot) = history.snapshot()
        {
            let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
            if snapshots.len() < SNAPSHOTS_MOST {
                snapshots.push(snapshot);
            }
        }
        executed
    }

    /// Returns what the command led to before, where a snapshot stands for the commits among which its own would be.
    async fn done_before<A: Aggregate>(
        &self,
        execute: &Execute<A::Command>,
        history: &History<A>,
    ) -> Result<Option<Executed>, CommandError<A::Refusal>> {
        let Some(id) = execute.id.as_ref().filter(|_| history.is_shortened()) else { return Ok(None) };
        let key = command_key(&execute.name, id);
        let item =
            self.log.get(&key, Read::Consistent).await.map_err(|e| LogError::from(ReadError::from(e)))?;
        let Some(item) = item else { return Ok(None) };
        let row = CommandRow::read(&item).map_err(|e| LogError::from(ReadError::from(e)))?;
        self.first_answer(execute, &row).await.map(Some)
    }

    /// Returns what a command led to that was carried out before.
    async fn first_answer<C, F>(
        &self,
        execute: &Execute<C>,
        row: &CommandRow,
    ) -> Result<Executed, CommandError<F>> {
        again(execute, &commit_at(&self.log, &execute.name, row.version).await?)
    }
}

fn again<C, F>(execute: &Execute<C>, commit: &Commit) -> Result<Executed, CommandError<F>> {
    if commit.meta.digest != Some(execute.digest) {
        return Err(CommandError::IdReused);
    }
    Ok(Executed { version: commit.version, events: commit.events.clone() })
}
