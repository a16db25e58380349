//! One invocation as Lambda and its event tell of it: its id, and the handler's context.

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::api::Request;
use tenfold_ports::context::{CORRELATION_ID, TRACEPARENT};
use tenfold_ports::{Carrier, Context, Rng, TraceContext};
use tracing::Span;

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

    /// Takes over what a request's headers say: the correlation id, and the caller's trace if `trace`. The invocation
    /// stays its own place in that, whose span was made when it began.
    pub(super) fn take_headers(&mut self, request: &Request, trace: bool) {
        let header = |name| request.header(name).cloned();
        let traceparent = header(TRACEPARENT).filter(|_| trace);
        self.context = self.context.of(&Carrier { traceparent, correlation: header(CORRELATION_ID) });
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
    fn without_headers_the_request_id_correlates_and_x_ray_names_the_trace() {
        let invocation = invocation();
        assert_eq!((invocation.request_id.as_str(), invocation.context.correlation.as_str()), ("r-1", "r-1"));
        assert_eq!(invocation.context.deadline.as_millisecond(), 1_700_000_000_123);
        assert_eq!(invocation.context.trace.trace_id(), "5759e988bd862e3fe1be46a994272793");
    }

    fn request() -> Request {
        let headers = vec![(CORRELATION_ID.into(), "order-17".into()), (TRACEPARENT.into(), TRACE.into())];
        Request { headers, ..Request::default() }
    }

    #[test]
    fn headers_name_the_work_and_the_trace() {
        let mut invocation = invocation();
        let own = invocation.context.trace.span_id();
        invocation.take_headers(&request(), true);
        assert_eq!(invocation.context.correlation, "order-17");
        assert_eq!(invocation.context.trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(invocation.context.trace.span_id(), own);
    }

    #[test]
    fn where_x_ray_traces_its_trace_stays() {
        let mut invocation = invocation();
        invocation.take_headers(&request(), false);
        assert_eq!(invocation.context.correlation, "order-17");
        assert_eq!(invocation.context.trace.trace_id(), "5759e988bd862e3fe1be46a994272793");
    }
}
