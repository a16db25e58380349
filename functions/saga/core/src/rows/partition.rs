//! All that there is of a saga, in one query.

use std::ops::ControlFlow;

use tenfold_pattern::{ReadError, page};
use tenfold_ports::Table;
use tenfold_ports::table::{BadItem, Item, Query};

use super::keys::{LOG, STEP, partition};
use super::log::LogEntry;
use super::saga::SagaRow;
use super::step::StepRow;
use crate::context::Payload;
use crate::definition::Definition;
use crate::event::LogEvent;
use crate::names::{Name, SagaId};
use crate::state::StepState;

/// A saga with its steps and its log, as they were read.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition<P> {
    /// The saga.
    pub saga: SagaRow<P>,
    /// The steps, in the order of the definition; none where nothing happened to one yet.
    pub steps: Vec<Option<StepRow>>,
    /// The log, by round and event.
    pub log: Vec<LogEntry<P>>,
}

/// More than all rows of a trip, so that one page holds them.
const PAGE: u32 = 2000;

impl<P: Payload> Partition<P> {
    /// Reads all that there is of a saga; none where there is none with this id.
    ///
    /// # Errors
    /// The table did not answer or refused the call, or a row is of another shape.
    pub async fn read<T: Table>(
        table: &T,
        definition: &Definition<P>,
        id: SagaId,
    ) -> Result<Option<Self>, ReadError> {
        let (mut saga, mut steps, mut log) = (None, vec![None; definition.steps().len()], Vec::new());
        // The rows are bounded by rounds and steps, so the pages are too.
        let query = Query { limit: PAGE, ..Query::partition(partition(id)) };
        page::each(table, query, async |items| {
            for item in &items {
                if item.key.sk.starts_with(LOG) {
                    log.push(LogEntry::read(item)?);
                } else if let Some(name) = item.key.sk.strip_prefix(STEP) {
                    steps[place(definition, item, name)?] = Some(StepRow::read(item)?);
                } else {
                    saga = Some(SagaRow::read(item)?);
                }
            }
            Ok::<_, ReadError>(ControlFlow::Continue(()))
        })
        .await?;
        Ok(saga.map(|saga| Self { saga, steps, log }))
    }

    /// Says whether an event of a round is in the log.
    #[must_use]
    pub fn logged(&self, round: u32, event: &LogEvent) -> bool {
        self.log.iter().any(|entry| entry.round == round && entry.event == *event)
    }

    /// Returns the state of the step at `at`; none where nothing happened to it yet.
    #[must_use]
    pub fn state(&self, at: usize) -> Option<StepState> {
        self.steps.get(at)?.as_ref().map(|row| row.state)
    }
}

fn place<P>(definition: &Definition<P>, item: &Item, step: &str) -> Result<usize, BadItem> {
    let place = Name::parse(step).ok().and_then(|name| definition.place(&name));
    place.ok_or_else(|| {
        let why = format!("names a step that the saga `{}` does not have", definition.name());
        BadItem { key: item.key.to_string(), attribute: "sk".to_owned(), why }
    })
}
