//! W3C Trace Context: who called whom, in one header.

use std::num::{NonZeroU64, NonZeroU128};

use crate::Rng;

/// A place in a trace. Neither of its ids is zero, which the standard forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace: NonZeroU128,
    span: NonZeroU64,
    sampled: bool,
}

impl TraceContext {
    /// The trace that a run in the deterministic world belongs to where nobody names another.
    pub const UNKNOWN: Self = Self { trace: NonZeroU128::MIN, span: NonZeroU64::MIN, sampled: false };

    /// A new trace, sampled.
    pub fn new(rng: &impl Rng) -> Self {
        let wide = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
        Self { trace: NonZeroU128::new(wide).unwrap_or(NonZeroU128::MIN), span: span(rng), sampled: true }
    }

    /// Another place in the same trace: what this function passes on to those that it calls.
    #[must_use]
    pub fn child(&self, rng: &impl Rng) -> Self {
        Self { span: span(rng), ..*self }
    }

    /// This place, in the trace of a caller that came to be known only later.
    #[must_use]
    pub const fn within(&self, caller: &Self) -> Self {
        Self { span: self.span, ..*caller }
    }

    /// Reads a `traceparent` header; none when it is not valid, so that the caller begins a new trace.
    ///
    /// Takes version `00` exactly, and of later ones (but `ff`) what version `00` has too, as the standard
    /// asks.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = hex(version, 2)?;
        let known = version == 0 && parts.next().is_none() || version > 0 && version < 0xff;
        let (trace, span, flags) = (hex(trace, 32)?, hex(span, 16)?, hex(flags, 2)?);
        let (trace, span) = (NonZeroU128::new(trace)?, NonZeroU64::new(u64::try_from(span).ok()?)?);
        known.then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }

    /// Reads the `Lambda-Runtime-Trace-Id` of AWS X-Ray (`Root=1-<8>-<24>;Parent=<16>;Sampled=1`), so that
    /// log lines and X-Ray name a trace alike where no `traceparent` came.
    #[must_use]
    pub fn from_xray(header: &str) -> Option<Self> {
        let field = |name: &str| header.split(';').find_map(|part| part.trim().strip_prefix(name));
        let (epoch, unique) = field("Root=1-")?.split_once('-')?;
        let trace = hex(epoch, 8)? << 96 | hex(unique, 24)?;
        let span = u64::try_from(hex(field("Parent=")?, 16)?).ok()?;
        let sampled = field("Sampled=") == Some("1");
        Some(Self { trace: NonZeroU128::new(trace)?, span: NonZeroU64::new(span)?, sampled })
    }

    /// The `traceparent` header.
    #[must_use]
    pub fn to_header(&self) -> String {
        let mut header = String::with_capacity(55);
        header.push_str("00-");
        push_hex(&mut header, self.trace.get(), 32);
        header.push('-');
        push_hex(&mut header, self.span.get().into(), 16);
        header.push_str(if self.sampled { "-01" } else { "-00" });
        header
    }

    /// The trace's id: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// This place's id: 16 hexadecimal digits.
    #[must_use]
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }

    /// Whether whoever began the trace records it.
    #[must_use]
    pub const fn sampled(&self) -> bool {
        self.sampled
    }
}

fn span(rng: &impl Rng) -> NonZeroU64 {
    NonZeroU64::new(rng.next_u64()).unwrap_or(NonZeroU64::MIN)
}

/// Writes a number in exactly so many hexadecimal digits. Every call has a header to write, and formatting takes longer.
fn push_hex(text: &mut String, number: u128, digits: u32) {
    for digit in (0..digits).rev() {
        let digit = (number >> (4 * digit) & 0xf) as u32;
        text.extend(char::from_digit(digit, 16));
    }
}

/// A number of exactly `digits` hexadecimal digits in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let valid = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    valid.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers that differ.
    #[derive(Default)]
    struct Ids(std::cell::Cell<u64>);

    impl crate::Rng for Ids {
        fn next_u64(&self) -> u64 {
            self.0.set(self.0.get() + 1);
            self.0.get()
        }
    }

    const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_header_comes_back_as_it_came() {
        let trace = TraceContext::parse(HEADER).unwrap();
        assert_eq!(trace.to_header(), HEADER);
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.span_id(), "b7ad6b7169203331");
        assert!(trace.sampled());
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = HEADER.replacen("00", "cc", 1) + "-what-the-future-brings";
        assert_eq!(TraceContext::parse(&later), TraceContext::parse(HEADER));
    }

    #[test]
    fn what_the_standard_forbids_is_no_context() {
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_child_stays_in_the_trace() {
        let rng = Ids::default();
        let parent = TraceContext::parse(HEADER).unwrap();
        let child = parent.child(&rng);
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child.span_id(), parent.span_id());
        assert!(child.sampled());
        assert_ne!(TraceContext::new(&rng).trace_id(), TraceContext::new(&rng).trace_id());
    }

    #[test]
    fn x_ray_names_the_same_trace() {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:0";
        let trace = TraceContext::from_xray(header).unwrap();
        assert_eq!(trace.to_header(), "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00");
        assert_eq!(TraceContext::from_xray("Root=1-5759e988-bd862e3fe1be46a994272793"), None);
        assert_eq!(TraceContext::from_xray("nonsense"), None);
    }

    proptest! {
        #[test]
        fn any_context_survives_its_header(trace in 1..=u128::MAX, span in 1..=u64::MAX, sampled: bool) {
            let context = TraceContext {
                trace: NonZeroU128::new(trace).unwrap(),
                span: NonZeroU64::new(span).unwrap(),
                sampled,
            };
            prop_assert_eq!(TraceContext::parse(&context.to_header()), Some(context));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".*") {
            if let Some(context) = TraceContext::parse(&text) {
                prop_assert!(TraceContext::parse(&context.to_header()).is_some());
            }
            let _ = TraceContext::from_xray(&text);
        }
    }
}
