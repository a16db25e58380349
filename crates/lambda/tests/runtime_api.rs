//! A real process against a Runtime API of the test's own: what it posts, logs and exits with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const GET: &str = include_str!("events/api-get.json");

/// What X-Ray calls every invocation's trace.
const XRAY: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

/// What a process posted: the path below `/2018-06-01/runtime`, and the body.
type Posted = (String, Value);

/// Runs the example `probe`, gives it `events` one after the other, and ends it.
fn probe(kind: &str, more: &[(&str, &str)], events: &[&str]) -> (Vec<Posted>, Vec<Value>, Output) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut process = Command::new(example())
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", &address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "probe")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("PROBE_KIND", kind)
        .envs(more.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut posted = Vec::new();
    let mut waiting = events.iter().enumerate();
    'connections: for stream in listener.incoming() {
        let stream = stream.unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((path, body)) = request(&mut reader) {
            if path == "/invocation/next" {
                let Some((i, event)) = waiting.next() else {
                    process.kill().unwrap();
                    break 'connections;
                };
                let id = format!("r-{i}");
                let deadline = "1700000000000";
                let head = [
                    ("lambda-runtime-aws-request-id", id.as_str()),
                    ("lambda-runtime-deadline-ms", deadline),
                    ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:1:function:probe"),
                    ("lambda-runtime-trace-id", XRAY),
                ];
                answer(&stream, "200 OK", &head, event);
            } else {
                let end = path == "/init/error";
                posted.push((path, serde_json::from_str(&body).unwrap()));
                answer(&stream, "202 Accepted", &[], "{}");
                if end {
                    break 'connections;
                }
            }
        }
    }
    let output = process.wait_with_output().unwrap();
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    (posted, lines, output)
}

fn example() -> PathBuf {
    // target/<profile>/deps/runtime_api-… beside target/<profile>/examples/probe.
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/probe")
}

/// The path below the Runtime API's version and the body; none when the connection ended.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1).unwrap().strip_prefix("/2018-06-01/runtime").unwrap().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
        assert!(!name.eq_ignore_ascii_case("transfer-encoding"), "no chunks here");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some((path, String::from_utf8(body).unwrap()))
}

fn answer(mut stream: &TcpStream, status: &str, headers: &[(&str, &str)], body: &str) {
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
    // In one piece: a process that has read what it wanted may be gone before a second.
    stream.write_all(answer.as_bytes()).unwrap();
}

fn line<'a>(lines: &'a [Value], message: &str, request_id: &str) -> &'a Value {
    let found = lines.iter().find(|l| l["message"] == message && l["request_id"] == request_id);
    found.unwrap_or_else(|| panic!("no line {message:?} of {request_id} in {lines:#?}"))
}

