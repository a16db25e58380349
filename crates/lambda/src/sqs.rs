//! Batches of an SQS event source, answered record by record.
//!
//! The shapes are those of `aws_lambda_events`, of which [`SqsRecord`] is a view. The crate is laxer than SQS: a record
//! may be without an id or a body. One without an id fails the invocation, since no answer could name it; one without
//! a body fails alone. Numbers come as text, and the view reads them.
//!
//! The event source needs `FunctionResponseTypes: [ReportBatchItemFailures]`; without it Lambda deletes the
//! whole batch whatever [`each`] answers.

use std::collections::HashSet;
use std::fmt;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use futures_util::FutureExt as _;
use serde::Deserialize;
use smol_str::SmolStr;
use tenfold_ports::context::{CORRELATION_ID, TRACEPARENT};
use tenfold_ports::{Carrier, Context};
use tracing::Instrument as _;

/// Which messages come again.
pub use aws_lambda_events::sqs::SqsBatchResponse;

use crate::error::{ErrorType, PANIC};

/// A batch of messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "SqsEvent")]
pub struct SqsBatch {
    /// The messages; at least one.
    pub records: Vec<SqsRecord>,
}

/// A message.
#[derive(Debug, Clone)]
pub struct SqsRecord {
    id: String,
    body: String,
    message: SqsMessage,
}

impl TryFrom<SqsEvent> for SqsBatch {
    type Error = &'static str;

    fn try_from(event: SqsEvent) -> Result<Self, &'static str> {
        let record = |mut message: SqsMessage| {
            let id =
                message.message_id.take().ok_or("a record without a `messageId`: nothing could name it")?;
            // What cannot be read is for the handler to refuse, which does so with every body that says nothing.
            Ok::<_, &'static str>(SqsRecord { id, body: message.body.take().unwrap_or_default(), message })
        };
        Ok(Self { records: event.records.into_iter().map(record).collect::<Result<_, _>>()? })
    }
}

impl SqsRecord {
    /// The queue's own id of the message.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The group that it keeps its order in; on a FIFO queue, and on a fair one.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.message.attributes.get("MessageGroupId").map(String::as_str)
    }

    /// A text attribute of the sender's.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.message.message_attributes.get(name)?.string_value.as_deref()
    }

    /// The trace and the correlation id that came with the message, as far as its attributes say them.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        let attribute = |name| self.attribute(name).map(SmolStr::from);
        Carrier { traceparent: attribute(TRACEPARENT), correlation: attribute(CORRELATION_ID) }
    }

    /// How often the message was received, this time included.
    #[must_use]
    pub fn receive_count(&self) -> u32 {
        let count = self.message.attributes.get("ApproximateReceiveCount");
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// Whether SQS keeps the order of its group: only a FIFO queue numbers its messages.
    fn is_ordered(&self) -> bool {
        self.message.attributes.contains_key("SequenceNumber")
    }
}

/// Handles the messages of a batch one after the other, and decides every one.
///
/// A message whose handler fails or panics comes again, alone. On a FIFO queue the later messages of its
/// group come again too, unhandled: to go on would break their order. Lambda counts none of it as an error, so a handler
/// records its failures itself, panics too.
///
/// Each handler gets the invocation's context in the message's own trace and under its correlation id, and runs in a
/// span that names them; a failure is logged.
pub async fn each<H, E>(batch: SqsBatch, context: &Context, handle: H) -> SqsBatchResponse
where
    H: AsyncFn(&SqsRecord, &Context) -> Result<(), E>,
    E: ErrorType + fmt::Display,
{
    let mut response = SqsBatchResponse::default();
    let mut held: HashSet<&str> = HashSet::new();
    for record in &batch.records {
        let group = record.group().filter(|_| record.is_ordered());
        if group.is_some_and(|group| held.contains(group))
            || !handled(record, &context.of(&record.carrier()), &handle).await
        {
            held.extend(group);
            response.add_failure(record.id());
        }
    }
    response
}

