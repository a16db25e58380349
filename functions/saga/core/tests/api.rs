//! The API on the rows: what is answered, and what is answered to the same request again.

#![allow(clippy::unwrap_used, reason = "test code")]

mod calm;

use calm::{calls_of, run};
use saga_core::api::Api;
use saga_core::context::SagaContext;
use saga_core::error::SagaError;
use saga_core::inventory::{Releases, Stock, StockId, StockKind};
use saga_core::names::SagaId;
use saga_core::rows::{Partition, saga_key};
use saga_core::state::SagaState;
use saga_core::steps::Steps;
use saga_core::trip::{self, Trip};
use serde_json::{Value, json};
use tenfold_ports::api::Response;
use tenfold_ports::table::{Item, Write};
use tenfold_ports::{Carrier, Clock, Context, Table};
use tenfold_world::{Env, request};

const FLIGHT: usize = 0;
const HOTEL: usize = 1;
const CAR: usize = 2;

struct Desk {
    env: Env,
    api: Api<Env, Env>,
}

fn desk(env: &Env) -> Desk {
    let definition = trip::definition().unwrap();
    let steps = Steps { table: env.clone(), runtime: env.clone(), definition };
    Desk { env: env.clone(), api: Api { steps } }
}

fn body() -> Value {
    json!({"style": "choreographed", "traveller": "Ada", "flight": "F", "hotel": "H", "car": "C",
        "from": "2030-01-01", "to": "2030-01-08"})
}

impl Desk {
    async fn call(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let headers: Vec<_> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        let response = self.ask(method, path, &headers, body).await;
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut request = request(method, path, body);
        request.base = "/live".into();
        request.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        self.api.handle(&request, &Context::until(self.env.now())).await
    }

    async fn post(&self, key: &str, body: &Value) -> (u16, Value) {
        self.call("POST", "/trips", Some(key), body).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call("GET", path, None, &Value::Null).await
    }

    async fn operate(&self, key: &str, what: &str, body: &Value) -> (u16, Value) {
        self.call("POST", &format!("/trips/{}/{what}", SagaId::of_key(key)), None, body).await
    }

    async fn put(&self, kind: StockKind, name: &str, available: i64, releases: Releases) {
        let id = StockId::parse(name).unwrap();
        self.env.write(Stock::put(kind, &id, available, releases)).await.unwrap();
    }

    async fn context(&self, key: &str) -> SagaContext<Trip> {
        let steps = &self.api.steps;
        let part = Partition::read(&self.env, &steps.definition, SagaId::of_key(key)).await.unwrap().unwrap();
        part.saga.context(part.saga.round)
    }

    async fn perform(&self, key: &str, at: usize) -> Result<(), SagaError> {
        self.api.steps.perform(at, &self.context(key).await).await.map(|_| ())
    }

    async fn undo(&self, key: &str, at: usize) -> Result<(), SagaError> {
        self.api.steps.undo(at, &self.context(key).await).await.map(|_| ())
    }

    /// A trip whose hotel cannot be given back.
    async fn stuck(&self, key: &str) {
        for kind in StockKind::ALL {
            let name = if kind == StockKind::Flight { "F" } else { "H" };
            self.put(kind, name, 5, Releases::Accepted).await;
        }
        assert_eq!(self.post(key, &body()).await.0, 202);
        self.perform(key, FLIGHT).await.unwrap();
        self.perform(key, HOTEL).await.unwrap();
        self.put(StockKind::Hotel, "H", 5, Releases::Refused).await;
        assert_eq!(self.operate(key, "cancel", &Value::Null).await.0, 202);
        self.undo(key, CAR).await.unwrap();
        self.undo(key, HOTEL).await.unwrap_err();
        self.undo(key, FLIGHT).await.unwrap();
    }
}

#[test]
fn a_trip_is_taken_in_by_one_transaction_and_shown_by_one_query() {
    let calls = calls_of(|env| async move {
        assert_eq!(desk(&env).post("a", &body()).await.0, 202);
    });
    assert_eq!(calls, ["table.transact"]);
    let calls = calls_of(|env| async move {
        let path = format!("/trips/{}", SagaId::of_key("a"));
        assert_eq!(desk(&env).get(&path).await.0, 404);
    });
    assert_eq!(calls, ["table.query"]);
}

