use serde_json::{Value, json};

use super::*;

const GET: &str = include_str!("../../tests/events/api-get.json");
const POST: &str = include_str!("../../tests/events/api-post-base64.json");

fn answered(response: Response) -> Value {
    serde_json::to_value(proxied(response)).unwrap()
}

/// A request of the fixture, changed.
fn changed(change: impl Fn(&mut Value)) -> Result<Request, NoRequest> {
    let mut event = serde_json::from_str(GET).unwrap();
    change(&mut event);
    request(&event.to_string())
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
            "httpMethod": "GET", "path": path, "resource": resource, "requestContext": {"path": seen, "httpMethod": "GET"},
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
fn the_caller_is_whoever_has_signed() {
    let caller = |identity: Value| {
        let context = json!({ "path": "/prod/a", "httpMethod": "GET", "identity": identity });
        let event = json!({ "httpMethod": "GET", "path": "/a", "resource": "/a", "requestContext": context });
        request(&event.to_string()).unwrap().caller
    };
    let alice = "arn:aws:iam::123456789012:user/alice";
    assert_eq!(caller(json!({ "userArn": alice, "sourceIp": "192.0.2.1" })).as_deref(), Some(alice));
    for nobody in [json!({ "userArn": null }), json!({ "userArn": "" }), json!({})] {
        assert_eq!(caller(nobody), None);
    }
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
    for bad in ["null", "[]", r#"{"Records": []}"#, r#"{"httpMethod": "GET", "path": "/"}"#] {
        let error = request(bad).unwrap_err();
        assert!(matches!(error, NoRequest::NotProxied(_)), "{bad}: {error}");
    }
    let relative = changed(|event| event["path"] = "relative".into()).unwrap_err();
    assert_eq!(relative, NoRequest::NotProxied("path `relative` does not begin with /".to_owned()));
    let body = changed(|event| {
        event["body"] = "%".into();
        event["isBase64Encoded"] = true.into();
    });
    assert!(matches!(body.unwrap_err(), NoRequest::NotProxied(why) if why.starts_with("body: ")));
    // The crate takes it.
    assert!(matches!(changed(|event| event["path"] = Value::Null), Err(NoRequest::NotProxied(_))));
}

/// Where the crate is stricter than what a caller can send, the caller is told.
#[test]
fn a_header_that_http_does_not_allow_is_the_callers_fault() {
    for (name, value) in
        [("a b", json!("x")), ("X-A", json!("a\u{7f}b")), ("X-A", json!("a\nb")), ("X-A", Value::Null)]
    {
        for map in ["headers", "multiValueHeaders"] {
            let error = changed(|event| event[map][name] = value.clone()).unwrap_err();
            let NoRequest::BadHeader { faults, request } = error else {
                panic!("{name:?}: {value}: {error}")
            };
            let at: Vec<_> = faults.iter().map(|fault| fault.at.as_str()).collect();
            assert_eq!(at, [format!("header:{name}")], "{value}");
            assert_eq!(request.header("x-correlation-id").map(SmolStr::as_str), Some("order-17"));
            assert_eq!(request.header("x-a"), None);
        }
    }
    let all_in_one = changed(|event| {
        event["headers"]["X-A"] = "\n".into();
        event["multiValueHeaders"]["X-A"] = json!(["x", "\n"]);
        event["multiValueHeaders"]["X-B"] = json!(["\n"]);
    });
    assert!(matches!(all_in_one, Err(NoRequest::BadHeader { faults, .. }) if faults.len() == 2));
    // What else is of another shape, the sender cannot mend.
    let error = changed(|event| {
        event["headers"]["a b"] = "x".into();
        event["requestContext"] = Value::Null;
    });
    assert!(matches!(error, Err(NoRequest::NotProxied(_))));
}

#[test]
fn a_greedy_resource_says_where_the_path_begins() {
    let at = |path: &str, name: &str, resource: &str| {
        let event = json!({
            "httpMethod": "GET", "path": path, "resource": resource,
            "pathParameters": {"name": name, "path": "whatever"},
            "requestContext": {"path": path, "httpMethod": "GET"},
        });
        let request = request(&event.to_string()).unwrap();
        (request.base.to_string(), request.path.to_string())
    };
    let pair = |base: &str, path: &str| (base.to_owned(), path.to_owned());
    let greedy = "/requests/{name}/{path+}";
    assert_eq!(at("/requests/pay/a/b/", "pay", greedy), pair("", "/requests/pay/a/b/"));
    assert_eq!(at("/v1/requests/pay/a%2Fb", "pay", greedy), pair("/v1", "/requests/pay/a%2Fb"));
    assert_eq!(at("/requests/requests/pay/x", "pay", greedy), pair("/requests", "/requests/pay/x"));
    assert_eq!(at("/v1/requests/a%20b/x", "a b", greedy), pair("/v1", "/requests/a%20b/x"));
    assert_eq!(at("/elsewhere", "pay", greedy), pair("", "/elsewhere"));
}

#[test]
fn a_correlation_id_goes_on_as_it_came_or_not_at_all() {
    let with = |headers: Value| {
        changed(|event| {
            event["headers"] = json!({});
            event["multiValueHeaders"] = json!({"x-correlation-id": headers});
        })
    };
    assert!(with(json!(["order-17"])).is_ok());
    for bad in [json!(["a b"]), json!([""]), json!(["a", "b"]), json!(["x".repeat(129)])] {
        let error = with(bad.clone());
        assert!(
            matches!(&error, Err(NoRequest::BadHeader { faults, .. }) if faults[0].at == "header:x-correlation-id"),
            "{bad}: {error:?}"
        );
    }
}

/// API Gateway sends it always.
#[test]
fn the_context_and_its_method_have_to_be_there() {
    for bad in [json!({}), json!({"httpMethod": null})] {
        let error = changed(|event| event["requestContext"] = bad.clone());
        assert!(matches!(error, Err(NoRequest::NotProxied(_))), "{bad}: {error:?}");
    }
}

#[test]
fn a_value_of_the_query_is_text_and_is_not_parted() {
    let request = changed(|event| {
        event["queryStringParameters"] = json!({"limit": "20", "none": null, "ids": "1,2", "empty": "3"});
        event["multiValueQueryStringParameters"] =
            json!({"limit": ["10", null, "20"], "none": null, "empty": []});
    })
    .unwrap();
    let query: Vec<_> = request.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(query, [("ids", "1,2"), ("limit", "10"), ("limit", "20")]);
    for bad in [json!(1), json!({"limit": 1}), json!(["limit"])] {
        let error = changed(|event| event["queryStringParameters"] = bad.clone());
        assert!(matches!(error, Err(NoRequest::NotProxied(_))), "{bad}: {error:?}");
    }
}

#[test]
fn a_value_that_is_no_ascii_arrives_as_it_is() {
    let request = changed(|event| event["multiValueHeaders"]["X-Name"] = json!(["Jürgen", "李"])).unwrap();
    assert_eq!(request.header_values("x-name").collect::<Vec<_>>(), ["Jürgen", "李"]);
}

#[test]
fn what_only_the_single_valued_maps_have_is_there_too() {
    let request = changed(|event| {
        event["headers"]["X-One"] = "1".into();
        event["queryStringParameters"]["one"] = "1".into();
    })
    .unwrap();
    assert_eq!(request.header("x-one").map(SmolStr::as_str), Some("1"));
    assert_eq!(request.parameter("one").map(SmolStr::as_str), Some("1"));
    assert_eq!(request.parameter_values("limit").count(), 2);
}

#[test]
fn text_is_answered_as_text() {
    let answer = answered(Response::json(201, &json!({ "a": "é" })).with("retry-after", "3"));
    assert_eq!(
        answer,
        json!({
            "statusCode": 201,
            "headers": {"content-type": "application/json", "retry-after": "3"},
            "multiValueHeaders": {},
            "body": "{\"a\":\"é\"}",
            "isBase64Encoded": false
        })
    );
    let empty = answered(Response::empty(204));
    assert_eq!(
        empty,
        json!({"statusCode": 204, "headers": {}, "multiValueHeaders": {}, "body": "", "isBase64Encoded": false})
    );
}

#[test]
fn what_is_no_text_is_answered_as_base64() {
    let bytes = |media: &'static str, body: &'static [u8]| {
        let answer =
            answered(Response { body: body.into(), ..Response::empty(200) }.with("content-type", media));
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
        answered(Response::empty(200).with("set-cookie", "a=1").with("set-cookie", "b=2").with("x", "y"));
    assert_eq!(answer["multiValueHeaders"], json!({"set-cookie": ["a=1", "b=2"]}));
    assert_eq!(answer["headers"], json!({"x": "y"}));
}

#[test]
fn a_header_that_http_does_not_allow_is_left_out_of_an_answer() {
    let answer = answered(Response::empty(200).with("x", "a\nb").with("a b", "c").with("y", "é"));
    assert_eq!(answer["headers"], json!({"y": "é"}));
}
