//! Reading many targets: a page of the list, or all of them for the functions that look after every one.

use std::ops::ControlFlow;

use tenfold_pattern::page;
use tenfold_pattern::read::{ReadError, readable};
use tenfold_ports::table::{BadItem, Item, Key, Query, Read};
use tenfold_ports::{Metrics, Table};

use crate::decide::breaker::Breaker;
use crate::names::{BreakerName, TargetName};
use crate::rows::{self, BreakerRow, TargetRow, breaker_key};

/// A target with its own breaker, as they were read.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetState {
    /// The target's name.
    pub name: TargetName,
    /// The target's row, with its configuration.
    pub row: TargetRow,
    /// The breaker of the whole target.
    pub breaker: Breaker,
}

impl TargetState {
    /// Reads a target's row; its breaker is as nobody has written it yet.
    fn of(item: &Item) -> Result<Self, BadItem> {
        let name = TargetName::parse(&item.key.sk).map_err(|_| BadItem {
            key: item.key.to_string(),
            attribute: "sk".to_owned(),
            why: "names no target".to_owned(),
        })?;
        let row: TargetRow = item.doc()?;
        let breaker = Breaker::new(&row.config, row.created);
        Ok(Self { name, row, breaker })
    }

    /// Returns the key of its breaker.
    #[must_use]
    pub fn breaker_key(&self) -> Key {
        breaker_key(&BreakerName::of(self.name.clone()))
    }

    /// Returns the target with its breaker as it is stored, if it is; none where that cannot be read, which is logged
    /// and counted.
    pub fn with_breaker<M: Metrics>(self, metrics: &M, item: Option<Item>) -> Option<Self> {
        let Some(item) = item else { return Some(self) };
        let row = readable(metrics, BreakerRow::read(&item))?;
        Some(Self { breaker: row.of(&self.row).breaker, ..self })
    }
}

/// Reads one page of 100 targets after another and gives each to `visit`, so that memory stays bounded. A target whose
/// row or breaker cannot be read is left out, logged and counted.
///
/// # Errors
/// The table did not answer.
pub async fn each_page<T: Table, M: Metrics>(
    table: &T,
    metrics: &M,
    mut visit: impl AsyncFnMut(Vec<TargetState>),
) -> Result<(), ReadError> {
    page::each(table, Query::partition(rows::TARGETS), async |items| {
        visit(with_breakers(table, metrics, &items, Read::Eventual).await?).await;
        Ok::<_, ReadError>(ControlFlow::Continue(()))
    })
    .await
}

/// Reads the targets that a page of rows holds, with their breakers. What cannot be read is left out, logged and
/// counted.
///
/// # Errors
/// The table did not answer.
pub async fn with_breakers<T: Table, M: Metrics>(
    table: &T,
    metrics: &M,
    items: &[Item],
    read: Read,
) -> Result<Vec<TargetState>, ReadError> {
    let targets = without_breakers(metrics, items);
    let keys: Vec<_> = targets.iter().map(TargetState::breaker_key).collect();
    if keys.is_empty() {
        return Ok(targets);
    }
    let breakers = table.get_many(&keys, read).await?;
    let pairs = targets.into_iter().zip(breakers);
    Ok(pairs.filter_map(|(target, item)| target.with_breaker(metrics, item)).collect())
}

/// Reads the targets that a page of rows holds, with breakers as nobody has written them yet. What cannot be read is
/// left out, logged and counted.
pub fn without_breakers<M: Metrics>(metrics: &M, items: &[Item]) -> Vec<TargetState> {
    items.iter().filter_map(|item| readable(metrics, TargetState::of(item))).collect()
}
