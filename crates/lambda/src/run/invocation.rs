//! One invocation as Lambda and its event tell of it: its id, and the handler's context.

use jiff::Timestamp;
use serde::Deserialize;
use smol_str::SmolStr;
use tenfold_ports::api::Request;
use tenfold_ports::context::{CORRELATION_ID, TRACEPARENT};
use tenfold_ports::{Carrier, Context, Rng, TraceContext};
use tracing::Span;

use crate::sqs::MessageAttribute;

/// One invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invocation {
    /// Lambda's id of it. A repeated asynchronous invocation has the same.
    pub request_id: SmolStr,
    /// What the handler is told. The correlation id is the request id where the caller names none.
    pub context: Context,
}

impl Invocation {
    pub(super) fn new(context: &lambda_runtime::Context, rng: &impl Rng) -> Self {
        let request_id = SmolStr::from(&context.request_id);
        let deadline =
            i64::try_from(context.deadline).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let xray = context.xray_trace_id.as_deref().and_then(TraceContext::from_xray);
        let context = Context {
            deadline: deadline.unwrap_or(Timestamp::MAX),
            trace: xray.map_or_else(|| TraceContext::new(rng), |trace| trace.child(rng)),
            correlation: request_id.clone(),
        };
        Self { request_id, context }
    }

    /// Takes over what a request's headers say.
    pub(super) fn take_headers(&mut self, request: &Request) {
        let header = |name| request.header(name).cloned();
        self.take(&Carrier { traceparent: header(TRACEPARENT), correlation: header(CORRELATION_ID) });
    }

    /// Takes over what the attributes of an event's only message say. A batch of several messages belongs to
    /// none of them; there [`crate::sqs::each`] names each one's.
    pub(super) fn take_hints(&mut self, event: &str) {
        let Ok(Hints { records: [record] }) = serde_json::from_str(event) else { return };
        let attribute = |name: &str| {
            let sqs = record.message_attributes.get(name).and_then(|a| a.string_value.as_deref());
            let sns = || record.sns.message_attributes.get(name)?.value.as_deref();
            sqs.or_else(sns).map(SmolStr::from)
        };
        self.take(&Carrier { traceparent: attribute(TRACEPARENT), correlation: attribute(CORRELATION_ID) });
    }

    /// Our own place in the caller's trace, whose span was made when the invocation began.
    fn take(&mut self, carrier: &Carrier) {
        self.context = self.context.of(carrier);
    }

    /// The span whose fields each log line has. An error span, since an error must name its invocation
    /// whatever the level.
    pub(super) fn span(&self) -> Span {
        tracing::error_span!(
            "invocation",
            request_id = self.request_id.as_str(),
            correlation_id = self.context.correlation.as_str(),
            trace_id = self.context.trace.trace_id(),
        )
    }
}

/// What may be in any event of messages.
#[derive(Deserialize)]
struct Hints {
    #[serde(rename = "Records")]
    records: [HintRecord; 1],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HintRecord {
    #[serde(default)]
    message_attributes: std::collections::HashMap<String, MessageAttribute>,
    #[serde(default, rename = "Sns")]
    sns: Sns,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Sns {
    #[serde(default)]
    message_attributes: std::collections::HashMap<String, SnsAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SnsAttribute {
    value: Option<String>,
}

#[cfg(test)]
mod tests {
    use tenfold_aws::SystemRng;

    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn invocation() -> Invocation {
        let mut context = lambda_runtime::Context::default();
        context.request_id = "r-1".to_owned();
        context.deadline = 1_700_000_000_123;
        context.xray_trace_id =
            Some("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".to_owned());
        Invocation::new(&context, &SystemRng::default())
    }

    #[test]
    fn without_hints_the_request_id_correlates_and_x_ray_names_the_trace() {
        let invocation = invocation();
        assert_eq!((invocation.request_id.as_str(), invocation.context.correlation.as_str()), ("r-1", "r-1"));
        assert_eq!(invocation.context.deadline.as_millisecond(), 1_700_000_000_123);
        assert_eq!(invocation.context.trace.trace_id(), "5759e988bd862e3fe1be46a994272793");
    }

    #[test]
    fn headers_name_the_work_and_the_trace() {
        let mut invocation = invocation();
        let own = invocation.context.trace.span_id();
        let headers = vec![(CORRELATION_ID.into(), "order-17".into()), (TRACEPARENT.into(), TRACE.into())];
        invocation.take_headers(&Request { headers, ..Request::default() });
        assert_eq!(invocation.context.correlation, "order-17");
        assert_eq!(invocation.context.trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(invocation.context.trace.span_id(), own);
    }

    #[test]
    fn a_single_message_names_them_too_and_several_do_not() {
        let mut one = invocation();
        one.take_hints(
            r#"{"Records": [{"messageAttributes": {"x-correlation-id": {"stringValue": "order-1"}}}]}"#,
        );
        assert_eq!(one.context.correlation, "order-1");
        let mut sns = invocation();
        sns.take_hints(
            r#"{"Records": [{"Sns": {"MessageAttributes": {"x-correlation-id": {"Type": "String", "Value": "order-2"}}}}]}"#,
        );
        assert_eq!(sns.context.correlation, "order-2");
        for none in [include_str!("../../tests/events/sqs.json"), "7", "{}", r#"{"Records": [1]}"#] {
            let mut invocation = invocation();
            invocation.take_hints(none);
            assert_eq!(invocation.context.correlation, "r-1");
        }
    }
}
