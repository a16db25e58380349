//! Bodies that are too large for the rows of their requests: where they are, until when, and what is done without them.

use std::time::Duration;

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::retry_processor::RetryProcessor;
use circuit_breaker_core::rows::{EXPIRES, INLINE_MOST, RequestStatus, StoredBody, request_key};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tenfold_ports::table::{Item, Key, Write};
use tenfold_ports::{Bytes, Clock, Context};

use crate::lab::{Lab, lab, request};
use crate::operating::{DIES, body, delete, id, post, row};
use crate::refusing::{asked, refused};
use crate::world::bodies::LARGE;
use crate::world::{config, deliver, put_breaker};

/// What fails is tried again soon.
const SOON: &str = r#","minimumCalls":100,"retry":{"baseDelayMs":10}"#;

fn send(lab: &Lab<'_>, key: &str, body: impl Into<Bytes>) -> u16 {
    lab.call(request("POST", "/requests/pay", &[("idempotency-key", key)], body)).status
}

/// Parks a request at a target that fails; it is due soon.
fn park(lab: &Lab<'_>, key: &str, body: impl Into<Bytes>) {
    lab.seen.status.set(500);
    assert_eq!(send(lab, key, body), 202);
    lab.seen.status.set(200);
    lab.world.pass(SignedDuration::from_secs(2));
}

fn item(lab: &Lab<'_>, key: &Key) -> Option<Item> {
    lab.world.table(|table| table.get(key).cloned())
}

fn stored(lab: &Lab<'_>, key: &str) -> Item {
    item(lab, &request_key(id(key))).unwrap()
}

/// The item of a request's body.
fn body_of(lab: &Lab<'_>, key: &str) -> Option<Item> {
    item(lab, &row(lab, id(key)).body_key())
}

/// For how many whole days that is kept from now on.
fn days(lab: &Lab<'_>, key: &str) -> i64 {
    let until = Timestamp::from_second(body_of(lab, key).unwrap().number(EXPIRES).unwrap()).unwrap();
    until.duration_since(lab.world.now()).as_hours() / 24
}

fn last_body(lab: &Lab<'_>) -> Bytes {
    lab.seen.calls.borrow().last().unwrap().body.clone()
}

#[test]
fn a_large_body_is_written_once_and_is_gone_when_it_was_delivered() {
    lab(SOON, |lab| {
        park(lab, "a", LARGE);
        assert_eq!(
            stored(lab, "a").text("status").unwrap(),
            "queued-body-apart",
            "no version before reads it"
        );
        assert!(stored(lab, "a").get("body").is_none());
        let written = body_of(lab, "a");
        assert_eq!((written.as_ref().unwrap().get("body").is_some(), days(lab, "a")), (true, 29));
        lab.seen.status.set(500);
        let failed = lab.process().failed as u32;
        assert!(failed > 0);
        assert_eq!((row(lab, id("a")).data.tries, body_of(lab, "a")), (1 + failed, written));
        lab.world.pass(SignedDuration::from_mins(1));
        lab.seen.status.set(200);
        let key = row(lab, id("a")).body_key();
        assert_eq!(lab.process().delivered, 1);
        assert_eq!((last_body(lab), item(lab, &key)), (Bytes::from_static(LARGE.as_bytes()), None));
        assert_eq!(send(lab, "a", LARGE), 200, "it was delivered");
    });
}

#[test]
fn a_small_body_stays_in_its_row_and_so_does_a_large_one_of_a_version_before() {
    lab(SOON, |lab| {
        park(lab, "small", &LARGE[..INLINE_MOST]);
        assert_eq!(stored(lab, "small").text("status").unwrap(), "queued");
        let of_before = Bytes::from(vec![b'y'; 100_000]);
        lab.put(stored(lab, "small").with("body", of_before.clone()));
        lab.seen.status.set(500);
        assert!(lab.process().failed > 0);
        assert_eq!(row(lab, id("small")).body, StoredBody::Inline(of_before.clone()));
        lab.world.pass(SignedDuration::from_mins(1));
        lab.seen.status.set(200);
        assert_eq!((lab.process().delivered, last_body(lab)), (1, of_before));
    });
}

#[test]
fn nothing_is_promised_without_its_body() {
    lab(SOON, |lab| {
        put_breaker(lab.world, &config(SOON), BreakerState::ForcedOpen);
        let post = || request("POST", "/requests/pay", &[("idempotency-key", "a")], LARGE);
        assert_eq!(asked(lab, post(), &["write 1"]).status, 503);
        assert_eq!(lab.items().iter().filter(|item| item.key.pk.starts_with("request#")).count(), 0);
        // A body without its row is nobody's, and is taken when the request comes again.
        assert_eq!(asked(lab, post(), &["write 2"]).status, 503);
        assert_eq!(lab.items().iter().filter(|item| item.key.pk.starts_with("request#")).count(), 1);
        lab.world.pass(SignedDuration::from_hours(24));
        assert_eq!((lab.call(post()).status, days(lab, "a")), (202, 30));
    });
}

