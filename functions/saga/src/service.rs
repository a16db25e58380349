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

/// A call of a service, as a state machine or its queue sends it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
#[serde(bound(deserialize = "P: Payload"))]
enum ServiceCall<P> {
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

impl<P: Payload> TryFrom<Value> for ServiceCall<P> {
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
    event: &ServiceCall<Trip>,
    context: &Context,
) -> Result<ServiceResult, SagaFailure> {
    match event {
        ServiceCall::Task(task) => Ok(ServiceResult::Task(service.handle_task(task, context).await?)),
        ServiceCall::Batch(batch) => {
            let handle = async |record: &SqsRecord, context: &Context| {
                service.handle_message(record.body(), context).await.map_err(SagaFailure::from)
            };
            Ok(ServiceResult::Batch(sqs::each(batch.clone(), context, handle).await))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use saga_core::definition::{Action, Pivot, Saga, Work};
    use saga_core::metrics::FAULTS;
    use tenfold_ports::metrics::{Dimension, Metric};
    use tenfold_ports::table::{Item, Write};
    use tenfold_ports::{Clock, Metrics, Rng, SmolStr};
    use tenfold_world::{Env, quiet};

    use super::*;

    fn read(text: &str) -> Result<ServiceCall<Trip>, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn both_callers_are_understood() {
        let task = read(include_str!("../events/task.json")).unwrap();
        assert!(matches!(task, ServiceCall::Task(task) if task.step.as_str() == "hotel"));
        let ServiceCall::Batch(batch) = read(include_str!("../events/messages.json")).unwrap() else {
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

    /// A step of somebody's own that has a mistake in it.
    #[derive(Debug)]
    struct Broken;

    impl Action<Trip> for Broken {
        fn item(&self, _: &Trip) -> SmolStr {
            SmolStr::default()
        }

        fn writes(&self, _: &Work<'_, Trip>) -> Vec<Write> {
            panic!("a mistake")
        }

        fn refusal(&self, _: &Work<'_, Trip>, _: usize, _: Option<&Item>) -> String {
            String::new()
        }
    }

    /// A runtime whose faults are seen, by service.
    struct Counting<'a> {
        env: &'a Env,
        faults: RefCell<Vec<(SmolStr, f64)>>,
    }

    impl Clock for Counting<'_> {
        fn now(&self) -> jiff::Timestamp {
            self.env.now()
        }
    }

    impl Rng for Counting<'_> {
        fn next_u64(&self) -> u64 {
            self.env.next_u64()
        }
    }

    impl Metrics for Counting<'_> {
        fn record(&self, dimensions: &[Dimension], metrics: &[Metric]) {
            let faults = metrics.iter().filter(|metric| metric.name == FAULTS);
            let faults = faults.map(|metric| (dimensions[0].1.clone(), metric.value));
            self.faults.borrow_mut().extend(faults);
        }
    }

    /// Lambda counts a success: the batch was answered.
    #[test]
    fn a_step_that_panics_comes_again_and_is_a_fault() {
        let given = quiet(|world| {
            let given = world.ask(|env| async move {
                // The messages tell of `flight.done`.
                let saga = Saga::named("trip").pivot(Pivot::new("flight", Broken)).build().unwrap();
                let runtime = Counting { env: &env, faults: RefCell::default() };
                let service = StepService::new(env.clone(), &runtime, saga, "flight").unwrap();
                let batch = include_str!("../events/messages.json").replace("flight.done", "started");
                let batch = serde_json::from_str(&batch).unwrap();
                let context = Context::until(jiff::Timestamp::MAX);
                let ServiceResult::Batch(answer) = handle(&service, &batch, &context).await.unwrap() else {
                    panic!("the answer to a batch")
                };
                let again = answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier);
                (again.count(), runtime.faults.take())
            })?;
            Ok(given)
        });
        assert_eq!(given, Ok(Some((1, vec![("flight".into(), 1.0)]))));
    }
}