#[test]
fn the_same_key_is_the_same_trip_and_another_trip_is_refused() {
    run(|env| async move {
        let desk = desk(&env);
        let (status, first) = desk.post("a", &body()).await;
        assert_eq!((status, first["sagaId"].as_str()), (202, Some(&*SagaId::of_key("a").to_string())));
        assert_eq!(desk.post("a", &body()).await, (202, first));
        for (field, value) in [("style", "orchestrated"), ("car", "D"), ("to", "2030-01-09")] {
            let mut other = body();
            other[field] = value.into();
            let (status, problem) = desk.post("a", &other).await;
            assert_eq!(
                (status, problem["type"].as_str()),
                (422, Some("urn:tenfold:problem:key-reused")),
                "{field}"
            );
        }
        assert_eq!(desk.post("b", &body()).await.0, 202);
    });
}

#[test]
fn a_trip_that_begins_in_the_past_is_refused_unless_it_was_taken_in_before() {
    run(|env| async move {
        let desk = desk(&env);
        let mut past = body();
        past["from"] = "2020-01-01".into();
        let (status, problem) = desk.post("a", &past).await;
        assert_eq!((status, problem["errors"][0]["at"].as_str()), (400, Some("/from")));
        // As it was taken in when it was not past.
        let definition = trip::definition().unwrap();
        let created = tenfold_ports::Clock::now(&env);
        let mut payload = past.clone();
        payload.as_object_mut().unwrap().remove("style");
        let style = saga_core::context::Style::Choreographed;
        let data = saga_core::rows::SagaData {
            style,
            payload: serde_json::from_value(payload).unwrap(),
            created,
            carrier: Carrier::default(),
        };
        env.write(saga_core::rows::SagaRow::create(&definition, SagaId::of_key("a"), data)).await.unwrap();
        assert_eq!(desk.post("a", &past).await.0, 202);
    });
}

#[test]
fn the_key_and_the_body_are_faulted_together() {
    run(|env| async move {
        let desk = desk(&env);
        let (status, problem) = desk.call("POST", "/trips", None, &json!({"style": "both"})).await;
        let at: Vec<&str> =
            problem["errors"].as_array().unwrap().iter().map(|e| e["at"].as_str().unwrap()).collect();
        let expected =
            ["header:Idempotency-Key", "/style", "/traveller", "/flight", "/hotel", "/car", "/from", "/to"];
        assert_eq!((status, at), (400, expected.to_vec()));
        assert_eq!(desk.post("ä", &body()).await.0, 400);
        let past = json!({"from": "2020-01-01", "to": "2020-01-02"});
        let mut past_body = body();
        past.as_object().unwrap().iter().for_each(|(name, day)| past_body[name] = day.clone());
        let (_, problem) = desk.call("POST", "/trips", None, &past_body).await;
        let at: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|e| e["at"].clone()).collect();
        assert_eq!(at, ["header:Idempotency-Key", "/from"], "all of it");
        let long = json!({"traveller": "a".repeat(20_000)});
        assert_eq!(desk.post("a", &long).await.0, 413);
    });
}