#[test]
fn a_request_whose_body_is_missing_stops_itself_only() {
    lab(r#","minimumCalls":100,"retry":{"baseDelayMs":10,"maxAgeSeconds":3600}"#, |lab| {
        for key in ["a", "b"] {
            park(lab, key, LARGE);
        }
        let lost = row(lab, id("a"));
        // By hand, as no invariant allows.
        lab.world.edit(|table| table.watch(|_, _, _| Ok(())));
        lab.delete(lost.body_key());
        let summary = lab.process();
        assert_eq!((summary.delivered, summary.unreadable, lab.unreadable()), (1, 1, 1), "{summary:?}");
        assert_eq!(row(lab, id("a")), lost, "it waits for somebody who brings it back");
        assert!(lab.seen.calls.borrow().iter().all(|call| call.body.len() == LARGE.len()));
        lab.world.pass(SignedDuration::from_hours(1));
        assert_eq!(lab.process().dead, 1);
        lab.unreadable();
        assert_eq!(post(lab, &format!("/targets/pay/requests/{}/redrive", id("a")), "").status, 500);
        let many = body(&post(lab, "/targets/pay/redrive", ""));
        let left = json!({ "redriven": 0, "looked": 1, "left": 0, "unreadable": 1, "next": null });
        assert_eq!((many, lab.unreadable()), (left, 1));
        assert_eq!(row(lab, id("a")).status, RequestStatus::Dead);
        assert_eq!(delete(lab, id("a")).status, 200, "and can be discarded");
    });
}

#[test]
fn a_table_that_does_not_answer_is_no_missing_body() {
    lab(SOON, |lab| {
        park(lab, "a", LARGE);
        let (_, summary) = refused(lab, &["get"]);
        assert_eq!((summary.delivered, summary.unreadable, lab.unreadable()), (0, 0, 0), "{summary:?}");
        lab.world.pass(SignedDuration::from_mins(10));
        // The lease, the row, the body.
        let (_, summary) = refused(lab, &["write 3"]);
        assert_eq!(summary.delivered, 1, "{summary:?}");
        assert_eq!((row(lab, id("a")).status, body_of(lab, "a").is_some()), (RequestStatus::Delivered, true));
    });
}

#[test]
fn a_large_body_is_kept_as_long_as_its_request_may_be_sent() {
    lab(DIES, |lab| {
        park(lab, "a", LARGE);
        let stack = lab.stack;
        let dead = lab.ask(move |env, own| async move {
            let year = Duration::from_hours(365 * 24);
            let processor = RetryProcessor { dead_retention: year, ..stack.processor(&env, &own) };
            own.fail();
            deliver(&processor, &Context::until(env.now() + SignedDuration::from_secs(90))).await.dead
        });
        assert_eq!((dead, days(lab, "a")), (1, 364));
        lab.world.pass(SignedDuration::from_hours(350 * 24));
        assert_eq!(post(lab, "/targets/pay/redrive", "").status, 200);
        assert_eq!(days(lab, "a"), 30);
        lab.seen.status.set(200);
        assert_eq!((lab.process().delivered, last_body(lab).len()), (1, LARGE.len()));
    });
}

#[test]
fn a_large_body_leaves_room_for_the_answer_that_refuses_it() {
    lab(SOON, |lab| {
        let most = vec![b'x'; 256 * 1024];
        park(lab, "a", most.clone());
        let answer = tenfold_ports::downstream::Answer {
            status: 422,
            headers: Vec::new(),
            body: most.clone().into(),
            truncated: false,
        };
        lab.seen.answers.borrow_mut().push_back(Ok(answer));
        assert_eq!(lab.process().dead, 1);
        let shown = body(&lab.get(&format!("/requests/{}", id("a"))));
        assert_eq!(
            (&shown["answer"]["bytes"], &shown["answer"]["tooLarge"]),
            (&json!(most.len()), &json!(false))
        );
    });
}

#[test]
fn what_comes_late_does_no_harm() {
    let body = Bytes::from_static(LARGE.as_bytes());
    let key = || Key::new("request#a", "body#b");
    let now = Timestamp::from_second(1_000_000_000).unwrap();
    let [first, later] = [now, now + SignedDuration::from_mins(2)].map(|now| StoredBody::of(&body, now));
    let holds = |write: &Write, item: &Item| write.condition().holds(Some(item));
    let (Some(Write::Put { item: old, .. }), Some(Write::Put { item: new, .. })) =
        (first.put(key(), &body), later.put(key(), &body))
    else {
        unreachable!("a large body is put")
    };
    assert!(!holds(&first.put(key(), &body).unwrap(), &new), "a put shortens nothing");
    assert!(holds(&later.put(key(), &body).unwrap(), &old));
    assert!(!holds(&first.delete(key()).unwrap(), &new), "a deletion takes nothing that was put later");
    assert!(holds(&first.delete(key()).unwrap(), &old));
    let StoredBody::Apart(until) = later else { unreachable!("it has an item of its own") };
    let keep = first.clone().keep(key(), until - SignedDuration::from_secs(1)).unwrap();
    assert!(!holds(&keep, &new) && holds(&keep, &old), "nor does who keeps it");
    assert!(!keep.condition().holds(None), "what is missing is not made without its bytes");
    assert!(later.clone().keep(key(), until).is_none());
}
