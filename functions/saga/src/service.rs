//! What the three services' functions share: a task of the state machine or a batch of messages, by its
//! shape.

use std::process::ExitCode;

use saga_core::context::Payload;
use saga_core::decide::StepOutcome;
use saga_core::service::{StepService, StepTask};
use saga_core::trip::Trip;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenfold_aws::Aws;
use tenfold_lambda::sqs::{self, SqsBatchResponse, SqsEvent};
use tenfold_lambda::{Env, Invocation, run};

use crate::{Rows, SagaFailure};

/// An event that a service is called with.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
#[serde(bound(deserialize = "P: Payload"))]
enum ServiceEvent<P> {
    /// By the state machine.
    Task(Box<StepTask<P>>),
    /// By its queue.
    Batch(SqsEvent),
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
            return SqsEvent::deserialize(event).map(Self::Batch);
        }
        StepTask::deserialize(event).map(|task| Self::Task(Box::new(task)))
    }
}

/// Runs the function `name`, the service of the step `step`.
#[must_use]
pub fn serve(name: &'static str, step: &'static str) -> ExitCode {
    run(name, async |start| {
        let rows = Rows::read(Env::from_process())?;
        let aws = Aws::from_env()?;
        let service = StepService::new(rows.table(&aws), crate::host(name), rows.definition()?, step)?;
        let start = start.counting(move || aws.calls().take());
        start
            .serve_event(async move |event: ServiceEvent<Trip>, _: Invocation| match event {
                ServiceEvent::Task(task) => Ok(ServiceResult::Task(service.task(&task).await?)),
                ServiceEvent::Batch(batch) => {
                    let handle = async |record: &sqs::Record| {
                        service.message(&record.body).await.map_err(SagaFailure::from)
                    };
                    Ok::<_, SagaFailure>(ServiceResult::Batch(sqs::each(batch, handle).await))
                }
            })
            .await
    })
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
        let body = &batch.records[0].body;
        let entry: saga_core::rows::LogEntry<Trip> = serde_json::from_str(body).unwrap();
        assert_eq!(entry.event.to_string(), "flight.done");
    }

    #[test]
    fn an_event_of_neither_shape_says_what_is_missing() {
        let error = read(r#"{"action": "do", "step": "hotel"}"#).unwrap_err().to_string();
        assert!(error.contains("saga"), "{error}");
        let error = read(r#"{"Records": [{"messageId": "m"}]}"#).unwrap_err().to_string();
        assert!(error.contains("body"), "{error}");
    }
}
