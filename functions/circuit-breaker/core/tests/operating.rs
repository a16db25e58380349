//! What a person does to one request: lists what waits and what is dead, cancels, discards and redrives.

use std::collections::BTreeSet;
use std::rc::Rc;

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::metrics::{DISMISSED, REDRIVEN};
use circuit_breaker_core::names::RequestId;
use circuit_breaker_core::rows::{RequestRow, order_group_key, request_key, target_key};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tenfold_ports::api::Response;

use crate::lab::{Lab, lab, request};
use crate::world::{Stack, config, put_breaker, rows, target};

pub const DIES: &str = r#","minimumCalls":100,"retry":{"maxAttempts":1,"baseDelayMs":10}"#;

pub fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

pub fn id(key: &str) -> RequestId {
    RequestId::new(&target(), None, key)
}

pub fn row(lab: &Lab<'_>, id: RequestId) -> RequestRow {
    RequestRow::read(&lab.world.table(|table| table.get(&request_key(id)).cloned()).unwrap()).unwrap()
}

/// Runs a test with eight shards, as a stack has them.
pub fn sharded(fields: &str, test: impl Fn(&Lab<'_>)) {
    lab(fields, |lab| {
        let stack = Stack { shards: 8, ..lab.stack };
        test(&Lab { world: lab.world, stack, seen: Rc::clone(&lab.seen) });
    });
}

pub fn send(lab: &Lab<'_>, key: &str, more: &[(&'static str, &str)]) -> Response {
    let headers: Vec<_> = [("idempotency-key", key)].into_iter().chain(more.iter().copied()).collect();
    lab.call(request("POST", "/requests/pay", &headers, "{}"))
}

/// Parks requests behind a breaker that was forced open, a second apart.
pub fn park(lab: &Lab<'_>, keys: impl IntoIterator<Item = String>) {
    put_breaker(lab.world, &config(""), BreakerState::ForcedOpen);
    for key in keys {
        assert_eq!(send(lab, &key, &[]).status, 202);
        lab.world.pass(SignedDuration::from_secs(1));
    }
}

/// Requests that are dead, each a second after the one before.
pub fn bury(lab: &Lab<'_>, keys: impl IntoIterator<Item = String>, more: &[(&'static str, &str)]) {
    lab.seen.status.set(500);
    for key in keys {
        assert_eq!(send(lab, &key, more).status, 202);
        lab.world.pass(SignedDuration::from_secs(1));
        lab.process();
    }
    lab.seen.status.set(200);
}

pub fn keys(n: usize) -> impl Iterator<Item = String> {
    (0..n).map(|n| format!("k{n:03}"))
}

/// All entries of a list, and the number of its pages.
pub fn all(lab: &Lab<'_>, path: &str) -> (Vec<Value>, usize) {
    let (mut entries, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let response = lab.get(&format!("{path}{after}"));
        assert_eq!(response.status, 200, "{:?}", body(&response));
        let page = body(&response);
        entries.extend(page["requests"].as_array().unwrap().iter().cloned());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (entries, pages),
        }
    }
}

fn ids(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| entry["requestId"].as_str().unwrap().to_owned()).collect()
}

pub fn post(lab: &Lab<'_>, path: &str, text: &'static str) -> Response {
    lab.call(request("POST", path, &[], text))
}

pub fn delete(lab: &Lab<'_>, id: RequestId) -> Response {
    lab.call(request("DELETE", &format!("/targets/pay/requests/{id}"), &[], ""))
}

#[test]
fn what_waits_is_listed_in_the_order_of_time_over_all_shards() {
    sharded("", |lab| {
        park(lab, keys(120));
        let shards: BTreeSet<u16> = rows(lab.world).iter().map(|row| row.data.shard).collect();
        assert_eq!(shards.len(), 8);
        let (entries, pages) = all(lab, "/targets/pay/requests?state=queued");
        let expected: Vec<String> = keys(120).map(|key| id(&key).to_string()).collect();
        assert_eq!((ids(&entries), pages), (expected, 3));
        assert_eq!(entries[0]["status"], "queued");
        assert_eq!(entries[0]["since"], entries[0]["acceptedAt"]);
        assert_eq!(all(lab, "/targets/pay/requests?state=dead").0, Vec::<Value>::new());
    });
}

