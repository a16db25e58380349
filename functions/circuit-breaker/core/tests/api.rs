//! The API on handlers in memory: what is refused and how, and what conditional requests and pages come to.

use std::collections::HashMap;

use crate::lab::{Lab, lab, request};
use crate::world::target;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use circuit_breaker_core::rows::target_key;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;
use tenfold_ports::api::{Request, Response};

/// `bad_requests.json`, which says itself what is in it.
#[derive(Deserialize)]
struct BadRequests {
    given: HashMap<String, Vec<Sent>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    given: Option<String>,
    #[serde(flatten)]
    sent: Sent,
    expect: Expected,
}

#[derive(Deserialize)]
struct Sent {
    method: String,
    path: String,
    #[serde(default)]
    query: HashMap<String, String>,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: Body,
}

#[derive(Deserialize)]
struct Expected {
    status: u16,
    r#type: String,
    at: Option<Vec<String>>,
    #[serde(default)]
    says: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Repeated { repeat: String, times: usize },
    Bytes { base64: String },
}

impl Default for Body {
    fn default() -> Self {
        Self::Parts(Vec::new())
    }
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Parts(parts) => parts.iter().flat_map(Part::bytes).collect(),
        }
    }
}

impl Part {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Repeated { repeat, times } => repeat.repeat(*times).into_bytes(),
            Self::Bytes { base64 } => STANDARD.decode(base64).unwrap(),
        }
    }
}

impl Sent {
    fn request(&self) -> Request {
        let pairs = |map: &HashMap<String, String>| {
            map.iter().map(|(name, value)| (name.into(), value.into())).collect()
        };
        Request {
            method: self.method.as_str().into(),
            path: self.path.as_str().into(),
            query: pairs(&self.query),
            headers: pairs(&self.headers),
            body: self.body.bytes().into(),
            ..Request::default()
        }
    }
}

/// What is wrong with an answer, where anything is.
fn wrong(case: &Case, response: &Response) -> Option<String> {
    let Expected { status, r#type, at, says } = &case.expect;
    let problem: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let of = |error: &Value, field: &str| error[field].as_str().unwrap_or_default().to_owned();
    let mut places: Vec<String> = errors.iter().map(|error| of(error, "at")).collect();
    places.sort();
    let said = |(place, words): (&String, &String)| {
        if place.is_empty() && errors.is_empty() {
            return detail.contains(words);
        }
        errors.iter().any(|e| of(e, "at") == *place && of(e, "detail").contains(words))
    };
    let good = response.status == *status
        && problem["status"] == *status
        && problem["type"] == format!("urn:tenfold:problem:{type}")
        && response.headers.iter().any(|(n, v)| n == "content-type" && v == "application/problem+json")
        && !detail.is_empty()
        && !of(&problem, "title").is_empty()
        && errors.iter().all(|e| !of(e, "detail").is_empty() && detail.contains(&of(e, "detail")))
        && at.as_ref().is_none_or(|at| *at == places)
        && says.iter().all(said);
    (!good).then(|| format!("{}: {} {}", case.name, response.status, problem))
}

#[test]
fn bad_requests_are_refused_and_change_nothing() {
    let all: BadRequests = serde_json::from_str(include_str!("bad_requests.json")).unwrap();
    let mut found = Vec::new();
    for case in &all.cases {
        let outcome = std::cell::RefCell::new(None);
        lab("", |lab| {
            lab.delete(target_key(&target()));
            for sent in case.given.iter().flat_map(|given| &all.given[given]) {
                let response = lab.call(sent.request());
                assert!((200..300).contains(&response.status), "{}: {response:?}", case.name);
            }
            let state = |lab: &Lab<'_>| {
                let queues = [lab.messages(lab.stack.queue), lab.messages(lab.stack.dead_letters)];
                (lab.items(), queues, lab.seen.calls.borrow().len())
            };
            let before = state(lab);
            let response = lab.call(case.sent.request());
            let changed = (state(lab) != before).then(|| format!("{} changes something", case.name));
            *outcome.borrow_mut() = wrong(case, &response).or(changed);
        });
        found.extend(outcome.into_inner());
    }
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), all.cases.len(), found.join("\n"));
    assert!(all.cases.len() > 200);
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
}

