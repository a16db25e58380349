//! A row or message that cannot be read, first in line: it stops itself only, is counted, and stays.

use crate::lab::{Lab, lab, request};
use crate::world::{config, put_breaker, target};
use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::names::{BreakerName, RequestId, TargetName};
use circuit_breaker_core::park::{DeadRequest, Look, Wake};
use circuit_breaker_core::rows::{
    QUEUE, RequestRow, RequestStatus, TargetRow, WAKE, active, breaker_key, dead, order_group_key,
    request_key, target_item, target_key,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tenfold_ports::table::Item;

/// Names come first or last in a list by their first letter.
fn named(name: &str) -> TargetName {
    TargetName::parse(name).unwrap()
}

fn id(key: &str) -> RequestId {
    RequestId::new(&target(), None, key)
}

/// The row of a request that another version has written, in the index before all others.
fn strange(lab: &Lab<'_>, key: &str, status: &'static str, queue: smol_str::SmolStr) -> Item {
    let first = lab.world.now() - SignedDuration::from_hours(1);
    let row = Item::new(request_key(id(key))).with("version", 1).with("status", status);
    row.with(QUEUE, queue).with(WAKE, first.as_millisecond())
}

fn row(lab: &Lab<'_>, key: &str) -> RequestRow {
    let found = lab.world.table(|table| table.get(&request_key(id(key))).cloned());
    RequestRow::read(&found.unwrap()).unwrap()
}

/// Parks a request at a target that fails once; it is due soon.
fn park(lab: &Lab<'_>, key: &str) {
    lab.seen.status.set(500);
    assert_eq!(lab.post(key).status, 202);
    lab.seen.status.set(200);
}

fn body(response: &tenfold_ports::api::Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

#[test]
fn a_list_leaves_out_what_it_cannot_read() {
    lab("", |lab| {
        lab.put(Item::new(target_key(&named("aaa"))));
        let row = TargetRow::new(config(""), lab.world.now());
        lab.put(target_item(&named("bbb"), row));
        lab.put(Item::new(breaker_key(&BreakerName::of(named("bbb")))).with("version", 1));
        let page = body(&lab.get("/targets"));
        let names: Vec<_> = page["targets"].as_array().unwrap().iter().map(|t| &t["target"]).collect();
        assert_eq!((names, lab.unreadable()), (vec![&json!("pay")], 2));
    });
}

#[test]
fn a_single_read_says_that_repeating_it_does_not_help() {
    lab("", |lab| {
        lab.put(Item::new(target_key(&named("aaa"))));
        lab.put(strange(lab, "a", "queued", active(&target(), 0)));
        let path = format!("/requests/{}", id("a"));
        for response in [
            lab.get("/targets/aaa"),
            lab.get(&path),
            lab.call(request("POST", "/requests/aaa", &[("idempotency-key", "k")], "")),
            lab.call(request("POST", "/targets/aaa/redrive", &[], "")),
            lab.call(request("DELETE", &format!("/targets/pay{path}"), &[], "")),
            lab.call(request("POST", &format!("/targets/pay{path}/redrive"), &[], "")),
            lab.call(request("DELETE", "/targets/aaa", &[], "")),
        ] {
            assert_eq!(
                (response.status, &body(&response)["type"]),
                (500, &json!("urn:tenfold:problem:internal-error"))
            );
        }
        assert_eq!(lab.get("/targets/pay").status, 200);
        assert!(lab.seen.calls.borrow().is_empty());
    });
}

#[test]
fn a_sweep_serves_those_behind_more_than_a_page_that_it_cannot_read() {
    lab("", |lab| {
        lab.put(Item::new(target_key(&named("aaa"))));
        park(lab, "a");
        let keys: Vec<String> = (0..120).map(|n| format!("strange {n}")).collect();
        let rows: Vec<Item> =
            keys.iter().map(|key| strange(lab, key, "queued", active(&target(), 0))).collect();
        rows.iter().cloned().for_each(|item| lab.put(item));
        let summary = lab.process();
        assert_eq!((summary.woken, summary.delivered), (1, 1), "{summary:?}");
        assert!(lab.unreadable() > 120);
        assert_eq!(row(lab, "a").status, RequestStatus::Delivered);
        let items = lab.items();
        assert!(rows.iter().all(|row| items.contains(row)), "they wait for a version that reads them");
    });
}

#[test]
fn a_batch_serves_those_beside_what_it_cannot_read() {
    lab(r#","retry":{"baseDelayMs":10}"#, |lab| {
        let row = strange(lab, "strange", "queued", active(&target(), 0));
        lab.put(row.clone());
        lab.send(lab.stack.queue, "nonsense".to_owned());
        lab.send(lab.stack.queue, Wake { target: target(), look: Look::Due }.body());
        park(lab, "a");
        let summary = lab.process();
        assert_eq!((summary.delivered, summary.dropped), (1, 1), "{summary:?}");
        assert!(lab.unreadable() >= 2);
        assert!(lab.items().contains(&row), "it waits for a version that reads it");
        assert!(lab.messages(lab.stack.queue).is_empty());
        assert_eq!(lab.messages(lab.stack.dead_letters), ["nonsense"]);
    });
}

#[test]
fn a_request_whose_order_group_cannot_be_read_holds_up_no_other() {
    lab(r#","retry":{"baseDelayMs":10}"#, |lab| {
        let ordered = [("idempotency-key", "o"), ("ordering-key", "k")];
        lab.seen.status.set(500);
        assert_eq!(lab.call(request("POST", "/requests/pay", &ordered, "{}")).status, 202);
        park(lab, "a");
        lab.put(Item::new(order_group_key(&target(), "k")).with("stamp", 7));
        let summary = lab.process();
        assert_eq!(summary.delivered, 1, "{summary:?}");
        assert!(lab.unreadable() >= 1 && summary.unreadable >= 1);
        assert_eq!(row(lab, "o").status, RequestStatus::Queued);
    });
}

