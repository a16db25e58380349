//! The API on the rows: what is answered, and what is answered to the same request again.

mod bad_requests;
mod inventory;

use crate::desk::{CAR, FLIGHT, HOTEL, body, desk, header};
use crate::quiet::{calls_of, run};
use saga_core::inventory::{Releases, StockKind};
use saga_core::names::SagaId;
use saga_core::rows::saga_key;
use saga_core::state::SagaState;
use saga_core::trip;
use serde_json::{Value, json};
use tenfold_ports::table::{Item, Write};
use tenfold_ports::{Carrier, Table};

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
