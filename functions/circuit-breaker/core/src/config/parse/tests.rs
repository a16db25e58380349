use super::*;

fn faults(body: &str) -> Vec<String> {
    let faults = TargetConfig::parse(body.as_bytes()).expect_err(body);
    faults.into_iter().map(|fault| fault.at).collect()
}

#[test]
fn only_the_url_is_needed() {
    let config = TargetConfig::parse(br#"{"url":"https://pay.example/charge"}"#).unwrap();
    assert_eq!(config.url, "https://pay.example/charge");
    assert_eq!((config.minimum_calls, config.window.size), (10, 100));
    assert_eq!(config.slow_call_duration_ms, config.timeout_ms);
    assert_eq!(config.idempotency, Idempotency::Gateway);
}

#[test]
fn what_is_stored_reads_back() {
    let config = TargetConfig::parse(
        br#"{"url":"http://a.example/","window":{"type":"time","size":30},"ignoredStatuses":[404]}"#,
    )
    .unwrap();
    let text = serde_json::to_vec(&config).unwrap();
    assert_eq!(TargetConfig::parse(&text).unwrap(), config);
    assert_eq!(serde_json::from_slice::<TargetConfig>(&text).unwrap(), config);
}

#[test]
fn every_fault_of_any_kind_is_named_at_once() {
    let body = r#"{
        "url": "ftp://x", "healthUrl": 5, "timeoutMs": "5000", "failureRateThreshold": 0,
        "window": {"type": "calls", "size": 0, "length": 1}, "ignoredStatuses": ["404"],
        "idempotency": "nobody", "retry": {"maxAttempts": 0, "baseDelayMs": 1.5}, "colour": "red"
    }"#;
    let expected = [
        "/url",
        "/healthUrl",
        "/window/type",
        "/window/size",
        "/window/length",
        "/timeoutMs",
        "/ignoredStatuses",
        "/failureRateThreshold",
        "/idempotency",
        "/retry/baseDelayMs",
        "/retry/maxAttempts",
        "/colour",
    ];
    assert_eq!(faults(body), expected);
}

#[test]
fn what_depends_on_a_faulty_field_is_not_called_wrong() {
    for (body, at) in [
        (r#"{"url":"http://a","slowCallDurationMs":8000,"timeoutMs":"9 s"}"#, "/timeoutMs"),
        (r#"{"url":"http://a","minimumCalls":500,"window":{"size":"x"}}"#, "/window/size"),
        (r#"{"url":"http://a","minimumCalls":500,"window":{"type":"x","size":3000}}"#, "/window/type"),
        (r#"{"url":"http://a","minimumCalls":500,"window":[]}"#, "/window"),
        (r#"{"url":"http://a","openDurationMs":0,"maxOpenDurationMs":200}"#, "/openDurationMs"),
        (r#"{"url":"http://a","retry":{"baseDelayMs":0,"maxDelayMs":20}}"#, "/retry/baseDelayMs"),
    ] {
        assert_eq!(faults(body), [at], "{body}");
    }
}

#[test]
fn contradictions_are_refused() {
    for (body, at) in [
        (r#"{"url":"http://a","minimumCalls":11,"window":{"size":10}}"#, "/minimumCalls"),
        (r#"{"url":"http://a","slowCallDurationMs":3000,"timeoutMs":2000}"#, "/slowCallDurationMs"),
        (r#"{"url":"http://a","openDurationMs":2000,"maxOpenDurationMs":1000}"#, "/maxOpenDurationMs"),
        (r#"{"url":"http://a","retry":{"baseDelayMs":2000,"maxDelayMs":1000}}"#, "/retry/maxDelayMs"),
        (r#"{"url":"http://u:p@a"}"#, "/url"),
        (r#"{"url":"http://a#b"}"#, "/url"),
        (r#"{"url":"http://a","ignoredStatuses":[200]}"#, "/ignoredStatuses"),
        (r#"{"url":" http:a"}"#, "/url"),
        (r#"{"url":"http://a","window":["count",5]}"#, "/window"),
        (r#"{"url":"http://a","failureRateThreshold":5e-324}"#, "/failureRateThreshold"),
        (r#"["http://a"]"#, ""),
        (r#"{"url":"http://a","url":"http://b"}"#, "/url"),
        (r#"{"url":"http://a","colour":"red"}"#, "/colour"),
        (r#"{"url":"http://a""#, ""),
    ] {
        assert_eq!(faults(body), [at], "{body}");
    }
}

#[test]
fn no_status_means_two_things() {
    for (body, at) in [
        (r#"{"url":"http://a","ignoredStatuses":[404],"failureStatuses":[404]}"#, "/failureStatuses"),
        (r#"{"url":"http://a","failureStatuses":[409],"doneStatuses":[409]}"#, "/doneStatuses"),
        (r#"{"url":"http://a","doneStatuses":[429]}"#, "/doneStatuses"),
        (r#"{"url":"http://a","doneStatuses":[500]}"#, "/doneStatuses"),
        (r#"{"url":"http://a","failureStatuses":[500]}"#, "/failureStatuses"),
        (r#"{"url":"http://a","healthStatuses":["200"]}"#, "/healthStatuses"),
        (r#"{"url":"http://a","forward":{"methods":["post"]}}"#, "/forward/methods"),
        (r#"{"url":"http://a","forward":{"paths":["x"]}}"#, "/forward/paths"),
        (r#"{"url":"http://a","forward":{"paths":["/a/../b"]}}"#, "/forward/paths"),
        (r#"{"url":"http://a","forward":{"path":["/"]}}"#, "/forward/path"),
    ] {
        assert_eq!(faults(body), [at], "{body}");
    }
    let config = r#"{"url":"http://a","ignoredStatuses":[429],"doneStatuses":[429,304]}"#;
    assert!(TargetConfig::parse(config.as_bytes()).is_ok(), "what is ignored ends its request");
}
