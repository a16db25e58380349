//! What the three services' functions share: a task of the state machine or a batch of messages, by its
//! shape.

use std::process::ExitCode;

use saga_core::context::Payload;
use saga_core::decide::StepOutcome;
use saga_core::service::{StepService, StepTask};
use saga_core::trip::Trip;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenfold_lambda::sqs::{self, SqsBatch, SqsBatchResponse, SqsRecord};
use tenfold_lambda::{Boot, run};
use tenfold_ports::{Context, Runtime, Table};

use crate::{Rows, SLUG, SagaFailure};

/// An event that a service is called with.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
#[serde(bound(deserialize = "P: Payload"))]
enum ServiceEvent<P> {
    /// By the state machine.
    Task(Box<StepTask<P>>),
    /// By its queue.
    Batch(SqsBatch),
}

/// The result that a service answers with.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ServiceResult {
    Task(StepOutcome),
    Batch(SqsBatchResponse),
}

impl<P: Payload> TryFrom<Value> for ServiceEvent<P> {
    type Error = serde_json::Error;

    fn try_from(event: Value) -> Result<Self, serde_json::Error> {
        // Not left to serde's trying one after the other, which could not say what is wrong with either.
        if event.get("Records").is_some() {
            return SqsBatch::deserialize(event).map(Self::Batch);
        }
        StepTask::deserialize(event).map(|task| Self::Task(Box::new(task)))
    }
}

/// Runs the service of the step `step`, which its function is named after.
#[must_use]
pub fn serve(step: &'static str) -> ExitCode {
    run(SLUG, step, async |Boot { env, aws, runtime, start }| {
        let rows = Rows::read(env)?;
        let service = StepService::new(rows.table(&aws), runtime, rows.definition()?, step)?;
        start.serve_event(async move |event: &_, context: &_| handle(&service, event, context).await).await
    })
}

async fn handle<T: Table, R: Runtime>(
    service: &StepService<T, R, Trip>,
    event: &ServiceEvent<Trip>,
    context: &Context,
) -> Result<ServiceResult, SagaFailure> {
    match event {
        ServiceEvent::Task(task) => Ok(ServiceResult::Task(service.handle_task(task, context).await?)),
        ServiceEvent::Batch(batch) => {
            let handle = async |record: &SqsRecord, context: &Context| {
                service.handle_message(record.body(), context).await.map_err(SagaFailure::from)
            };
            Ok(ServiceResult::Batch(sqs::each(batch.clone(), context, handle).await))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ServiceEvent<Trip>, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn both_callers_are_understood() {
        let task = read(include_str!("../events/task.json")).unwrap();
        assert!(matches!(task, ServiceEvent::Task(task) if task.step.as_str() == "hotel"));
        let ServiceEvent::Batch(batch) = read(include_str!("../events/messages.json")).unwrap() else {
            panic!("a batch")
        };
        let body = batch.records[0].body();
        let entry: saga_core::rows::LogEntry<Trip> = serde_json::from_str(body).unwrap();
        assert_eq!(entry.event.to_string(), "flight.done");
    }

    #[test]
    fn an_event_of_neither_shape_says_what_is_missing() {
        let error = read(r#"{"action": "do", "step": "hotel"}"#).unwrap_err().to_string();
        assert!(error.contains("saga"), "{error}");
        let error = read(r#"{"Records": [{"body": "{}"}]}"#).unwrap_err().to_string();
        assert!(error.contains("messageId"), "{error}");
    }
}
