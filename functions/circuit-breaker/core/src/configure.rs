//! Configuring a target: what `PUT /targets/{target}` does, and what does it where there is no API.

use std::sync::Arc;
use std::time::Duration;

use smol_str::{SmolStr, ToSmolStr};
use tenfold_pattern::ReadError;
use tenfold_pattern::commit::{self, Committed, Transacted};
use tenfold_pattern::http::EntityTag;
use tenfold_ports::api::Fault;
use tenfold_ports::table::{Cancelled, Item, Read, Write};
use tenfold_ports::{CallError, Runtime, Table};

use crate::config::TargetConfig;
use crate::decide::breaker::DecisionContext;
use crate::names::{BreakerName, TargetName};
use crate::rows::{
    BreakerRow, HistoryChange, HistoryEntry, StoredTarget, TargetRow, breaker_key, target_key,
};

/// How often a target is written anew that somebody else changed meanwhile.
pub(crate) const TRIES: usize = 4;
/// The largest configuration, in bytes.
pub(crate) const CONFIG_MOST: usize = 16 * 1024;
/// For how long the history has what [`configure`] has changed, as that of a stack does.
const HISTORY_KEPT: Duration = Duration::from_hours(14 * 24);

/// What came of configuring a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Configured {
    /// There was no such target.
    New,
    /// It was there, and is configured in another way now. Its breakers are in the states that they were in.
    Changed,
    /// It was configured so already, and nothing was written.
    Unchanged,
}

/// Why a target was not configured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigureError {
    /// The configuration is none: each of its faults.
    #[error("the configuration has faults: {}", .0.iter().map(|fault| format!("{} {}", fault.at, fault.detail)).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Fault>),
    /// The target has a name as requests have ids, which the API asks for.
    #[error("a target is not named like the id of a request")]
    LikeARequest,
    /// The table did not answer, refused the call, or holds a row that cannot be read. After a write it may be configured.
    #[error(transparent)]
    Table(#[from] ReadError),
}

/// Configures a target by the JSON that `PUT /targets/{target}` takes, with the same defaults and the same faults. Its breakers
/// go on in the states that they are in.
///
/// It may be called again and again, by every process that starts: what is so already is not written. Other environments go
/// by it within a TTL. Where a stack delivers what waits, its sweep looks at all of that within a minute.
///
/// ```
/// use circuit_breaker_core::configure::{Configured, configure};
/// use circuit_breaker_core::names::TargetName;
/// use tenfold_memory::{ManualRuntime, MemoryTable};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (table, runtime) = (MemoryTable::new(), ManualRuntime::new());
/// let pay = TargetName::parse("pay").map_err(|fault| fault.detail)?;
/// let config = br#"{"url": "https://pay.example", "minimumCalls": 4}"#;
/// assert_eq!(configure(&table, &runtime, &pay, config).await?, Configured::New);
/// assert_eq!(configure(&table, &runtime, &pay, config).await?, Configured::Unchanged);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The configuration has faults, or could not be written, or it is not known whether it was.
pub async fn configure<T: Table, R: Runtime>(
    table: &T,
    runtime: &R,
    name: &TargetName,
    config: &[u8],
) -> Result<Configured, ConfigureError> {
    if name.is_request_id() {
        return Err(ConfigureError::LikeARequest);
    }
    if config.len() > CONFIG_MOST {
        let fault = Fault::new("", format!("at most {CONFIG_MOST} bytes were expected"));
        return Err(ConfigureError::Invalid(vec![fault]));
    }
    let config = Arc::new(TargetConfig::parse(config).map_err(ConfigureError::Invalid)?);
    let is_other = |living: Option<&TargetRow>| {
        Ok::<_, ConfigureError>(living.is_none_or(|target| target.config != config))
    };
    let etag = EntityTag::of(&config).to_smolstr();
    let change = HistoryChange::Configured { config: Arc::clone(&config), etag };
    let entry = || {
        let at = runtime.now();
        let entry = HistoryEntry { at, by: None::<SmolStr>, change: change.clone() };
        entry.write(name, at + HISTORY_KEPT, runtime.next_u64())
    };
    match (TargetTable { table, runtime }).put(name, &config, is_other, entry).await? {
        Some(Put { is_written: false, .. }) => Ok(Configured::Unchanged),
        Some(Put { is_new: true, .. }) => Ok(Configured::New),
        Some(_) => Ok(Configured::Changed),
        // Others changed it again and again.
        None => Err(ReadError::Silent(CallError::Throttled).into()),
    }
}