async fn handled<H, E>(record: &SqsRecord, context: &Context, handle: &H) -> bool
where
    H: AsyncFn(&SqsRecord, &Context) -> Result<(), E>,
    E: ErrorType + fmt::Display,
{
    let span = tracing::error_span!(
        "record",
        message_id = record.id(),
        correlation_id = context.correlation.as_str(),
        trace_id = context.trace.trace_id(),
    );
    let attempt = async {
        match AssertUnwindSafe(async { handle(record, context).await }).catch_unwind().await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(error_type = error.error_type(), %error, "message not handled");
                false
            }
            Err(_) => {
                tracing::error!(error_type = PANIC, "message not handled");
                false
            }
        }
    };
    attempt.instrument(span).await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::json;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no")]
    struct No;

    impl ErrorType for No {
        fn error_type(&self) -> &'static str {
            "No"
        }
    }

    fn batch(text: &str) -> SqsBatch {
        serde_json::from_str(text).unwrap()
    }

    fn standard() -> SqsBatch {
        batch(include_str!("../tests/events/sqs.json"))
    }

    /// The ids of the messages that `each` reports, and the bodies that the handler saw.
    fn run(batch: SqsBatch, fails: impl Fn(&SqsRecord) -> Result<(), No>) -> (Vec<String>, Vec<String>) {
        let seen = RefCell::new(Vec::new());
        let context = Context::until(jiff::Timestamp::UNIX_EPOCH);
        let response =
            futures_util::future::FutureExt::now_or_never(each(batch, &context, async |record, _| {
                seen.borrow_mut().push(record.body().to_owned());
                fails(record)
            }));
        let failures = response.unwrap().batch_item_failures;
        (failures.into_iter().map(|f| f.item_identifier).collect(), seen.into_inner())
    }

    fn fails_with(part: &str) -> impl Fn(&SqsRecord) -> Result<(), No> {
        move |record| if record.body().contains(part) { Err(No) } else { Ok(()) }
    }

    #[test]
    fn a_record_carries_its_correlation_and_trace() {
        let batch = standard();
        let [first, second] = &batch.records[..] else { panic!("two records") };
        let context = Context::until(jiff::Timestamp::UNIX_EPOCH).of(&first.carrier());
        assert_eq!(context.correlation, "order-1");
        assert_eq!(context.trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!((second.carrier(), second.receive_count()), (Carrier::default(), 4));
    }

    #[test]
    fn only_what_failed_comes_again() {
        let (again, seen) = run(standard(), fails_with("1"));
        assert_eq!(again, ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
        assert_eq!(seen.len(), 2);
        assert_eq!(run(standard(), |_| Ok(())).0, [] as [&str; 0]);
    }

    #[test]
    fn a_panic_fails_its_own_record_only() {
        let (again, seen) = run(standard(), |r| if r.body().contains('1') { panic!("oh") } else { Ok(()) });
        assert_eq!(again, ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn a_fifo_group_stops_at_its_first_failure() {
        let fifo = batch(include_str!("../tests/events/sqs-fifo.json"));
        let (again, seen) = run(fifo, fails_with("first of a"));
        assert_eq!(again, ["a1", "a2"]);
        assert_eq!(seen, ["first of a", "first of b"]);
    }

    /// A standard queue takes groups too, to be fair to each; it promises them no order.
    #[test]
    fn a_fair_group_goes_on_behind_a_failure() {
        let fifo: serde_json::Value =
            serde_json::from_str(include_str!("../tests/events/sqs-fifo.json")).unwrap();
        let mut fair = fifo;
        for record in fair["Records"].as_array_mut().unwrap() {
            record["attributes"].as_object_mut().unwrap().remove("SequenceNumber");
        }
        let (again, seen) = run(batch(&fair.to_string()), fails_with("first of a"));
        assert_eq!((again, seen.len()), (vec!["a1".to_owned()], 3));
    }

    /// The crate takes both; SQS sends neither.
    #[test]
    fn a_record_without_a_body_fails_alone_and_one_without_an_id_with_its_batch() {
        let records = json!({"Records": [{"messageId": "a"}, {"messageId": "b", "body": "{}"}]});
        let (again, _) =
            run(batch(&records.to_string()), |r| if r.body().is_empty() { Err(No) } else { Ok(()) });
        assert_eq!(again, ["a"]);
        let error = serde_json::from_str::<SqsBatch>(r#"{"Records": [{"body": "{}"}]}"#).unwrap_err();
        assert!(error.to_string().contains("messageId"), "{error}");
        assert!(serde_json::from_str::<SqsBatch>("{}").is_err(), "an event of no queue");
    }

    #[test]
    fn the_answer_has_the_names_that_lambda_reads() {
        let mut response = SqsBatchResponse::default();
        response.add_failure("m");
        let expected = json!({"batchItemFailures": [{"itemIdentifier": "m"}]});
        assert_eq!(serde_json::to_value(response).unwrap(), expected);
    }
}
