//! Batches of an SQS event source, answered record by record.
//!
//! The event source needs `FunctionResponseTypes: [ReportBatchItemFailures]`; without it Lambda deletes the
//! whole batch whatever [`each`] answers.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::context::{CORRELATION_ID, TRACEPARENT};
use tenfold_ports::{Carrier, Context};
use tracing::Instrument as _;

use crate::error::{ErrorType, PANIC};

/// A batch of messages.
#[derive(Debug, Clone, Deserialize)]
pub struct SqsEvent {
    /// The messages; at least one.
    #[serde(rename = "Records")]
    pub records: Vec<SqsRecord>,
}

/// A message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsRecord {
    /// The queue's own id of the message.
    pub message_id: SmolStr,
    /// The body.
    pub body: String,
    /// What SQS says about it.
    pub attributes: SqsAttributes,
    /// What its sender said about it.
    #[serde(default)]
    pub message_attributes: HashMap<String, MessageAttribute>,
}

/// What SQS says about a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SqsAttributes {
    /// How often the message was received, this time included; a number as text.
    pub approximate_receive_count: SmolStr,
    /// When it was sent; milliseconds since 1970 as text.
    pub sent_timestamp: SmolStr,
    /// The group that it keeps its order in; on a FIFO queue only.
    pub message_group_id: Option<SmolStr>,
}

/// An attribute that the sender of a message gave it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageAttribute {
    /// Its value, where it is text or a number.
    pub string_value: Option<String>,
}

impl SqsRecord {
    /// A text attribute of the sender's.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.message_attributes.get(name)?.string_value.as_deref()
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
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }
}

/// Which messages come again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsBatchResponse {
    /// One entry for each message that was not handled.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A message that was not handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its id.
    pub item_identifier: SmolStr,
}

/// Handles the messages of a batch one after the other, and decides every one.
///
/// A message whose handler fails or panics comes again, alone. On a FIFO queue the later messages of its
/// group come again too, unhandled: to go on would break their order.
///
/// Each handler gets the invocation's context in the message's own trace and under its correlation id, and runs in a
/// span that names them; a failure is logged.
pub async fn each<H, E>(event: SqsEvent, context: &Context, handle: H) -> SqsBatchResponse
where
    H: AsyncFn(&SqsRecord, &Context) -> Result<(), E>,
    E: ErrorType + fmt::Display,
{
    let mut failures = Vec::new();
    let mut held: HashSet<SmolStr> = HashSet::new();
    for record in event.records {
        let group = record.attributes.message_group_id.clone();
        if group.as_ref().is_some_and(|group| held.contains(group))
            || !handled(&record, &context.of(&record.carrier()), &handle).await
        {
            held.extend(group);
            failures.push(BatchItemFailure { item_identifier: record.message_id });
        }
    }
    SqsBatchResponse { batch_item_failures: failures }
}

async fn handled<H, E>(record: &SqsRecord, context: &Context, handle: &H) -> bool
where
    H: AsyncFn(&SqsRecord, &Context) -> Result<(), E>,
    E: ErrorType + fmt::Display,
{
    let span = tracing::error_span!(
        "record",
        message_id = record.message_id.as_str(),
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

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no")]
    struct No;

    impl ErrorType for No {
        fn error_type(&self) -> &'static str {
            "No"
        }
    }

    fn event(text: &str) -> SqsEvent {
        serde_json::from_str(text).unwrap()
    }

    fn standard() -> SqsEvent {
        event(include_str!("../tests/events/sqs.json"))
    }

    /// The ids of the messages that `each` reports, and the bodies that the handler saw.
    fn run(event: SqsEvent, fails: impl Fn(&SqsRecord) -> Result<(), No>) -> (Vec<SmolStr>, Vec<String>) {
        let seen = RefCell::new(Vec::new());
        let context = Context::until(jiff::Timestamp::UNIX_EPOCH);
        let response =
            futures_util::future::FutureExt::now_or_never(each(event, &context, async |record, _| {
                seen.borrow_mut().push(record.body.clone());
                fails(record)
            }));
        let failures = response.unwrap().batch_item_failures;
        (failures.into_iter().map(|f| f.item_identifier).collect(), seen.into_inner())
    }

    #[test]
    fn a_record_carries_its_correlation_and_trace() {
        let event = standard();
        let [first, second] = &event.records[..] else { panic!("two records") };
        let context = Context::until(jiff::Timestamp::UNIX_EPOCH).of(&first.carrier());
        assert_eq!(context.correlation, "order-1");
        assert_eq!(context.trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!((second.carrier(), second.receive_count()), (Carrier::default(), 4));
    }

    #[test]
    fn only_what_failed_comes_again() {
        let (again, seen) = run(standard(), |r| if r.body.contains('1') { Err(No) } else { Ok(()) });
        assert_eq!(again, ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
        assert_eq!(seen.len(), 2);
        assert_eq!(run(standard(), |_| Ok(())).0, [] as [&str; 0]);
    }

    #[test]
    fn a_panic_fails_its_own_record_only() {
        let (again, seen) = run(standard(), |r| if r.body.contains('1') { panic!("oh") } else { Ok(()) });
        assert_eq!(again, ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn a_fifo_group_stops_at_its_first_failure() {
        let fifo = event(include_str!("../tests/events/sqs-fifo.json"));
        let (again, seen) = run(fifo, |r| if r.body == "first of a" { Err(No) } else { Ok(()) });
        assert_eq!(again, ["a1", "a2"]);
        assert_eq!(seen, ["first of a", "first of b"]);
    }

    #[test]
    fn the_answer_has_the_names_that_lambda_reads() {
        let failure = BatchItemFailure { item_identifier: "m".into() };
        let response = SqsBatchResponse { batch_item_failures: vec![failure] };
        let expected = serde_json::json!({"batchItemFailures": [{"itemIdentifier": "m"}]});
        assert_eq!(serde_json::to_value(response).unwrap(), expected);
    }
}