/// The targets in a table, as whoever changes them has them.
pub(crate) struct TargetTable<'a, T, R> {
    pub(crate) table: &'a T,
    pub(crate) runtime: &'a R,
}

/// A target as it was put.
pub(crate) struct Put {
    pub(crate) row: TargetRow,
    /// Its breaker; none: it has no row.
    pub(crate) breaker: Option<BreakerRow>,
    pub(crate) is_new: bool,
    /// Whether it was not so before.
    pub(crate) is_written: bool,
}

impl<T: Table, R: Runtime> TargetTable<'_, T, R> {
    /// Reads a target and its breaker as they are now.
    pub(crate) async fn read(
        &self,
        name: &BreakerName,
    ) -> Result<(StoredTarget, Option<BreakerRow>), ReadError> {
        let keys = [target_key(&name.target), breaker_key(name)];
        let items = self.table.get_many(&keys, Read::Consistent).await?;
        let stored = StoredTarget::read(items[0].as_ref())?;
        Ok((stored, items[1].as_ref().map(BreakerRow::read).transpose()?))
    }

    /// Puts a target, with an entry of its history beside it, if `may` says of the one that is there that it is to be put.
    /// Returns none where others were faster again and again.
    pub(crate) async fn put<E: From<ReadError>>(
        &self,
        name: &TargetName,
        config: &Arc<TargetConfig>,
        may: impl Fn(Option<&TargetRow>) -> Result<bool, E>,
        entry: impl Fn() -> Write,
    ) -> Result<Option<Put>, E> {
        let whole = BreakerName::of(name.clone());
        for _ in 0..TRIES {
            let (stored, mut breaker) = self.read(&whole).await?;
            let living = stored.living();
            let is_written = may(living)?;
            let is_new = living.is_none();
            if let (false, Some(living)) = (is_written, living) {
                return Ok(Some(Put { row: living.clone(), breaker, is_new, is_written }));
            }
            let created = living.map_or_else(|| self.runtime.now(), |target| target.created);
            let changed = (!is_new).then(|| self.runtime.now());
            let row = TargetRow { changed, ..TargetRow::new(Arc::clone(config), created) };
            // A target of this name was deleted before: its breaker goes on in a new epoch.
            if let (true, Some(before)) = (is_new, &breaker) {
                breaker = Some(self.begin_anew(&whole, &row, before).await?);
            }
            if self.replace(name, &stored, row.clone(), entry()).await? {
                return Ok(Some(Put { row, breaker, is_new, is_written }));
            }
        }
        Ok(None)
    }

    /// Closes the breaker that a deleted target left, unless somebody else was faster. Returns it as it is then.
    async fn begin_anew(
        &self,
        name: &BreakerName,
        target: &TargetRow,
        row: &BreakerRow,
    ) -> Result<BreakerRow, ReadError> {
        let context = DecisionContext { now: self.runtime.now(), config: &target.config, jitter: 0.0 };
        let writer = self.runtime.next_u64();
        let next = row.next(name, row.breaker.force(context, None, "configured anew"), writer, context.now);
        let mine = |item: &Item| BreakerRow::is_of(item, writer);
        match commit::write(self.table, &row.replace(name, &next), mine).await? {
            Committed::Yes => Ok(next),
            Committed::Conflict(Some(current)) | Committed::Unclear(Some(current)) => {
                Ok(BreakerRow::read(&current)?)
            }
            Committed::Conflict(None) | Committed::Unclear(None) => Ok(row.clone()),
        }
    }

    /// Writes a target in place of what was read, and an entry of its history beside it. Returns whether nobody else was
    /// faster.
    pub(crate) async fn replace(
        &self,
        name: &TargetName,
        stored: &StoredTarget,
        next: TargetRow,
        entry: Write,
    ) -> Result<bool, ReadError> {
        let stamp = (self.runtime.next_u64() >> 1) as i64;
        let mine = |reasons: &[Cancelled]| match reasons.first() {
            Some(Cancelled::Condition(Some(item))) => StoredTarget::is_of(item, stamp),
            _ => false,
        };
        let writes = [stored.replace(name, next, stamp), entry];
        Ok(commit::transact(self.table, &writes, mine).await? == Transacted::Yes)
    }
}
