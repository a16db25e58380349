//! What the API shows, as JSON.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use smol_str::{SmolStr, ToSmolStr};
use tenfold_ports::TraceContext;

use crate::context::Style;
use crate::definition::Definition;
use crate::event::LogEvent;
use crate::names::{Name, SagaId};
use crate::rows::{LogEntry, Partition, SagaRow, StepRow};
use crate::state::SagaState;
use crate::trip::Trip;

/// A trip in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    saga_id: SagaId,
    style: Style,
    state: SagaState,
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    round: u32,
    created_at: Timestamp,
}

impl Listed {
    pub(super) fn new(saga: &SagaRow<Trip>) -> Self {
        Self {
            saga_id: saga.id,
            style: saga.data.style,
            state: saga.state,
            since: saga.since,
            // A stuck one waits for a person, for as long as it takes.
            deadline: saga.wake.filter(|_| saga.state != SagaState::Stuck),
            round: saga.round,
            created_at: saga.data.created,
        }
    }
}

/// A trip with all that is known of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TripView {
    #[serde(flatten)]
    saga: Listed,
    traveller: SmolStr,
    from: Date,
    to: Date,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<SmolStr>,
    steps: Vec<StepView>,
    log: Vec<LogView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepView {
    name: Name,
    item: SmolStr,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogView {
    at: Timestamp,
    round: u32,
    event: SmolStr,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Name>,
    outcome: &'static str,
    /// The saga's state from here on, where it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<SagaState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl TripView {
    pub(super) fn new(definition: &Definition<Trip>, part: Partition<Trip>) -> Self {
        let trip = &part.saga.data.payload;
        let steps = definition.steps().iter().zip(part.steps).map(|(step, row)| {
            let state = row.as_ref().map_or("pending", |row| row.state.name());
            let (at, error) = match row {
                Some(StepRow { data, .. }) => (Some(data.at), data.error),
                None => (None, None),
            };
            StepView { name: step.name.clone(), item: step.action().item(trip), state, at, error }
        });
        let steps = steps.collect();
        // Clocks differ, so the time alone would not tell which of two came first; rounds do.
        let mut log = part.log;
        log.sort_by_key(|entry| (entry.round, entry.at));
        Self {
            saga: Listed::new(&part.saga),
            traveller: trip.traveller.clone(),
            from: trip.from,
            to: trip.to,
            resolution: part.saga.resolution.clone(),
            steps,
            log: log.into_iter().map(LogView::new).collect(),
        }
    }
}

impl LogView {
    fn new(entry: LogEntry<Trip>) -> Self {
        let (step, outcome) = match &entry.event {
            LogEvent::Saga(event) => (None, event.name()),
            LogEvent::Step(step, event) => (Some(step.clone()), event.name()),
        };
        Self {
            at: entry.at,
            round: entry.round,
            event: entry.event.to_smolstr(),
            step,
            outcome,
            state: entry.state,
            error: entry.error,
            trace_id: entry
                .carrier
                .traceparent
                .and_then(|trace| Some(TraceContext::parse(&trace)?.trace_id())),
            correlation_id: entry.carrier.correlation,
        }
    }
}
