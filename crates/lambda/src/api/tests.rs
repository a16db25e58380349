use serde_json::{Value, json};

use super::*;

const GET: &str = include_str!("../../tests/events/api-get.json");
const POST: &str = include_str!("../../tests/events/api-post-base64.json");

fn proxied(response: Response) -> Value {
    serde_json::to_value(ProxyResponse::from(response)).unwrap()
}

#[test]
fn a_request_has_its_path_below_the_stage_and_all_values_of_a_name() {
    let request = request(GET).unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/breakers/payments/why"));
    assert_eq!(request.base, "/prod");
    assert_eq!(request.header_values("accept").collect::<Vec<_>>(), ["text/plain", "*/*"]);
    assert_eq!(request.parameter_values("limit").collect::<Vec<_>>(), ["10", "20"]);
    assert_eq!(request.header("accept").map(SmolStr::as_str), Some("*/*"));
    assert_eq!(request.header("x-correlation-id").map(SmolStr::as_str), Some("order-17"));
    assert_eq!(request.parameter("limit").map(SmolStr::as_str), Some("20"));
    assert_eq!(request.parameter("since").map(SmolStr::as_str), Some("2026-01-01T00:00:00+01:00"));
    assert!(request.body.is_empty());
}

#[test]
fn a_custom_domains_base_path_is_no_part_of_the_path() {
    let at = |path: &str, resource: &str, seen: &str| {
        let event = json!({
            "httpMethod": "GET", "path": path, "resource": resource, "requestContext": {"path": seen},
        });
        let request = request(&event.to_string()).unwrap();
        (request.base.to_string(), request.path.to_string())
    };
    let pair = |base: &str, path: &str| (base.to_owned(), path.to_owned());
    assert_eq!(at("/v1/trips/7", "/trips/{id}", "/v1/trips/7"), pair("/v1", "/trips/7"));
    assert_eq!(at("/trips/7", "/trips/{id}", "/prod/trips/7"), pair("/prod", "/trips/7"));
    assert_eq!(at("/trips/7", "/{proxy+}", "/prod/trips/7"), pair("/prod", "/trips/7"));
    assert_eq!(at("/trips/a%2Fb", "/trips/{id}", "/trips/a%2Fb"), pair("", "/trips/a%2Fb"));
    assert_eq!(at("/", "/", "/prod/"), pair("/prod", "/"));
}

#[test]
fn a_binary_body_is_decoded_and_absent_maps_are_empty() {
    let request = request(POST).unwrap();
    assert_eq!((request.method.as_str(), &request.body[..]), ("POST", &[0, 255, 254, b'a'][..]));
    assert_eq!(request.header("content-type").map(SmolStr::as_str), Some("application/octet-stream"));
    assert!(request.query.is_empty());
}

#[test]
fn what_is_no_proxy_event_is_an_error() {
    for bad in [
        "null",
        "[]",
        r#"{"Records": []}"#,
        r#"{"httpMethod": "GET", "path": "relative"}"#,
        r#"{"httpMethod": "GET", "path": "/", "body": "%", "isBase64Encoded": true}"#,
    ] {
        let error = request(bad).unwrap_err().to_string();
        assert!(error.starts_with("not an API Gateway proxy event: "), "{error}");
    }
}

#[test]
fn text_is_answered_as_text() {
    let answer = proxied(Response::json(201, &json!({ "a": "é" })).with("retry-after", "3"));
    assert_eq!(
        answer,
        json!({
            "statusCode": 201,
            "headers": {"content-type": "application/json", "retry-after": "3"},
            "body": "{\"a\":\"é\"}",
            "isBase64Encoded": false
        })
    );
    let empty = proxied(Response::empty(204));
    assert_eq!(empty, json!({"statusCode": 204, "headers": {}, "body": "", "isBase64Encoded": false}));
}

#[test]
fn what_is_no_text_is_answered_as_base64() {
    let bytes = |media: &'static str, body: &'static [u8]| {
        let answer =
            proxied(Response { body: body.into(), ..Response::empty(200) }.with("content-type", media));
        (answer["isBase64Encoded"] == true, answer["body"].as_str().unwrap().to_owned())
    };
    assert_eq!(bytes("image/png", b"abc"), (true, "YWJj".to_owned()));
    assert_eq!(bytes("text/plain", b"\xff"), (true, "/w==".to_owned()));
    assert_eq!(bytes("Text/HTML; charset=utf-8", b"abc"), (false, "abc".to_owned()));
    assert_eq!(bytes("application/problem+json", b"{}"), (false, "{}".to_owned()));
}

#[test]
fn repeated_headers_all_arrive() {
    let answer =
        proxied(Response::empty(200).with("set-cookie", "a=1").with("set-cookie", "b=2").with("x", "y"));
    assert_eq!(answer["multiValueHeaders"], json!({"set-cookie": ["a=1", "b=2"]}));
    assert_eq!(answer["headers"], json!({"x": "y"}));
}
