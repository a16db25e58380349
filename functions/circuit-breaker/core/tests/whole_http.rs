//! What goes through to a target and back, and what an answer means: the API on handlers in memory.

use circuit_breaker_core::call::BODY_MOST;
use jiff::SignedDuration;
use serde_json::Value;
use tenfold_ports::api::{Request, Response};
use tenfold_ports::downstream::Method;
use tenfold_ports::{Bytes, Context};

use crate::lab::{Lab, header, lab, request};

const OPEN: &str =
    r#","forward":{"methods":["POST","PUT","PATCH","DELETE","GET","HEAD"],"paths":["/"],"query":true}"#;
const NO_BREAK: &str = r#","minimumCalls":100,"retry":{"baseDelayMs":10,"maxDelayMs":10}"#;

fn of<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    response.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
}

fn kind(response: &Response) -> String {
    let problem: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    problem["type"].as_str().unwrap_or_default().replace("urn:tenfold:problem:", "")
}

fn answer_with(lab: &Lab<'_>, status: u16, headers: &[(&str, &str)]) {
    lab.seen.status.set(status);
    *lab.seen.headers.borrow_mut() =
        headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
}

fn keyed(method: &str, path: &str, key: &str) -> Request {
    request(method, path, &[("idempotency-key", key)], "{}")
}

/// The state of the only request.
fn view(lab: &Lab<'_>, response: &Response) -> Value {
    let promised: Value = serde_json::from_slice(&response.body).unwrap();
    let path = format!("/requests/{}", promised["requestId"].as_str().unwrap());
    serde_json::from_slice(&lab.get(&path).body).unwrap()
}

#[test]
fn method_path_query_and_headers_reach_the_target() {
    lab(OPEN, |lab| {
        let headers = [
            ("idempotency-key", "k"),
            ("accept", "application/json"),
            ("x-many", "a"),
            ("x-many", "b"),
            ("if-match", "\"7\""),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("authorization", "AWS4-HMAC-SHA256 Credential=x"),
        ];
        let sent = request("PATCH", "/requests/pay/orders/a%2Fb/?full=1&sort=a", &headers, "x");
        assert_eq!(lab.call(sent).status, 200);
        let calls = lab.seen.calls.borrow();
        let call = &calls[0];
        assert_eq!(call.method, Method::Patch);
        assert_eq!(call.url, "http://pay.example/orders/a%2Fb/?full=1&sort=a");
        let many: Vec<_> = call.headers.iter().filter(|(name, _)| name == "x-many").collect();
        assert_eq!(many.len(), 2);
        assert_eq!(header(call, "if-match").unwrap(), "\"7\"");
        for gone in ["connection", "x-hop", "x-forwarded-for", "authorization", "content-type"] {
            assert_eq!(header(call, gone), None, "{gone}");
        }
    });
}

#[test]
fn what_waits_is_sent_later_as_it_came() {
    let fields = format!("{OPEN}{NO_BREAK}");
    lab(&fields, |lab| {
        answer_with(lab, 503, &[]);
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let headers = [
            ("idempotency-key", "k"),
            ("content-encoding", "gzip"),
            ("baggage", "user=7"),
            ("traceparent", trace),
            ("tracestate", "vendor=1"),
        ];
        let body = Bytes::from_static(b"\x1f\x8b\x00\xff");
        let sent = request("PUT", "/requests/pay/a?b=1", &headers, body.clone());
        let response = lab.call_in(sent, lab.traced(trace, "order-17"));
        assert_eq!(response.status, 202);
        answer_with(lab, 200, &[]);
        lab.world.pass(SignedDuration::from_mins(1));
        lab.process();
        let calls = lab.seen.calls.borrow();
        let [first, second] = &calls[..] else { panic!("{calls:?}") };
        assert_eq!((first.method, &first.url, &first.body), (second.method, &second.url, &second.body));
        assert_eq!(second.body, body);
        for name in ["content-encoding", "baggage", "tracestate", "idempotency-key", "x-correlation-id"] {
            assert_eq!(header(first, name), header(second, name), "{name}");
            assert!(header(second, name).is_some(), "{name}");
        }
        let shown = view(lab, &response);
        assert_eq!(
            (&shown["status"], &shown["method"], &shown["path"]),
            (&"delivered".into(), &"PUT".into(), &"/a".into())
        );
    });
}