#[test]
fn a_trip_shows_its_steps_and_its_log() {
    run(|env| async move {
        let desk = desk(&env);
        desk.stuck("a").await;
        let (status, trip) = desk.get(&format!("/trips/{}", SagaId::of_key("a"))).await;
        assert_eq!((status, trip["state"].as_str()), (200, Some("stuck")));
        let steps: Vec<_> =
            trip["steps"].as_array().unwrap().iter().map(|s| (&s["name"], &s["state"])).collect();
        let expected = [("flight", "undone"), ("hotel", "stuck"), ("car", "undone")];
        assert_eq!(steps, expected.map(|(n, s)| (json!(n), json!(s))).each_ref().map(|(n, s)| (n, s)));
        assert_eq!(trip["steps"][1]["error"], "hotel H accepts no releases");
        let log: Vec<&str> =
            trip["log"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
        for event in [
            "started",
            "flight.done",
            "hotel.done",
            "cancelled",
            "car.undone",
            "hotel.stuck",
            "flight.undone",
        ] {
            assert!(log.contains(&event), "{event} in {log:?}");
        }
        assert_eq!(log.len(), 7);
    });
}

#[test]
fn a_running_trip_is_cancelled_again_and_again_with_one_answer() {
    run(|env| async move {
        let desk = desk(&env);
        assert_eq!(desk.operate("a", "cancel", &Value::Null).await.0, 404, "there is none yet");
        desk.post("a", &body()).await;
        let first = desk.operate("a", "cancel", &Value::Null).await;
        assert_eq!((first.0, first.1["state"].as_str()), (202, Some("compensating")));
        assert_eq!(desk.operate("a", "cancel", &Value::Null).await, first);
        assert_eq!(desk.perform("a", FLIGHT).await.unwrap_err().name(), "SagaNotRunning");
    });
}

#[test]
fn a_booked_trip_is_not_cancelled() {
    run(|env| async move {
        let desk = desk(&env);
        for (kind, name) in [(StockKind::Flight, "F"), (StockKind::Hotel, "H"), (StockKind::Car, "C")] {
            desk.put(kind, name, 1, Releases::Accepted).await;
        }
        desk.post("a", &body()).await;
        for at in [FLIGHT, HOTEL, CAR] {
            desk.perform("a", at).await.unwrap();
        }
        let (status, problem) = desk.operate("a", "cancel", &Value::Null).await;
        assert_eq!((status, problem["type"].as_str()), (409, Some("urn:tenfold:problem:past-pivot")));
        for what in ["retry", "resolve"] {
            let (status, problem) = desk.operate("a", what, &json!({"reason": "x"})).await;
            assert_eq!(
                (status, problem["type"].as_str()),
                (409, Some("urn:tenfold:problem:not-stuck")),
                "{what}"
            );
        }
    });
}

#[test]
fn a_stuck_trip_goes_on_when_it_is_retried() {
    run(|env| async move {
        let desk = desk(&env);
        desk.stuck("a").await;
        assert_eq!(desk.operate("a", "retry", &Value::Null).await.0, 202);
        assert_eq!(desk.operate("a", "retry", &Value::Null).await.0, 409);
        desk.put(StockKind::Hotel, "H", 5, Releases::Accepted).await;
        for at in [CAR, HOTEL, FLIGHT] {
            desk.undo("a", at).await.unwrap();
        }
        let (_, trip) = desk.get(&format!("/trips/{}", SagaId::of_key("a"))).await;
        assert_eq!((trip["state"].as_str(), trip["round"].as_u64()), (Some("compensated"), Some(2)));
        assert_eq!(
            desk.get("/inventory/hotel/H").await.1,
            json!({"available": 6, "reserved": 0, "releases": "accepted"})
        );
    });
}

#[test]
fn a_stuck_trip_is_resolved_as_it_is() {
    run(|env| async move {
        let desk = desk(&env);
        desk.stuck("a").await;
        let reason = json!({"reason": "refunded by hand"});
        assert_eq!(desk.operate("a", "resolve", &reason).await.0, 200);
        assert_eq!(desk.operate("a", "resolve", &reason).await.0, 200);
        assert_eq!(desk.operate("a", "resolve", &json!({"reason": "no"})).await.0, 409);
        assert_eq!(desk.operate("a", "retry", &Value::Null).await.0, 409);
        desk.undo("a", HOTEL).await.unwrap_err();
        let (_, trip) = desk.get(&format!("/trips/{}", SagaId::of_key("a"))).await;
        assert_eq!(trip["state"], "resolved");
        assert_eq!(
            (&trip["resolution"], &trip["steps"][1]["state"]),
            (&json!("refunded by hand"), &json!("stuck"))
        );
    });
}

#[test]
fn open_trips_are_listed_page_by_page() {
    run(|env| async move {
        let desk = desk(&env);
        for i in 0..120 {
            assert_eq!(desk.post(&format!("k{i}"), &body()).await.0, 202);
        }
        desk.operate("k7", "cancel", &Value::Null).await;
        let (mut seen, mut path, mut pages) = (Vec::new(), "/trips?state=running".to_owned(), 0);
        loop {
            let (status, page) = desk.get(&path).await;
            assert_eq!(status, 200, "{page}");
            seen.extend(page["trips"].as_array().unwrap().iter().map(|t| t["sagaId"].to_string()));
            pages += 1;
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/trips?state=running&after={next}");
        }
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), pages), (119, 3));
        let (_, page) = desk.get("/trips?state=compensating").await;
        assert_eq!(page["trips"][0]["sagaId"], SagaId::of_key("k7").to_string());
        // The token of one list is none of another's.
        let (_, first) = desk.get("/trips?state=running").await;
        let elsewhere = format!("/trips?state=stuck&after={}", first["next"].as_str().unwrap());
        for bad in [
            "/trips",
            "/trips?state=committed",
            "/trips?state=stuck&after=x",
            "/trips?state=stuck&state=running",
            "/trips?state=stuck&after=x&after=x",
            &elsewhere,
        ] {
            assert_eq!(desk.get(bad).await.0, 400, "{bad}");
        }
    });
}