fn put(lab: &Lab<'_>, fields: &str, headers: &[(&str, &str)]) -> Response {
    let body = format!(r#"{{"url":"http://pay.example/"{fields}}}"#);
    lab.call(request("PUT", "/targets/pay", headers, body))
}

#[test]
fn a_configuration_is_changed_only_by_those_who_have_seen_it() {
    lab("", |lab| {
        let seen = lab.get("/targets/pay");
        let seen = header(&seen, "etag");
        let first = put(lab, r#","minimumCalls":5"#, &[("if-match", seen)]);
        assert_eq!(first.status, 200);
        let now = header(&first, "etag");
        assert_ne!(now, seen);
        assert_eq!(put(lab, "", &[("if-match", seen)]).status, 412);
        assert_eq!(put(lab, "", &[("if-none-match", "*")]).status, 412);
        let delete = |tag: &str| lab.call(request("DELETE", "/targets/pay", &[("if-match", tag)], ""));
        assert_eq!(delete(seen).status, 412);
        let shown = lab.call(request("GET", "/targets/pay", &[("if-none-match", now)], ""));
        assert_eq!((shown.status, header(&shown, "etag"), shown.body.len()), (304, now, 0));
        assert_eq!(delete(now).status, 204);
        assert_eq!(put(lab, "", &[("if-match", "*")]).status, 412, "there is none");
        assert_eq!(put(lab, "", &[("if-none-match", "*")]).status, 201);
    });
}

#[test]
fn the_tag_is_that_of_the_configuration() {
    lab("", |lab| {
        let before = lab.get("/targets/pay");
        lab.call(request("POST", "/targets/pay/state", &[], r#"{"force":"open"}"#));
        assert_eq!(lab.post("a").status, 202);
        let after = lab.get("/targets/pay");
        assert_eq!(header(&before, "etag"), header(&after, "etag"));
        assert_eq!(header(&after, "cache-control"), "no-store");
        assert_ne!(before.body, after.body);
    });
}

#[test]
fn a_location_is_an_absolute_path() {
    lab("", |lab| {
        lab.call(request("POST", "/targets/pay/state", &[], r#"{"force":"open"}"#));
        let response = lab.post("a");
        let location = header(&response, "location").strip_prefix("/live").unwrap();
        assert_eq!(lab.get(location).status, 200);
        assert_eq!(header(&lab.post("a"), "location"), header(&response, "location"), "of a repetition too");
    });
}

#[test]
fn a_list_goes_on_with_its_own_token_only() {
    lab("", |lab| {
        for n in 0..60 {
            let path = format!("/targets/t-{n:02}");
            lab.call(request("PUT", &path, &[], r#"{"url":"http://pay.example/"}"#));
        }
        let page = |path: &str| -> Value { serde_json::from_slice(&lab.get(path).body).unwrap() };
        let first = page("/targets");
        let token = first["next"].as_str().unwrap();
        let second = page(&format!("/targets?after={token}"));
        let names = |page: &Value| page["targets"].as_array().unwrap().len();
        assert_eq!((names(&first), names(&second), &second["next"]), (50, 11, &Value::Null));
        for bad in ["pay", "eyJ9", &token[1..]] {
            assert_eq!(lab.get(&format!("/targets?after={bad}")).status, 400, "{bad}");
        }
    });
}

#[test]
fn what_names_something_and_comes_twice_is_a_fault() {
    lab("", |lab| {
        for path in ["/targets?after=a&after=b", "/targets/pay?tenant=a&tenant=b"] {
            assert_eq!(lab.get(path).status, 400, "{path}");
        }
        let twice = [("idempotency-key", "a"), ("idempotency-key", "b"), ("tenant", "a"), ("tenant", "b")];
        let response = lab.call(request("POST", "/requests/pay", &twice, ""));
        let problem: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!((response.status, problem["errors"].as_array().unwrap().len()), (400, 2));
        assert!(lab.seen.calls.borrow().is_empty());
    });
}

#[test]
fn a_method_that_there_is_not_is_told_which_there_are() {
    lab("", |lab| {
        for (path, allowed) in [
            ("/targets", "GET"),
            ("/targets/pay", "GET, PUT, DELETE"),
            ("/targets/pay/state", "POST"),
            ("/targets/pay/history", "GET"),
            ("/targets/pay/requests", "GET"),
            ("/targets/pay/redrive", "POST"),
            ("/requests/pay", "POST"),
            ("/targets/pay/cancel", "POST"),
            ("/targets/pay/discard", "POST"),
            ("/requests/0e1f7c1a-52c5-5c39-9d3b-31a57a0cbe07", "GET"),
            ("/targets/pay/requests/0e1f7c1a-52c5-5c39-9d3b-31a57a0cbe07", "DELETE"),
            ("/targets/pay/requests/0e1f7c1a-52c5-5c39-9d3b-31a57a0cbe07/redrive", "POST"),
            ("/dead-letters/clear", "POST"),
        ] {
            let response = lab.call(request("PATCH", path, &[("idempotency-key", "k")], ""));
            assert_eq!((response.status, header(&response, "allow")), (405, allowed), "{path}");
        }
    });
}

#[test]
fn a_target_that_is_put_again_begins_in_a_new_epoch() {
    lab("", |lab| {
        lab.call(request("POST", "/targets/pay/state", &[], r#"{"force":"open"}"#));
        assert_eq!(lab.call(request("DELETE", "/targets/pay", &[], "")).status, 204);
        lab.world.pass(SignedDuration::from_secs(5));
        let response = put(lab, "", &[]);
        let view: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!((response.status, &view["state"], &view["epoch"]), (201, &"closed".into(), &2.into()));
    });
}
