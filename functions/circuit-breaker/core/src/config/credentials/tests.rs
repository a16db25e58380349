use crate::config::{CredentialsConfig, TargetConfig};

/// A secret that somebody has written where it does not belong.
const CANARY: &str = "hunter2-canary";

fn parsed(fields: &str) -> TargetConfig {
    TargetConfig::parse(format!(r#"{{"url":"https://a.example/",{fields}}}"#).as_bytes()).unwrap()
}

/// Where the faults of these fields are. None of them repeats the canary.
fn faults(fields: &str) -> Vec<String> {
    let body = format!(r#"{{"url":"https://a.example/",{fields}}}"#);
    let faults = TargetConfig::parse(body.as_bytes()).expect_err(fields);
    assert!(!format!("{faults:?}").contains(CANARY), "{faults:?}");
    faults.into_iter().map(|fault| fault.at).collect()
}

#[test]
fn each_type_of_credentials_is_read_stored_and_shown_alike() {
    for text in [
        r#"{"type":"header","name":"x-api-key","secret":"ssm:/tenfold/pay"}"#,
        r#"{"type":"header","name":"authorization","prefix":"Bearer ","secret":"secretsmanager:tenfold/pay#key"}"#,
        r#"{"type":"basic","username":"me","secret":"ssm:/tenfold/pay"}"#,
        r#"{"type":"basic","secret":"ssm:/tenfold/pay"}"#,
        r#"{"type":"oauth2","tokenUrl":"https://id.example/token","clientId":"me","secret":"ssm:/tenfold/pay"}"#,
        r#"{"type":"oauth2","tokenUrl":"https://id.example/token","clientId":"me","secret":"ssm:/tenfold/pay","scope":"a b","audience":"pay"}"#,
        r#"{"type":"standardWebhooks","secret":"ssm:/tenfold/pay"}"#,
        r#"{"type":"awsSigV4","service":"execute-api"}"#,
        r#"{"type":"awsSigV4","service":"lambda","region":"eu-west-1"}"#,
    ] {
        let config = parsed(&format!(r#""credentials":{text}"#));
        let stored = serde_json::to_string(&config).unwrap();
        assert!(stored.contains(&format!(r#""credentials":{text}"#)), "{stored}");
        assert_eq!(serde_json::from_str::<TargetConfig>(&stored).unwrap(), config);
        assert_eq!(TargetConfig::parse(stored.as_bytes()).unwrap(), config);
    }
}

#[test]
fn headers_are_kept_by_their_names_in_lower_case() {
    let config = parsed(r#""headers":{"X-Region":"eu west","Accept":"application/json"}"#);
    let headers: Vec<_> =
        config.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("accept", "application/json"), ("x-region", "eu west")]);
    let stored = serde_json::to_string(&parsed(r#""minimumCalls":5"#)).unwrap();
    assert!(!stored.contains("headers") && !stored.contains("credentials"), "{stored}");
}

#[test]
fn headers_that_cannot_be_set_are_refused() {
    for headers in [
        r#"{"Host":"b"}"#,
        r#"{"content-length":"1"}"#,
        r#"{"connection":"close"}"#,
        r#"{"transfer-encoding":"chunked"}"#,
        r#"{"Idempotency-Key":"1"}"#,
        r#"{"traceparent":"1"}"#,
        r#"{"webhook-signature":"1"}"#,
        r#"{"x-amz-security-token":"1"}"#,
        r#"{"a b":"1"}"#,
        r#"{"":"1"}"#,
        r#"{"x-a":""}"#,
        r#"{"x-a":" b"}"#,
        r#"{"x-a":"b\r\nx-b: c"}"#,
        r#"{"x-a":"ü"}"#,
        r#"{"x-a":1}"#,
        r#"{"x-a":"1","X-A":"2"}"#,
        r#"{"authorization":"Bearer hunter2-canary"}"#,
        r#"{"Cookie":"hunter2-canary"}"#,
        r#"{"x-a":"hunter2-canary\u0000"}"#,
        r#"["hunter2-canary"]"#,
        r#""hunter2-canary""#,
    ] {
        assert_eq!(faults(&format!(r#""headers":{headers}"#)), ["/headers"], "{headers}");
    }
    let many: Vec<_> = (0..21).map(|n| format!(r#""x-{n}":"v""#)).collect();
    assert_eq!(faults(&format!(r#""headers":{{{}}}"#, many.join(","))), ["/headers"]);
    let both = r#""headers":{"x-a":"1"},"credentials":{"type":"header","name":"X-A","secret":"ssm:/a"}"#;
    assert_eq!(faults(both), ["/headers"]);
}

#[test]
fn each_wrong_field_of_credentials_is_named_and_not_repeated() {
    for (credentials, at) in [
        (r#""hunter2-canary""#, "/credentials"),
        (r#"["hunter2-canary"]"#, "/credentials"),
        ("{}", "/credentials/type"),
        (r#"{"type":"hunter2-canary"}"#, "/credentials/type"),
        (r#"{"type":{"a":"hunter2-canary"},"secret":"hunter2-canary"}"#, "/credentials/type"),
        (r#"{"type":"header","name":"x-a"}"#, "/credentials/secret"),
        (r#"{"type":"header","name":"x-a","secret":"hunter2-canary"}"#, "/credentials/secret"),
        (r#"{"type":"header","name":"x-a","secret":"ssm:hunter2-canary"}"#, "/credentials/secret"),
        (r#"{"type":"header","name":"x-a","secret":["hunter2-canary"]}"#, "/credentials/secret"),
        (r#"{"type":"header","name":"x-a","secret":4711}"#, "/credentials/secret"),
        (r#"{"type":"header","name":"x-a: hunter2-canary","secret":"ssm:/a"}"#, "/credentials/name"),
        (r#"{"type":"header","name":"Idempotency-Key","secret":"ssm:/a"}"#, "/credentials/name"),
        (
            r#"{"type":"header","name":"x-a","prefix":"hunter2-canary\n","secret":"ssm:/a"}"#,
            "/credentials/prefix",
        ),
        (
            r#"{"type":"header","name":"x-a","secret":"ssm:/a","value":"hunter2-canary"}"#,
            "/credentials/value",
        ),
        (r#"{"type":"basic","username":"a:hunter2-canary","secret":"ssm:/a"}"#, "/credentials/username"),
        (
            r#"{"type":"basic","username":"a","secret":"ssm:/a","password":"hunter2-canary"}"#,
            "/credentials/password",
        ),
        (
            r#"{"type":"oauth2","clientId":"a","secret":"ssm:/a","tokenUrl":"hunter2-canary"}"#,
            "/credentials/tokenUrl",
        ),
        (
            r#"{"type":"oauth2","clientId":"a","secret":"ssm:/a","tokenUrl":"https://a:hunter2-canary@b/"}"#,
            "/credentials/tokenUrl",
        ),
        (r#"{"type":"oauth2","secret":"ssm:/a","tokenUrl":"https://b/"}"#, "/credentials/clientId"),
        (
            r#"{"type":"oauth2","clientId":"a","tokenUrl":"https://b/","secret":"hunter2-canary"}"#,
            "/credentials/secret",
        ),
        (
            r#"{"type":"oauth2","clientId":"a","tokenUrl":"https://b/","secret":"ssm:/a","scope":""}"#,
            "/credentials/scope",
        ),
        (r#"{"type":"standardWebhooks","secret":"whsec_hunter2-canary"}"#, "/credentials/secret"),
        (r#"{"type":"awsSigV4"}"#, "/credentials/service"),
        (r#"{"type":"awsSigV4","service":"Execute API"}"#, "/credentials/service"),
        (r#"{"type":"awsSigV4","service":"dynamodb"}"#, "/credentials/service"),
        (r#"{"type":"awsSigV4","service":"ssm"}"#, "/credentials/service"),
        (r#"{"type":"awsSigV4","service":"lambda","region":"EU"}"#, "/credentials/region"),
    ] {
        assert_eq!(faults(&format!(r#""credentials":{credentials}"#)), [at], "{credentials}");
    }
}

#[test]
fn what_is_stored_and_wrong_is_not_repeated_either() {
    let good = serde_json::to_value(parsed(r#""minimumCalls":5"#)).unwrap();
    for credentials in [
        serde_json::json!({ "type": "header", "name": "x-a", "secret": CANARY }),
        serde_json::json!({ "type": "header", "name": "x-a", "secret": { "a": CANARY } }),
        serde_json::json!({ "type": "basic", "secret": [CANARY] }),
    ] {
        let mut stored = good.clone();
        stored["credentials"] = credentials;
        let error = serde_json::from_value::<TargetConfig>(stored).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    }
}

#[test]
fn the_tag_of_a_configuration_covers_both() {
    let tag = |fields: &str| tenfold_pattern::http::EntityTag::of(&parsed(fields)).to_string();
    let tags = [
        tag(r#""minimumCalls":5"#),
        tag(r#""minimumCalls":5,"headers":{"x-a":"1"}"#),
        tag(r#""minimumCalls":5,"headers":{"x-a":"2"}"#),
        tag(r#""minimumCalls":5,"credentials":{"type":"standardWebhooks","secret":"ssm:/a"}"#),
        tag(r#""minimumCalls":5,"credentials":{"type":"standardWebhooks","secret":"ssm:/b"}"#),
    ];
    for (n, tag) in tags.iter().enumerate() {
        assert!(!tags[..n].contains(tag), "{n}");
    }
    let sigv4 = parsed(r#""credentials":{"type":"awsSigV4","service":"lambda"}"#).credentials;
    assert!(matches!(sigv4, Some(CredentialsConfig::AwsSigV4(_))));
}
