//! What of a request goes through to its target: its method, the path below `/requests/{target}`, its query and headers.
//!
//! Whether a target takes it is decided in [`forward`](crate::decide::forward).

use tenfold_pattern::http::forwarding::{may_be_below, of_query, of_request, size};
use tenfold_ports::api::{Fault, Problem, Request};
use tenfold_ports::context::{CORRELATION_ID, TRACEPARENT};
use tenfold_ports::downstream::Method;
use tenfold_ports::{Context, SmolStr, TraceContext};

use crate::call::HEADERS_MOST;
use crate::config::Forward;
use crate::decide::forward::NotForwarded;
use crate::passage::Passage;

/// The longest path and query, in bytes: a row has room for them.
const URL_MOST: usize = 8 * 1024;
/// The headers that are read here, and sent on as the pattern's own.
const READ: [&str; 6] =
    ["idempotency-key", "ordering-key", "tenant", "content-type", TRACEPARENT, CORRELATION_ID];

/// Parses what of a request goes through.
pub(super) fn passage(method: Method, request: &Request, context: &Context) -> Result<Passage, Problem> {
    let path = below_target(&request.path);
    let mut faults = Vec::new();
    if !path.is_empty()
        && let Err(why) = may_be_below(path)
    {
        faults.push(Fault::new("path", why));
    }
    let query = of_query(&request.query);
    let long = path.len() + query.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if long > URL_MOST {
        let detail = format!("path and query have {long} bytes; at most {URL_MOST} are taken");
        faults.push(Fault::new("path", detail));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let mut headers = of_request(&request.headers);
    let other_trace = !is_of_trace(request, context);
    headers.retain(|(name, _)| {
        let of_other_trace = name == "tracestate" && other_trace;
        !READ.contains(&name.as_str()) && !of_other_trace
    });
    if size(&headers) > HEADERS_MOST {
        let detail = format!("the headers have more than {HEADERS_MOST} bytes in all");
        return Err(Problem::new(431, "headers-too-large", "The headers are too large", detail));
    }
    Ok(Passage { method, path: path.into(), query, headers })
}

/// What stands behind `/requests/{target}`, as it was sent.
fn below_target(path: &str) -> &str {
    path.match_indices('/').nth(2).map_or("", |(at, _)| &path[at..])
}

/// Whether the trace is the caller's, to which its `tracestate` belongs (W3C Trace Context §3.4).
fn is_of_trace(request: &Request, context: &Context) -> bool {
    let caller = request.header(TRACEPARENT).and_then(|header| TraceContext::parse(header));
    caller.is_some_and(|caller| caller.trace_id() == context.trace.trace_id())
}

/// What a request is answered that its target does not take.
pub(super) fn not_forwarded(
    refusal: NotForwarded,
    forward: &Forward,
    method: Method,
    path: &SmolStr,
) -> Problem {
    match refusal {
        NotForwarded::Method => {
            let allowed: Vec<_> = forward.methods.iter().map(|method| method.name()).collect();
            Problem::method_not_allowed(method.name(), &allowed)
        }
        NotForwarded::Path => Problem::no_route(path),
        NotForwarded::Query => {
            let detail = "the target takes no query; forward.query of its configuration lets one through";
            Problem::invalid(vec![Fault::new("query", detail)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_below_a_target_is_as_it_was_sent() {
        for (path, below) in
            [("/requests/pay", ""), ("/requests/pay/", "/"), ("/requests/pay/a%2Fb//c/", "/a%2Fb//c/")]
        {
            assert_eq!(below_target(path), below);
        }
    }
}