#[test]
fn an_api_request_is_answered_and_its_lines_tell_of_it() {
    let (posted, lines, _) = probe("api", &[], &[GET, GET]);
    let [(path, body), (second, _)] = &posted[..] else { panic!("two answers: {posted:#?}") };
    assert_eq!((path.as_str(), second.as_str()), ("/invocation/r-0/response", "/invocation/r-1/response"));
    assert_eq!(body["statusCode"], 200);
    assert_eq!(body["body"], r#"{"id":"order-17","path":"/breakers/payments/why"}"#);

    let working = line(&lines, "working", "r-0");
    assert_eq!(working["function"], "test-probe");
    assert_eq!(working["correlation_id"], "order-17");
    assert_eq!(working["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    let (first, second) = (line(&lines, "answered", "r-0"), line(&lines, "answered", "r-1"));
    assert_eq!((&first["cold_start"], &second["cold_start"]), (&json!(true), &json!(false)));
    assert!(first["init_ms"].is_number() && second["init_ms"].is_null());
    assert_eq!((&first["status"], &first["aws_calls"]), (&json!(200), &json!({"dynamodb:GetItem": 1})));
}

#[test]
fn a_panic_is_an_answer_of_500_and_the_process_goes_on() {
    let panic = GET.replacen("/breakers/payments/why", "/panic", 1);
    let (posted, lines, output) = probe("api", &[], &[&panic, GET]);
    assert_eq!(
        (posted[0].1["statusCode"].as_u64(), posted[1].1["statusCode"].as_u64()),
        (Some(500), Some(200))
    );
    let problem: Value = serde_json::from_str(posted[0].1["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["type"], "urn:tenfold:problem:internal-error");
    assert!(problem["detail"].as_str().unwrap().contains("r-0"), "{problem}");
    assert_eq!(posted[0].1["headers"]["content-type"], "application/problem+json");
    let panicked = line(&lines, "panicked", "r-0");
    assert_eq!((&panicked["level"], &panicked["panic"]), (&json!("ERROR"), &json!("boom")));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_bad_api_event_fails_the_invocation() {
    let (posted, _, _) = probe("api", &[], &[r#"{"Records": []}"#]);
    let (path, body) = &posted[0];
    assert_eq!((path.as_str(), &body["errorType"]), ("/invocation/r-0/error", &json!("BadEvent")));
}

#[test]
fn a_header_that_http_does_not_allow_is_answered_with_400() {
    let bad = GET.replacen("order-17", "order\\u0007", 2);
    let more = GET.replacen("\"Accept\": \"*/*\"", "\"X-A\": \"\\u0007\"", 1);
    let (posted, lines, _) = probe("api", &[], &[&bad, &more, GET]);
    let (path, body) = &posted[0];
    assert_eq!((path.as_str(), &body["statusCode"]), ("/invocation/r-0/response", &json!(400)));
    let problem: Value = serde_json::from_str(body["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["type"], "urn:tenfold:problem:invalid-request");
    assert_eq!(problem["errors"][0]["at"], "header:X-Correlation-Id");
    assert_eq!((&posted[1].1["statusCode"], &posted[2].1["statusCode"]), (&json!(400), &json!(200)));

    let why = line(&lines, "the request has headers that are not allowed", "r-1");
    assert_eq!((&why["level"], &why["correlation_id"]), (&json!("WARN"), &json!("order-17")));
    assert_eq!(why["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert!(why["why"].as_str().unwrap().starts_with("header:X-A: the value"), "{why}");
}

#[test]
fn where_x_ray_traces_its_trace_is_ours() {
    let (_, lines, _) = probe("api", &[("XRAY_TRACING", "true")], &[GET]);
    assert_eq!(line(&lines, "working", "r-0")["trace_id"], "5759e988bd862e3fe1be46a994272793");
}

#[test]
fn an_event_is_answered_or_fails_under_a_fixed_name() {
    let events = [
        r#"{"answer": [1, {"b": 2.50}]}"#,
        r#""fail""#,
        r#""panic""#,
        r#"{"dance": 1}"#,
        r#"{"panic_at": 1}"#,
    ];
    let (posted, lines, _) = probe("event", &[], &events);
    assert_eq!(posted[0], ("/invocation/r-0/response".to_owned(), json!([1, {"b": 2.5}])));
    let failed: Vec<_> = posted[1..].iter().map(|(path, body)| (path.as_str(), &body["errorType"])).collect();
    let expected = [
        ("/invocation/r-1/error", &json!("AskedFor")),
        ("/invocation/r-2/error", &json!("Panic")),
        ("/invocation/r-3/error", &json!("BadEvent")),
        ("/invocation/r-4/error", &json!("Panic")),
    ];
    assert_eq!(failed, expected);
    assert_eq!(posted[2].1["errorMessage"], "boom");
    assert!(posted[3].1["errorMessage"].as_str().unwrap().contains("dance"), "{posted:#?}");
    assert_eq!(line(&lines, "failed", "r-4")["error"], "boom");
    let line = line(&lines, "failed", "r-1");
    assert_eq!(
        (&line["error_type"], &line["error"], &line["level"]),
        (&json!("AskedFor"), &json!("as asked for"), &json!("ERROR"))
    );
    // The runtime's client says nothing more of it.
    assert_eq!(lines.iter().filter(|l| l["request_id"] == "r-1").count(), 1, "{lines:#?}");
}

#[test]
fn a_bad_configuration_is_one_line_an_init_error_and_a_failed_process() {
    let (posted, lines, output) = probe("", &[("PROBE_LIMIT", "many")], &[]);
    let message =
        "bad configuration: PROBE_LIMIT is `many`, expected a number; PROBE_KIND is not set, expected text";
    let (path, body) = &posted[0];
    assert_eq!((path.as_str(), posted.len()), ("/init/error", 1));
    assert_eq!((&body["errorType"], &body["errorMessage"]), (&json!("ConfigError"), &json!(message)));
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(
        (&lines[0]["message"], &lines[0]["error"]),
        (&json!("function did not start"), &json!(message))
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_panic_while_starting_is_an_init_error() {
    let (posted, _, output) = probe("panic", &[], &[]);
    assert_eq!((posted[0].0.as_str(), &posted[0].1["errorType"]), ("/init/error", &json!("Panic")));
    assert_eq!(output.status.code(), Some(1));
}