/// Another trace's state would be nobody's.
#[test]
fn a_tracestate_goes_only_with_its_own_trace() {
    lab("", |lab| {
        let headers = [("idempotency-key", "k"), ("traceparent", "nonsense"), ("tracestate", "vendor=1")];
        lab.call(request("POST", "/requests/pay", &headers, ""));
        assert_eq!(header(&lab.seen.calls.borrow()[0], "tracestate"), None);
    });
}

#[test]
fn the_answer_comes_back_with_its_headers_and_so_does_its_repetition() {
    lab(OPEN, |lab| {
        answer_with(
            lab,
            201,
            &[
                ("content-type", "text/plain"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
                ("etag", "\"1\""),
                ("connection", "close"),
                ("content-length", "4"),
                ("location", "7"),
            ],
        );
        for repeated in [false, true] {
            let response = lab.call(keyed("POST", "/requests/pay/orders/", "k"));
            assert_eq!(response.status, 201);
            let cookies = of(&response, "set-cookie");
            assert_eq!(
                cookies,
                if repeated { vec![] } else { vec!["a=1", "b=2"] },
                "they are of whoever was first"
            );
            assert_eq!(of(&response, "etag"), ["\"1\""]);
            assert_eq!(of(&response, "content-type"), ["text/plain"]);
            assert_eq!(of(&response, "location"), ["/live/requests/pay/orders/7"], "below this API");
            assert!(of(&response, "connection").is_empty() && of(&response, "content-length").is_empty());
            assert_eq!(of(&response, "idempotent-replayed").len(), usize::from(repeated));
        }
        assert_eq!(lab.seen.calls.borrow().len(), 1);
    });
}

#[test]
fn a_location_elsewhere_is_absolute() {
    lab("", |lab| {
        for (key, location, expected) in [
            ("a", "/orders/7", "http://pay.example/orders/7"),
            ("b", "https://b.example/x", "https://b.example/x"),
        ] {
            answer_with(lab, 201, &[("location", location)]);
            let response = lab.call(keyed("POST", "/requests/pay", key));
            assert_eq!(of(&response, "location"), [expected]);
        }
    });
}

#[test]
fn hundreds_of_headers_come_back_and_too_many_bytes_do_not() {
    lab("", |lab| {
        let names: Vec<String> = (0..400).map(|n| format!("x-{n}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
        answer_with(lab, 200, &many);
        assert_eq!(lab.post("a").headers.len(), 400);
        answer_with(lab, 200, &[("x-long", &"x".repeat(11 * 1024))]);
        for _ in 0..2 {
            let response = lab.post("b");
            assert_eq!((response.status, kind(&response)), (502, "answer-too-large".to_owned()));
        }
    });
}

#[test]
fn what_only_asks_is_passed_on_and_never_parked() {
    lab(OPEN, |lab| {
        let before = lab.items();
        let response = lab.call(request("GET", "/requests/pay/orders/7?full=1", &[("tenant", "blue")], ""));
        assert_eq!((response.status, &response.body[..]), (200, &b"done"[..]));
        assert_eq!(header(&lab.seen.calls.borrow()[0], "tenant").unwrap(), "blue");
        answer_with(lab, 503, &[("retry-after", "7")]);
        let response = lab.call(request("HEAD", "/requests/pay", &[], ""));
        assert_eq!((response.status, of(&response, "retry-after")), (503, vec!["7"]), "the target's own");
        assert!(lab.messages(lab.stack.queue).is_empty());
        let requests = |items: &[tenfold_ports::table::Item]| {
            items.iter().filter(|item| item.key.pk.starts_with("request#")).count()
        };
        assert_eq!((requests(&before), requests(&lab.items())), (0, 0));
        lab.call(request("POST", "/targets/pay/state", &[], r#"{"force":"open"}"#));
        let response = lab.call(request("GET", "/requests/pay", &[], ""));
        assert_eq!((response.status, kind(&response)), (503, "breaker-open".to_owned()));
    });
}

#[test]
fn what_only_asks_counts() {
    let fields = format!(r#"{OPEN},"minimumCalls":2,"window":{{"size":2}},"openDurationMs":60000"#);
    lab(&fields, |lab| {
        answer_with(lab, 500, &[]);
        for _ in 0..2 {
            assert_eq!(lab.get("/requests/pay/x").status, 500);
        }
        let response = lab.get("/requests/pay/x");
        assert_eq!((response.status, kind(&response)), (503, "breaker-open".to_owned()));
        assert_eq!(of(&response, "retry-after").len(), 1);
    });
}

#[test]
fn a_path_that_is_no_longer_forwarded_is_not_called() {
    let fields = format!("{OPEN}{NO_BREAK}");
    lab(&fields, |lab| {
        answer_with(lab, 503, &[]);
        let response = lab.call(keyed("POST", "/requests/pay/a", "k"));
        answer_with(lab, 200, &[]);
        let narrow = format!(r#"{{"url":"http://pay.example/"{NO_BREAK}}}"#);
        assert_eq!(lab.call(request("PUT", "/targets/pay", &[], narrow)).status, 200);
        lab.world.pass(SignedDuration::from_mins(1));
        lab.process();
        let shown = view(lab, &response);
        assert_eq!(shown["status"], "dead");
        assert!(shown["reason"].as_str().unwrap().contains("forward.paths"), "{shown}");
        assert_eq!(lab.seen.calls.borrow().len(), 1);
    });
}

#[test]
fn a_refused_request_is_dead_with_its_answer_and_its_key_says_so() {
    lab(NO_BREAK, |lab| {
        answer_with(lab, 503, &[]);
        let response = lab.post("k");
        answer_with(lab, 404, &[("content-type", "text/plain")]);
        lab.world.pass(SignedDuration::from_mins(1));
        assert_eq!(lab.process().dead, 1);
        let shown = view(lab, &response);
        assert_eq!((&shown["status"], &shown["answer"]["status"]), (&"dead".into(), &404.into()));
        assert_eq!(shown["answer"]["body"], "done");
        assert_eq!(lab.messages(lab.stack.dead_letters).len(), 1);
        let repeated = lab.post("k");
        assert_eq!((repeated.status, kind(&repeated)), (409, "request-dead".to_owned()));
        answer_with(lab, 200, &[]);
        assert_eq!(lab.call(request("POST", "/targets/pay/redrive", &[], "")).status, 200);
        assert_eq!(view(lab, &response).get("answer"), None);
        lab.world.pass(SignedDuration::from_mins(1));
        lab.process();
        assert_eq!(view(lab, &response)["status"], "delivered");
    });
}

#[test]
fn a_status_that_means_done_delivers() {
    let fields = format!(r#"{NO_BREAK},"doneStatuses":[409]"#);
    lab(&fields, |lab| {
        answer_with(lab, 503, &[]);
        let response = lab.post("k");
        answer_with(lab, 409, &[]);
        lab.world.pass(SignedDuration::from_mins(1));
        assert_eq!(lab.process().delivered, 1);
        assert_eq!(view(lab, &response)["status"], "delivered");
    });
}

#[test]
fn a_large_request_has_room_for_a_large_refusal() {
    lab(NO_BREAK, |lab| {
        answer_with(lab, 503, &[]);
        let body = vec![b'x'; BODY_MOST];
        let response = lab.call(request("POST", "/requests/pay", &[("idempotency-key", "k")], body));
        let long = "x".repeat(10_000);
        answer_with(lab, 400, &[("x-why", &long)]);
        lab.world.pass(SignedDuration::from_mins(1));
        assert_eq!(lab.process().dead, 1);
        assert_eq!(view(lab, &response)["answer"]["status"], 400);
    });
}

/// Nothing was done.
#[test]
fn a_401_is_no_keys_answer() {
    lab("", |lab| {
        answer_with(lab, 401, &[]);
        assert_eq!(lab.post("k").status, 401);
        answer_with(lab, 200, &[]);
        assert_eq!(lab.post("k").status, 200);
    });
}

/// A version that knows of no method would post it to the URL itself.
#[test]
fn what_is_no_plain_post_is_not_readable_for_a_version_of_before() {
    let fields = format!("{OPEN}{NO_BREAK}");
    lab(&fields, |lab| {
        answer_with(lab, 503, &[]);
        for (method, path, key) in [("POST", "/requests/pay", "a"), ("DELETE", "/requests/pay/7", "b")] {
            assert_eq!(lab.call(keyed(method, path, key)).status, 202);
        }
        let items = lab.items();
        let statuses = items.iter().filter_map(|item| item.text("status").ok().map(ToString::to_string));
        let mut statuses: Vec<_> = statuses.collect();
        statuses.sort();
        assert_eq!(statuses, ["queued", "queued-as-sent"]);
        answer_with(lab, 200, &[]);
        lab.world.pass(SignedDuration::from_mins(1));
        assert_eq!(lab.process().delivered, 2);
    });
}

#[test]
fn what_waits_for_a_deleted_target_is_not_sent_to_the_next_of_its_name() {
    lab(NO_BREAK, |lab| {
        answer_with(lab, 503, &[]);
        let response = lab.post("k");
        answer_with(lab, 200, &[]);
        assert_eq!(lab.call(request("DELETE", "/targets/pay?waiting=cancel", &[], "")).status, 204);
        lab.world.pass(SignedDuration::from_secs(10));
        let again = format!(r#"{{"url":"http://other.example/"{NO_BREAK}}}"#);
        assert_eq!(lab.call(request("PUT", "/targets/pay", &[], again)).status, 201);
        lab.world.pass(SignedDuration::from_mins(1));
        assert_eq!(lab.process().dead, 1);
        assert_eq!(view(lab, &response)["reason"], "its target was deleted");
    });
}

#[test]
fn a_202_of_the_targets_own_is_told_from_ours() {
    lab(NO_BREAK, |lab| {
        answer_with(lab, 202, &[("location", "/jobs/7"), ("tenfold-request-id", "lie")]);
        assert!(of(&lab.post("a"), "tenfold-request-id").is_empty());
        answer_with(lab, 503, &[]);
        assert_eq!(of(&lab.post("b"), "tenfold-request-id").len(), 1);
    });
}

#[test]
fn a_passing_failure_frees_its_key() {
    lab(r#","ignoredStatuses":[429]"#, |lab| {
        answer_with(lab, 429, &[("retry-after", "9")]);
        let first = lab.post("k");
        assert_eq!((first.status, of(&first, "retry-after")), (429, vec!["9"]));
        answer_with(lab, 200, &[]);
        let second = lab.post("k");
        assert_eq!((second.status, of(&second, "idempotent-replayed").len()), (200, 0));
        let third = lab.post("k");
        assert_eq!((third.status, of(&third, "idempotent-replayed").len()), (200, 1));
    });
}

/// A claim is of its caller, who sends the request again.
#[test]
fn a_claim_and_an_answer_keep_nothing_of_the_request() {
    lab(OPEN, |lab| {
        let secret = [("idempotency-key", "k"), ("authorization", "Bearer hush")];
        lab.call(request("POST", "/requests/pay?token=hush", &secret, "hush"));
        let kept = format!("{:?}", lab.items());
        assert!(!kept.contains("hush"), "{kept}");
    });
}

#[test]
fn a_health_check_that_finds_nothing_is_failed() {
    lab(r#","healthUrl":"http://pay.example/health","halfOpenProbes":1,"openDurationMs":1000"#, |lab| {
        let deadline = || Context::until(lab.world.now() + SignedDuration::from_secs(60));
        answer_with(lab, 500, &[]);
        for n in 0..10 {
            lab.post(&format!("k{n}"));
        }
        lab.world.pass(SignedDuration::from_secs(5));
        for (status, failed) in [(404, 1), (302, 1), (204, 0)] {
            answer_with(lab, status, &[]);
            let checked = lab.monitor(deadline());
            assert_eq!((checked.checks, checked.failed), (1, failed), "{status}");
            lab.world.pass(SignedDuration::from_mins(11));
        }
    });
}

#[test]
fn a_key_that_was_answered_is_so_also_where_its_path_is_no_longer_forwarded() {
    lab(OPEN, |lab| {
        assert_eq!(lab.call(keyed("PUT", "/requests/pay/7", "k")).status, 200);
        assert_eq!(
            lab.call(request("PUT", "/targets/pay", &[], r#"{"url":"http://pay.example/"}"#)).status,
            200
        );
        let repeated = lab.call(keyed("PUT", "/requests/pay/7", "k"));
        assert_eq!((repeated.status, of(&repeated, "idempotent-replayed").len()), (200, 1));
        assert_eq!(lab.call(keyed("PUT", "/requests/pay/7", "l")).status, 404);
    });
}
