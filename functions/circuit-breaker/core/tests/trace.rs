//! One trace and one correlation id from the API over the row to the target, hours later.

use crate::lab::{header, lab, request};
use crate::world::{config, put_breaker, rows};
use circuit_breaker_core::decide::breaker::BreakerState;
use tenfold_ports::downstream::Call;

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const RUN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// The trace id, the span id and the correlation id that a call carries.
fn carried(call: &Call) -> [String; 3] {
    let trace: Vec<&str> = header(call, "traceparent").unwrap().split('-').collect();
    let correlation = header(call, "x-correlation-id").unwrap();
    [trace[1].to_owned(), trace[2].to_owned(), correlation.to_string()]
}

#[test]
fn a_parked_request_is_delivered_in_the_trace_of_its_caller() {
    lab(r#","retry":{"baseDelayMs":10}"#, |lab| {
        lab.seen.status.set(500);
        for (key, ordering) in [("a", "k"), ("b", "k")] {
            let headers = [("idempotency-key", key), ("ordering-key", ordering)];
            let request = request("POST", "/requests/pay", &headers, "{}");
            let context = lab.traced(CALLER, &format!("order-{key}"));
            assert_eq!(lab.call_in(request, context).status, 202);
        }
        for row in rows(lab.world) {
            assert_eq!(row.data.carrier.traceparent.unwrap(), CALLER);
            assert_eq!(row.data.carrier.correlation.unwrap(), format!("order-{}", row.data.key));
        }
        lab.seen.status.set(200);
        lab.process_in(lab.traced(RUN, "run-1"));
        let calls = lab.seen.calls.borrow();
        let [first, a, b] = &calls[..] else { panic!("{calls:?}") };
        let (trace, span, run) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7");
        assert_eq!(carried(first), [trace, span, "order-a"]);
        assert_eq!(carried(a), [trace, run, "order-a"], "the span is that of the function that calls");
        assert_eq!(carried(b), [trace, run, "order-b"], "the next of the group has its own");
    });
}

#[test]
fn a_dead_letter_and_a_redrive_keep_the_trace() {
    lab(r#","retry":{"maxAttempts":1,"baseDelayMs":10}"#, |lab| {
        lab.seen.status.set(500);
        let post = request("POST", "/requests/pay", &[("idempotency-key", "a")], "{}");
        assert_eq!(lab.call_in(post, lab.traced(CALLER, "order-a")).status, 202);
        assert_eq!(lab.process_in(lab.traced(RUN, "run-1")).dead, 1);
        let letters = lab.messages(lab.stack.dead_letters);
        assert!(letters[0].contains(CALLER) && letters[0].contains("order-a"), "{letters:?}");
        lab.seen.status.set(200);
        let redrive = request("POST", "/targets/pay/redrive", &[], "");
        assert_eq!(lab.call_in(redrive, lab.traced(RUN, "a person")).status, 200);
        assert_eq!(lab.process_in(lab.traced(RUN, "run-2")).delivered, 1);
        let calls = lab.seen.calls.borrow();
        assert_eq!(carried(calls.last().unwrap())[2], "order-a");
    });
}

#[test]
fn a_health_check_belongs_to_the_run_of_the_monitor() {
    let fields = r#","healthUrl":"http://pay.example/health""#;
    lab(fields, |lab| {
        put_breaker(lab.world, &config(fields), BreakerState::Open { until: lab.world.now() });
        lab.monitor(lab.traced(RUN, "run-1"));
        let calls = lab.seen.calls.borrow();
        assert_eq!(carried(&calls[0]), ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "run-1"]);
    });
}
