//! A target's history: who has changed it, when, and to what.

use circuit_breaker_core::rows::history;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tenfold_ports::api::Request;
use tenfold_ports::table::{Item, Key};

use crate::lab::{Lab, lab, request};
use crate::operating::body;
use crate::world::target;

const ALICE: &str = "arn:aws:iam::123456789012:user/alice";

/// A call by somebody whom API Gateway knows.
fn signed(lab: &Lab<'_>, method: &str, path: &str, text: &str) -> u16 {
    let signed = Request { caller: Some(ALICE.into()), ..request(method, path, &[], text.to_owned()) };
    lab.call(signed).status
}

fn entries(lab: &Lab<'_>, path: &str) -> Vec<Value> {
    body(&lab.get(path))["history"].as_array().unwrap().clone()
}

#[test]
fn who_changes_a_target_and_how_is_kept() {
    lab("", |lab| {
        let config = r#"{"url":"http://pay.example/","minimumCalls":7}"#;
        assert_eq!(signed(lab, "PUT", "/targets/pay", config), 200);
        lab.world.pass(SignedDuration::from_secs(1));
        let force = r#"{"force":"open","reason":"maintenance"}"#;
        assert_eq!(signed(lab, "POST", "/targets/pay/state?tenant=red", force), 200);
        assert_eq!(signed(lab, "POST", "/targets/pay/state?tenant=red", force), 200, "and changes nothing");
        lab.world.pass(SignedDuration::from_secs(1));
        let etag = lab.get("/targets/pay").headers.iter().find(|(n, _)| n == "etag").unwrap().1.clone();
        assert_eq!(lab.call(request("DELETE", "/targets/pay", &[], "")).status, 204);
        let found = entries(lab, "/targets/pay/history");
        let changes: Vec<_> = found.iter().map(|entry| (&entry["change"], &entry["by"])).collect();
        let (alice, nobody) = (json!(ALICE), Value::Null);
        let expected =
            [(json!("deleted"), &nobody), (json!("forced"), &alice), (json!("configured"), &alice)];
        assert_eq!(changes, expected.iter().map(|(change, by)| (change, *by)).collect::<Vec<_>>());
        assert_eq!(found[0]["waitingCancelled"], false);
        let forced = ["tenant", "state", "reason"].map(|field| found[1][field].clone());
        assert_eq!(forced, [json!("red"), json!("forcedOpen"), json!("maintenance")]);
        assert_eq!(
            (&found[2]["config"]["minimumCalls"], &found[2]["etag"]),
            (&json!(7), &json!(etag.as_str()))
        );
    });
}

#[test]
fn what_is_refused_leaves_no_entry() {
    lab("", |lab| {
        assert_eq!(signed(lab, "PUT", "/targets/pay", "{}"), 400);
        let stale = [("if-match", "\"0\"")];
        assert_eq!(lab.call(request("PUT", "/targets/pay", &stale, r#"{"url":"http://a"}"#)).status, 412);
        assert_eq!(entries(lab, "/targets/pay/history"), Vec::<Value>::new());
        assert_eq!(lab.get("/targets/nobody/history").status, 404);
    });
}

#[test]
fn a_history_has_pages_the_newest_first_and_ends() {
    lab("", |lab| {
        for n in 1..=60 {
            let config = format!(r#"{{"url":"http://pay.example/","minimumCalls":{n}}}"#);
            assert_eq!(signed(lab, "PUT", "/targets/pay", &config), 200);
            lab.world.pass(SignedDuration::from_secs(1));
        }
        let first = body(&lab.get("/targets/pay/history"));
        let next = first["next"].as_str().unwrap();
        let second = body(&lab.get(&format!("/targets/pay/history?after={next}")));
        let calls = |page: &Value| -> Vec<u64> {
            let entries = page["history"].as_array().unwrap();
            entries.iter().map(|entry| entry["config"]["minimumCalls"].as_u64().unwrap()).collect()
        };
        assert_eq!([calls(&first), calls(&second)].concat(), (1..=60).rev().collect::<Vec<_>>());
        assert_eq!(second["next"], Value::Null);
        for path in ["/targets/other/history", "/targets"] {
            assert_eq!(lab.get(&format!("{path}?after={next}")).status, 400, "{path}");
        }
        lab.world.pass(SignedDuration::from_hours(25));
        assert_eq!(entries(lab, "/targets/pay/history"), Vec::<Value>::new(), "kept as long as what is dead");
    });
}

#[test]
fn an_entry_that_cannot_be_read_hides_no_other() {
    lab("", |lab| {
        assert_eq!(signed(lab, "PUT", "/targets/pay", r#"{"url":"http://pay.example/"}"#), 200);
        // The newest.
        let place = format!("{:015}#0", (lab.world.now() + SignedDuration::from_secs(5)).as_millisecond());
        lab.put(Item::new(Key::new(history(&target()), place)));
        lab.put(Item::new(Key::new(history(&target()), "strange")));
        let found = entries(lab, "/targets/pay/history");
        assert_eq!((found.len(), lab.unreadable()), (3, 2));
        assert_eq!(found[0], json!({ "at": null, "unreadable": true }));
        assert!(found[1]["at"].is_string() && found[1]["unreadable"] == true);
        assert_eq!(found[2]["change"], "configured");
    });
}
