//! `bad_requests.json`: requests that are refused, how, and that nothing comes of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tenfold_ports::Context;
use tenfold_ports::api::{Request, Response};
use tenfold_ports::table::Item;
use tenfold_world::{Bounds, World, replay};

use crate::desk::{desk, header};

const FILE: &str = include_str!("../bad_requests.json");

#[derive(Deserialize)]
struct Requests {
    given: BTreeMap<String, Vec<Sent>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    given: Option<String>,
    #[serde(flatten)]
    sent: Sent,
    expect: Refused,
}

#[derive(Deserialize)]
struct Sent {
    method: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Body,
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
}

#[derive(Deserialize)]
struct Refused {
    status: u16,
    #[serde(rename = "type")]
    kind: String,
    at: Option<Vec<String>>,
    #[serde(default)]
    says: BTreeMap<String, String>,
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Body {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().map(Part::text).collect(),
        }
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Repeated { repeat, times } => repeat.repeat(*times),
        }
    }
}

impl Sent {
    fn request(&self) -> Request {
        let pairs = |all: &BTreeMap<String, String>| all.iter().map(|(n, v)| (n.into(), v.into())).collect();
        Request {
            method: self.method.as_str().into(),
            path: self.path.as_str().into(),
            query: pairs(&self.query),
            headers: pairs(&self.headers),
            body: self.body.text().into(),
            ..Request::default()
        }
    }

    fn answer(&self, world: &World) -> Response {
        let (request, context) = (self.request(), Context::until(world.now()));
        let handle = |env| async move { desk(&env).api.handle(&request, &context).await };
        world.ask(handle).unwrap().unwrap()
    }
}

fn rows(world: &World) -> Vec<Item> {
    world.table(|table| table.all().cloned().collect())
}

impl Refused {
    fn holds_of(&self, name: &str, response: &Response) {
        let problem: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(
            (response.status, &problem["status"]),
            (self.status, &self.status.into()),
            "{name}: {problem}"
        );
        assert_eq!(problem["type"], format!("urn:tenfold:problem:{}", self.kind), "{name}: {problem}");
        assert_eq!(header(response, "content-type"), Some("application/problem+json"), "{name}");
        let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let whole = text(&problem["detail"]);
        assert!(!text(&problem["title"]).is_empty() && !whole.is_empty(), "{name}: {problem}");
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let mut errors: Vec<_> = errors.iter().map(|e| (text(&e["at"]), text(&e["detail"]))).collect();
        errors.sort();
        assert!(errors.iter().all(|(_, said)| !said.is_empty() && whole.contains(said)), "{name}: {problem}");
        if let Some(expected) = &self.at {
            let found: Vec<_> = errors.iter().map(|(at, _)| at).collect();
            assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{name}: {problem}");
        }
        for (at, words) in &self.says {
            let said = errors.iter().filter(|(place, _)| place == at).map(|(_, said)| said);
            let mut said = said.chain((at.is_empty()).then_some(&whole));
            assert!(said.any(|said| said.contains(words)), "{name}: {words} at `{at}` of {problem}");
        }
    }
}

#[test]
fn what_is_refused_is_told_and_changes_nothing() {
    let Requests { given, cases } = serde_json::from_str(FILE).unwrap();
    assert!(cases.len() > 50);
    for case in &cases {
        let run = |world: &World| {
            for sent in case.given.iter().flat_map(|name| &given[name]) {
                let response = sent.answer(world);
                assert!((200..300).contains(&response.status), "{}: {response:?}", case.name);
            }
            let before = rows(world);
            case.expect.holds_of(&case.name, &case.sent.answer(world));
            assert_eq!(rows(world), before, "{}", case.name);
            Ok(())
        };
        replay(Bounds { faults: 0, ..Bounds::default() }, run, &[]).0.unwrap();
    }
}
