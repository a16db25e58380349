//! Reading all targets, for the functions that look after every one of them.

use tenfold_ports::Table;
use tenfold_ports::table::{Query, Read};

use crate::decide::breaker::Breaker;
use crate::error::StoreError;
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

/// Reads one page of 100 targets after another and gives each to `visit`, so that memory stays bounded.
///
/// # Errors
/// The table did not answer, or a row is of another shape.
pub async fn each_page<T: Table, F: AsyncFnMut(Vec<TargetState>)>(
    table: &T,
    mut visit: F,
) -> Result<(), StoreError> {
    let mut query = Query::partition(rows::TARGETS);
    loop {
        let page = table.query(query.clone()).await?;
        let mut targets = Vec::with_capacity(page.items.len());
        for item in &page.items {
            let Ok(name) = TargetName::parse(&item.key.sk) else { continue };
            let row: TargetRow = item.doc()?;
            let breaker = Breaker::new(&row.config, row.created);
            targets.push(TargetState { name, row, breaker });
        }
        let keys: Vec<_> =
            targets.iter().map(|target| breaker_key(&BreakerName::of(target.name.clone()))).collect();
        if !keys.is_empty() {
            for (target, item) in targets.iter_mut().zip(table.get_many(&keys, Read::Eventual).await?) {
                if let Some(item) = item {
                    target.breaker = BreakerRow::read(&item)?.breaker;
                }
            }
        }
        visit(targets).await;
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(()),
        }
    }
}