#[test]
fn what_is_dead_is_listed_with_its_reason() {
    sharded(DIES, |lab| {
        bury(lab, keys(3), &[("tenant", "red"), ("ordering-key", "o")]);
        let (entries, _) = all(lab, "/targets/pay/requests?state=dead");
        let red = |key: &str| RequestId::new(&target(), Some("red"), key).to_string();
        assert_eq!(ids(&entries), keys(3).map(|key| red(&key)).collect::<Vec<_>>());
        let entry = &entries[0];
        assert_eq!(
            (&entry["status"], &entry["tenant"], &entry["orderingKey"]),
            (&json!("dead"), &json!("red"), &json!("o"))
        );
        assert!(entry["reason"].as_str().unwrap().contains("1 attempts failed"), "{entry}");
        assert_ne!(entry["since"], entry["acceptedAt"]);
    });
}

#[test]
fn a_list_is_of_a_tenant_and_of_an_age() {
    sharded("", |lab| {
        put_breaker(lab.world, &config(""), BreakerState::ForcedOpen);
        for (key, tenant) in [("a", "red"), ("b", "blue"), ("c", "red")] {
            assert_eq!(send(lab, key, &[("tenant", tenant)]).status, 202);
            lab.world.pass(SignedDuration::from_mins(1));
        }
        let list = |query: &str| all(lab, &format!("/targets/pay/requests?state=queued{query}")).0.len();
        assert_eq!(
            [list(""), list("&tenant=red"), list("&olderThan=90"), list("&tenant=red&olderThan=90")],
            [3, 2, 2, 1]
        );
        assert_eq!([list("&olderThan=0"), list("&olderThan=3600"), list("&tenant=green")], [3, 0, 0]);
    });
}

#[test]
fn a_page_goes_on_in_its_own_list_only() {
    sharded("", |lab| {
        park(lab, keys(60));
        let page = body(&lab.get("/targets/pay/requests?state=queued"));
        let next = page["next"].as_str().unwrap();
        for (path, status) in [
            ("pay/requests?state=queued", 200),
            ("pay/requests?state=dead", 400),
            ("pay/requests?state=queued&tenant=red", 400),
            ("pay/requests?state=queued&olderThan=1", 400),
            ("other/requests?state=queued", 400),
        ] {
            assert_eq!(lab.get(&format!("/targets/{path}&after={next}")).status, status, "{path}");
        }
        let fewer =
            Lab { world: lab.world, stack: Stack { shards: 2, ..lab.stack }, seen: Rc::clone(&lab.seen) };
        assert_eq!(fewer.get(&format!("/targets/pay/requests?state=queued&after={next}")).status, 400);
        assert_eq!(lab.get(&format!("/targets?after={next}")).status, 400);
    });
}

#[test]
fn a_list_knows_targets_that_were_deleted_and_no_others() {
    lab(DIES, |lab| {
        bury(lab, keys(1), &[]);
        assert_eq!(lab.call(request("DELETE", "/targets/pay", &[], "")).status, 204);
        assert_eq!(all(lab, "/targets/pay/requests?state=dead").0.len(), 1);
        assert_eq!(lab.get("/targets/pay/requests?state=queued").status, 200);
        assert_eq!(lab.get("/targets/nobody/requests?state=queued").status, 404);
        // Its row is gone, and its dead requests are not.
        lab.delete(target_key(&target()));
        assert_eq!(all(lab, "/targets/pay/requests?state=dead").0.len(), 1);
    });
}

#[test]
fn a_request_that_waits_is_cancelled_and_leaves_every_list() {
    lab("", |lab| {
        park(lab, keys(2));
        let cancelled = id("k000");
        let response = delete(lab, cancelled);
        let view = body(&response);
        assert_eq!(
            (response.status, &view["status"], &view["reason"]),
            (200, &json!("dead"), &json!("cancelled by hand"))
        );
        assert!(view["dismissedAt"].is_string());
        assert_eq!(ids(&all(lab, "/targets/pay/requests?state=queued").0), [id("k001").to_string()]);
        assert!(all(lab, "/targets/pay/requests?state=dead").0.is_empty());
        assert!(lab.messages(lab.stack.dead_letters).is_empty(), "nobody is told what somebody has done");
        let stored = row(lab, cancelled);
        assert_eq!(body(&delete(lab, cancelled)), view, "said again it changes nothing");
        assert_eq!(row(lab, cancelled), stored);
        assert_eq!(lab.measured(DISMISSED).len(), 1);
        // The key is not free for another call.
        assert_eq!(body(&send(lab, "k000", &[]))["type"], "urn:tenfold:problem:request-dead");
        put_breaker(lab.world, &config(""), BreakerState::Closed);
        assert_eq!(lab.process().delivered, 1);
        assert_eq!(lab.seen.calls.borrow().len(), 1);
    });
}