#[test]
fn a_row_that_cannot_be_read_hides_no_other_trip() {
    run(|env| async move {
        let desk = desk(&env);
        assert_eq!(desk.post("a", &body()).await.0, 202);
        let (id, shards) = (SagaId::of_key("odd"), desk.api.steps.definition.shards());
        let open = SagaState::Running.open(id.shard(shards)).unwrap();
        let odd = Item::new(saga_key(id)).with("state", "running").with("open", open).with("wake", 0);
        desk.env.write(Write::create(odd)).await.unwrap();
        let (status, page) = desk.get("/trips?state=running").await;
        assert_eq!((status, page["trips"].as_array().unwrap().len()), (200, 1));
        let (status, problem) = desk.get(&format!("/trips/{id}")).await;
        assert_eq!((status, problem["type"].as_str()), (500, Some("urn:tenfold:problem:internal-error")));
    });
}

#[test]
fn inventory_is_put_and_shown() {
    run(|env| async move {
        let desk = desk(&env);
        assert_eq!(desk.get("/inventory/car/C").await.0, 404);
        let (status, stock) = desk.call("PUT", "/inventory/car/C", None, &json!({"available": 3})).await;
        assert_eq!((status, stock), (200, json!({"available": 3, "reserved": 0, "releases": "accepted"})));
        assert_eq!(desk.get("/inventory/boat/C").await.0, 400);
        assert_eq!(desk.get("/inventory/car/a%20b").await.0, 400);
        assert_eq!(desk.call("DELETE", "/inventory/car/C", None, &Value::Null).await.0, 405);
        assert_eq!(desk.get("/nothing").await.0, 404);
    });
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_trip_has_a_location_below_its_stage() {
    run(|env| async move {
        let response = desk(&env).ask("POST", "/trips", &[("idempotency-key", "a")], &body()).await;
        let location = format!("/live/trips/{}", SagaId::of_key("a"));
        assert_eq!(header(&response, "location"), Some(&*location));
    });
}

#[test]
fn what_a_resource_does_not_take_is_told_with_what_it_does() {
    run(|env| async move {
        let desk = desk(&env);
        let id = SagaId::of_key("a");
        for (path, allowed) in [
            ("/trips".to_owned(), "GET, POST"),
            (format!("/trips/{id}"), "GET"),
            (format!("/trips/{id}/cancel"), "POST"),
            ("/inventory/car/C".to_owned(), "GET, PUT"),
        ] {
            let response = desk.ask("DELETE", &path, &[], &Value::Null).await;
            assert_eq!((response.status, header(&response, "allow")), (405, Some(allowed)), "{path}");
        }
    });
}

#[test]
fn inventory_is_changed_only_where_it_is_what_its_caller_has_seen() {
    run(|env| async move {
        let desk = desk(&env);
        let (path, three) = ("/inventory/flight/F", json!({"available": 3}));
        let new = [("if-none-match", "*")];
        let created = desk.ask("PUT", path, &new, &three).await;
        let tag = header(&created, "etag").unwrap().to_owned();
        assert_eq!((created.status, desk.ask("PUT", path, &new, &three).await.status), (200, 412));
        let unchanged = desk.ask("GET", path, &[("if-none-match", &tag)], &Value::Null).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
        assert_eq!(header(&unchanged, "etag"), Some(&*tag));
        let seen = [("if-match", &*tag)];
        assert_eq!(desk.ask("PUT", path, &seen, &three).await.status, 200, "nothing has changed");
        // A booking takes a seat: whoever has not seen it must not put it back.
        desk.post("a", &body()).await;
        desk.perform("a", FLIGHT).await.unwrap();
        let stale = desk.ask("PUT", path, &seen, &three).await;
        assert_eq!(stale.status, 412);
        assert_eq!(desk.get(path).await.1, json!({"available": 2, "reserved": 1, "releases": "accepted"}));
        let now = desk.ask("GET", path, &seen, &Value::Null).await;
        let current = [("if-match", header(&now, "etag").unwrap())];
        assert_eq!(desk.ask("PUT", path, &current, &json!({"available": 9})).await.status, 200);
        assert_eq!(desk.get(path).await.1, json!({"available": 9, "reserved": 1, "releases": "accepted"}));
    });
}