#[test]
fn a_redrive_takes_those_behind_what_it_cannot_read_and_its_letter_is_kept() {
    lab(r#","retry":{"maxAttempts":1,"baseDelayMs":10}"#, |lab| {
        let strange_row = strange(lab, "strange", "dead", dead(&target(), 0));
        lab.put(strange_row.clone());
        let carrier = tenfold_ports::Carrier::default();
        let letter = DeadRequest { request: id("strange"), target: target(), carrier, died: None };
        let letter = serde_json::to_string(&letter).unwrap();
        lab.send(lab.stack.dead_letters, "nonsense".to_owned());
        lab.send(lab.stack.dead_letters, letter.clone());
        park(lab, "a");
        assert_eq!(lab.process().dead, 1);
        assert_eq!(lab.messages(lab.stack.dead_letters).len(), 3);
        let post = |path: &str| body(&lab.call(request("POST", path, &[], "")));
        let redriven = json!({ "redriven": 1, "looked": 2, "left": 0, "unreadable": 1, "next": null });
        assert_eq!(post("/targets/pay/redrive"), redriven);
        assert_eq!(lab.unreadable(), 1);
        assert_eq!(post("/dead-letters/clear"), json!({ "looked": 3, "cleared": 1, "more": false }));
        assert_eq!(lab.unreadable(), 1);
        assert_eq!(lab.messages(lab.stack.dead_letters), ["nonsense".to_owned(), letter]);
        assert_eq!(lab.process().delivered, 1);
        assert!(lab.items().contains(&strange_row));
    });
}

#[test]
fn what_cannot_be_read_is_in_the_list_by_its_id() {
    lab(r#","retry":{"maxAttempts":1,"baseDelayMs":10}"#, |lab| {
        lab.put(strange(lab, "strange", "queued", active(&target(), 0)));
        lab.put(strange(lab, "stranger", "dead", dead(&target(), 0)));
        park(lab, "a");
        for (state, key) in [("queued", "strange"), ("dead", "stranger")] {
            let list = body(&lab.get(&format!("/targets/pay/requests?state={state}")));
            let first = json!({ "requestId": id(key).to_string(), "unreadable": true });
            assert_eq!((&list["requests"][0], lab.unreadable()), (&first, 1));
            assert_eq!(list["requests"].as_array().unwrap().len(), if state == "queued" { 2 } else { 1 });
        }
    });
}

#[test]
fn many_are_cancelled_and_discarded_behind_what_cannot_be_read() {
    lab(r#","minimumCalls":50,"retry":{"maxAttempts":2,"baseDelayMs":60000}"#, |lab| {
        let rows = [
            strange(lab, "strange", "queued", active(&target(), 0)),
            strange(lab, "stranger", "dead", dead(&target(), 0)),
        ];
        rows.iter().cloned().for_each(|row| lab.put(row));
        let post = |path: &str| body(&lab.call(request("POST", path, &[], "")));
        park(lab, "a");
        // Its order group cannot be read.
        lab.seen.status.set(500);
        let ordered = [("idempotency-key", "o"), ("ordering-key", "k")];
        assert_eq!(lab.call(request("POST", "/requests/pay", &ordered, "{}")).status, 202);
        let group = lab.world.table(|table| table.get(&order_group_key(&target(), "k")).cloned()).unwrap();
        lab.put(Item::new(order_group_key(&target(), "k")).with("stamp", 7));
        let cancelled = json!({ "cancelled": 1, "looked": 3, "left": 0, "unreadable": 2, "next": null });
        assert_eq!(post("/targets/pay/cancel"), cancelled);
        lab.put(group);
        lab.world.pass(SignedDuration::from_mins(2));
        assert_eq!(lab.process().dead, 1);
        let discarded = json!({ "discarded": 1, "looked": 2, "left": 0, "unreadable": 1, "next": null });
        assert_eq!(post("/targets/pay/discard"), discarded);
        assert_eq!(lab.unreadable(), 4, "with the one that the drain met");
        let items = lab.items();
        assert!(rows.iter().all(|row| items.contains(row)), "they wait for a version that reads them");
    });
}

#[test]
fn the_monitor_checks_those_behind_what_it_cannot_read() {
    let fields = r#","healthUrl":"http://pay.example/health""#;
    lab(fields, |lab| {
        lab.put(Item::new(target_key(&named("aaa"))));
        put_breaker(lab.world, &config(fields), BreakerState::Open { until: lab.world.now() });
        let context = lab.traced("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "-");
        let summary = lab.monitor(context);
        assert_eq!((summary.targets, summary.failed, lab.unreadable()), (1, 0, 1));
        assert!(summary.checks > 0);
    });
}

#[test]
fn a_tenant_whose_breaker_cannot_be_read_stops_itself_only() {
    lab("", |lab| {
        let blue = BreakerName { target: target(), tenant: Some("blue".into()) };
        lab.put(Item::new(breaker_key(&blue)).with("version", 1));
        let of = |key, tenant| {
            request("POST", "/requests/pay", &[("idempotency-key", key), ("tenant", tenant)], "")
        };
        assert_eq!(lab.call(of("a", "blue")).status, 500);
        assert_eq!(lab.call(of("b", "red")).status, 200);
        assert_eq!(lab.post("c").status, 200);
    });
}