#[test]
fn a_dead_request_is_discarded_and_keeps_its_reason() {
    lab(DIES, |lab| {
        bury(lab, keys(2), &[]);
        let view = body(&delete(lab, id("k000")));
        assert!(view["reason"].as_str().unwrap().contains("attempts failed"), "{view}");
        assert_eq!(ids(&all(lab, "/targets/pay/requests?state=dead").0), [id("k001").to_string()]);
        assert_eq!(body(&lab.get("/targets/pay"))["queue"]["dead"], 1);
        assert_eq!(body(&post(lab, "/targets/pay/redrive", ""))["redriven"], 1);
        // By its id it can still be tried again.
        assert_eq!(
            body(&post(lab, &format!("/targets/pay/requests/{}/redrive", id("k000")), ""))["status"],
            "queued"
        );
        assert_eq!(lab.process().delivered, 2);
    });
}

#[test]
fn what_was_delivered_is_neither_cancelled_nor_redriven() {
    lab("", |lab| {
        assert_eq!(lab.post("a").status, 200);
        let redriven = post(lab, &format!("/targets/pay/requests/{}/redrive", id("a")), "");
        for response in [delete(lab, id("a")), redriven] {
            let problem = body(&response);
            assert_eq!(
                (response.status, &problem["type"]),
                (409, &json!("urn:tenfold:problem:request-delivered"))
            );
            assert!(problem["detail"].as_str().unwrap().contains("answered 200"), "{problem}");
        }
        assert_eq!(delete(lab, id("nobody")).status, 404);
    });
}

#[test]
fn one_dead_request_is_redriven_to_the_end_of_its_order_group() {
    lab(DIES, |lab| {
        let ordered = [("ordering-key", "o")];
        bury(lab, keys(1), &ordered);
        put_breaker(lab.world, &config(DIES), BreakerState::ForcedOpen);
        assert_eq!(send(lab, "later", &ordered).status, 202);
        let path = format!("/targets/pay/requests/{}/redrive", id("k000"));
        assert_eq!(body(&post(lab, &path, ""))["status"], "queued");
        let stored = row(lab, id("k000"));
        assert_eq!(body(&post(lab, &path, ""))["status"], "queued", "said again it changes nothing");
        assert_eq!(row(lab, id("k000")), stored);
        assert_eq!((stored.data.tries, stored.data.died), (0, None));
        put_breaker(lab.world, &config(DIES), BreakerState::Closed);
        lab.seen.calls.borrow_mut().clear();
        assert_eq!(lab.process().delivered, 2);
        let keys: Vec<_> = lab
            .seen
            .calls
            .borrow()
            .iter()
            .map(|call| crate::lab::header(call, "idempotency-key").cloned())
            .collect();
        assert_eq!(keys, [Some("later".into()), Some("k000".into())]);
        assert_eq!(lab.measured(REDRIVEN), [(Some("pay".into()), 1.0)]);
    });
}

#[test]
fn a_request_of_a_target_that_is_gone_is_not_redriven() {
    lab(DIES, |lab| {
        bury(lab, keys(1), &[]);
        assert_eq!(lab.call(request("DELETE", "/targets/pay", &[], "")).status, 204);
        let path = format!("/targets/pay/requests/{}/redrive", id("k000"));
        assert_eq!(body(&post(lab, &path, ""))["type"], "urn:tenfold:problem:unknown-target");
        assert_eq!(delete(lab, id("k000")).status, 200, "it can be discarded");
    });
}

#[test]
fn the_next_of_an_order_group_goes_on_when_the_first_is_cancelled() {
    lab("", |lab| {
        let ordered = [("ordering-key", "o")];
        put_breaker(lab.world, &config(""), BreakerState::ForcedOpen);
        for key in ["a", "b", "c"] {
            assert_eq!(send(lab, key, &ordered).status, 202);
        }
        put_breaker(lab.world, &config(""), BreakerState::Closed);
        lab.lose_messages();
        assert_eq!(delete(lab, id("b")).status, 200);
        assert_eq!(delete(lab, id("a")).status, 200);
        assert_eq!(lab.messages(lab.stack.queue).len(), 2, "of which each asks for a look");
        assert_eq!(lab.process().delivered, 1);
        assert!(lab.world.table(|table| table.get(&order_group_key(&target(), "o")).is_none()));
    });
}
