//! What every handler is told besides its request: until when, and what the work belongs to.
//!
//! The trace and the correlation id cross every hop. They come in with a request's headers, a message's attributes
//! or a row, and go on as a [`Carrier`] with whatever the handler writes, sends or calls. Reading them off events
//! belongs to `tenfold-lambda`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::trace::TraceContext;

/// The header (and attribute of a message) that carries a [`TraceContext`].
pub const TRACEPARENT: &str = "traceparent";

/// The header (and attribute of a message) that carries a correlation id.
pub const CORRELATION_ID: &str = "x-correlation-id";

/// The longest correlation id that is taken over from outside, in bytes.
const CORRELATION_MOST: usize = 128;

/// The context of one piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Context {
    /// When the process is stopped, whether it has answered or not.
    pub deadline: Timestamp,
    /// This function's place in the trace of the work.
    pub trace: TraceContext,
    /// What the caller calls the whole piece of work.
    pub correlation: SmolStr,
}

impl Context {
    /// A context that belongs to no trace and to nobody's piece of work.
    #[must_use]
    pub const fn until(deadline: Timestamp) -> Self {
        Self { deadline, trace: TraceContext::UNKNOWN, correlation: SmolStr::new_static("-") }
    }

    /// The context of what a message or a row asks for: this invocation's deadline and span, in the trace and under
    /// the correlation id that came with it. What the carrier does not say stays as it is.
    #[must_use]
    pub fn of(&self, carrier: &Carrier) -> Self {
        let caller = carrier.traceparent.as_deref().and_then(TraceContext::parse);
        let correlation = clean_correlation_id(carrier.correlation.as_deref()).map(SmolStr::from);
        Self {
            deadline: self.deadline,
            trace: caller.map_or(self.trace, |caller| self.trace.within(&caller)),
            correlation: correlation.unwrap_or_else(|| self.correlation.clone()),
        }
    }

    /// What goes on with a row, a message or a call.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        Carrier {
            traceparent: Some(self.trace.to_header().into()),
            correlation: Some(self.correlation.clone()),
        }
    }
}

/// A trace and a correlation id on their way, as OpenTelemetry calls what holds them. Either can be absent: rows and
/// messages of before have neither.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Carrier {
    /// The W3C trace context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<SmolStr>,
    /// The correlation id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<SmolStr>,
}

impl Carrier {
    /// The headers (or attributes) that carry it, by name.
    pub fn headers(&self) -> impl Iterator<Item = (SmolStr, SmolStr)> {
        let traceparent = self.traceparent.clone().map(|value| (SmolStr::new_static(TRACEPARENT), value));
        let correlation = self.correlation.clone().map(|value| (SmolStr::new_static(CORRELATION_ID), value));
        traceparent.into_iter().chain(correlation)
    }
}

/// A correlation id that came from outside and may go into logs and headers: 1 to 128 visible ASCII characters, or
/// it is none.
#[must_use]
pub fn clean_correlation_id(id: Option<&str>) -> Option<&str> {
    id.filter(|id| (1..=CORRELATION_MOST).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn what_came_with_a_message_goes_on_under_this_functions_span() {
        let context = Context::until(Timestamp::UNIX_EPOCH);
        let carrier = Carrier { traceparent: Some(TRACE.into()), correlation: Some("order-17".into()) };
        let within = context.of(&carrier);
        assert_eq!(within.trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(within.trace.span_id(), context.trace.span_id());
        assert_eq!(within.correlation, "order-17");
        let names: Vec<_> = within.carrier().headers().map(|(name, _)| name).collect();
        assert_eq!(names, [TRACEPARENT, CORRELATION_ID]);
    }

    #[test]
    fn what_did_not_come_or_is_no_good_stays_as_it_is() {
        let context = Context::until(Timestamp::UNIX_EPOCH);
        let bad = Carrier { traceparent: Some("00-0".into()), correlation: Some("a b".into()) };
        assert_eq!(context.of(&bad), context);
        assert_eq!(context.of(&Carrier::default()), context);
        assert_eq!(serde_json::from_str::<Carrier>("{}").unwrap(), Carrier::default());
        assert_eq!(serde_json::to_string(&Carrier::default()).unwrap(), "{}");
    }

    #[test]
    fn a_correlation_id_that_could_harm_a_log_is_none() {
        for bad in ["", "a b", "a\nb", "ü", &"x".repeat(129)] {
            assert_eq!(clean_correlation_id(Some(bad)), None, "{bad:?}");
        }
        assert_eq!(clean_correlation_id(Some("Order/17:a-b_c")), Some("Order/17:a-b_c"));
    }
}
