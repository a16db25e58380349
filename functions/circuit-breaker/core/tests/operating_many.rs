//! What a person does to many requests at once, to their dead letters, and to a target with all that waits for it.

use std::time::Duration;

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::gateway::Gateway;
use circuit_breaker_core::metrics::DISMISSED;
use circuit_breaker_core::retry_processor::RetryProcessor;
use circuit_breaker_core::rows::{ORDER_GROUP_MOST, OrderGroup, OrderGroupRow, RequestStatus, request_key};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tenfold_pattern::http::page_token;
use tenfold_ports::table::Write;
use tenfold_ports::{Clock, Context};

use crate::lab::{Lab, header, lab, request};
use crate::operating::{DIES, all, body, bury, delete, id, keys, park, post, row, send, sharded};
use crate::refusing::asked;
use crate::world::{config, deliver, put_breaker, rows, target};

/// Calls a command again and again until it has come to its end. Gives the answers.
fn until_done(lab: &Lab<'_>, path: &str, text: &'static str) -> Vec<Value> {
    let (mut answers, mut after) = (Vec::new(), String::new());
    loop {
        let response = post(lab, &format!("{path}{after}"), text);
        assert_eq!(response.status, 200, "{:?}", body(&response));
        answers.push(body(&response));
        match answers.last().unwrap()["next"].as_str() {
            Some(next) => after = format!("?after={next}"),
            None => return answers,
        }
    }
}

#[test]
fn many_are_redriven_by_calls_that_go_on_where_the_one_before_ended() {
    sharded(DIES, |lab| {
        put_breaker(lab.world, &config(DIES), BreakerState::ForcedClosed);
        lab.seen.status.set(500);
        for key in keys(1_030) {
            assert_eq!(send(lab, &key, &[]).status, 202);
        }
        lab.world.pass(SignedDuration::from_secs(1));
        while lab.process().dead > 0 {}
        lab.seen.status.set(200);
        let answers = until_done(lab, "/targets/pay/redrive", "");
        let counts: Vec<_> = answers.iter().map(|a| (a["redriven"].as_u64(), a["looked"].as_u64())).collect();
        assert_eq!(counts, [(Some(1_000), Some(1_000)), (Some(30), Some(30))]);
        assert!(rows(lab.world).iter().all(|row| row.status == RequestStatus::Queued));
    });
}

#[test]
fn a_command_is_for_a_tenant_an_age_and_a_reason() {
    lab(DIES, |lab| {
        bury(lab, ["a".to_owned()], &[("tenant", "red")]);
        lab.world.pass(SignedDuration::from_mins(1));
        bury(lab, ["b".to_owned()], &[("tenant", "blue")]);
        let command = |text| body(&post(lab, "/targets/pay/discard", text));
        for text in [
            r#"{"tenant":"green"}"#,
            r#"{"olderThanSeconds":3600}"#,
            r#"{"reason":"its target was deleted"}"#,
        ] {
            assert_eq!(command(text)["discarded"], 0, "{text}");
        }
        let looked = command(r#"{"tenant":"blue","reason":"attempts failed"}"#);
        assert_eq!(looked, json!({ "discarded": 1, "looked": 2, "left": 0, "unreadable": 0, "next": null }));
        assert_eq!(command(r#"{"olderThanSeconds":30,"tenant":null}"#)["discarded"], 1);
        assert_eq!(lab.measured(DISMISSED).len(), 2);
    });
}

#[test]
fn all_that_waits_is_cancelled_and_what_comes_later_is_not() {
    sharded("", |lab| {
        park(lab, keys(60));
        let answers = until_done(lab, "/targets/pay/cancel", "{}");
        assert_eq!((answers.len(), &answers[0]["cancelled"]), (1, &json!(60)));
        assert!(lab.messages(lab.stack.dead_letters).is_empty());
        assert_eq!(send(lab, "later", &[]).status, 202);
        assert_eq!(all(lab, "/targets/pay/requests?state=queued").0.len(), 1);
        put_breaker(lab.world, &config(""), BreakerState::Closed);
        assert_eq!(lab.process().delivered, 1);
    });
}

#[test]
fn the_order_of_a_group_is_kept_where_many_are_redriven() {
    sharded(DIES, |lab| {
        bury(lab, keys(12), &[("ordering-key", "o")]);
        assert_eq!(body(&post(lab, "/targets/pay/redrive", ""))["redriven"], 12);
        lab.seen.calls.borrow_mut().clear();
        assert_eq!(lab.process().delivered, 12);
        let called: Vec<_> = lab
            .seen
            .calls
            .borrow()
            .iter()
            .map(|call| header(call, "idempotency-key").unwrap().to_string())
            .collect();
        assert_eq!(called, keys(12).collect::<Vec<_>>());
    });
}

#[test]
fn who_finds_a_full_group_stays_dead_and_is_counted() {
    lab(DIES, |lab| {
        bury(lab, keys(2), &[("ordering-key", "o")]);
        bury(lab, ["alone".to_owned()], &[]);
        let empty = OrderGroupRow::read(&target(), &"o".into(), None).unwrap();
        let others = (0..ORDER_GROUP_MOST).map(|n| id(&format!("other {n}")));
        let group = OrderGroup { waiting: others.collect() };
        let Write::Put { item, .. } = empty.replace(group, 1) else { unreachable!("it is not empty") };
        lab.put(item);
        let told = body(&post(lab, "/targets/pay/redrive", ""));
        assert_eq!(told, json!({ "redriven": 1, "looked": 3, "left": 2, "unreadable": 0, "next": null }));
        assert_eq!(row(lab, id("k001")).status, RequestStatus::Dead);
    });
}

#[test]
fn only_a_redrive_needs_its_target() {
    lab(DIES, |lab| {
        bury(lab, keys(1), &[]);
        assert_eq!(lab.call(request("DELETE", "/targets/pay", &[], "")).status, 204);
        assert_eq!(post(lab, "/targets/pay/redrive", "").status, 404);
        assert_eq!(body(&post(lab, "/targets/pay/discard", ""))["discarded"], 1);
        assert_eq!(body(&post(lab, "/targets/pay/discard", ""))["discarded"], 0);
        assert_eq!(post(lab, "/targets/nobody/discard", "").status, 404);
        assert_eq!(post(lab, "/targets/nobody/cancel", "").status, 404);
    });
}

#[test]
fn letters_of_requests_that_are_dead_no_more_are_cleared_and_others_stay() {
    lab(DIES, |lab| {
        bury(lab, keys(14), &[]);
        lab.send(lab.stack.dead_letters, "nonsense".to_owned());
        let letters = || lab.messages(lab.stack.dead_letters).len();
        assert_eq!(letters(), 15);
        assert_eq!(post(lab, &format!("/targets/pay/requests/{}/redrive", id("k003")), "").status, 200);
        assert_eq!(delete(lab, id("k004")).status, 200);
        assert_eq!(letters(), 15, "who redrives or discards receives no letter");
        let clear = || body(&post(lab, "/dead-letters/clear", ""));
        assert_eq!(clear(), json!({ "looked": 15, "cleared": 2, "more": false }));
        assert_eq!(clear(), json!({ "looked": 13, "cleared": 0, "more": false }), "they are not hidden");
        assert_eq!(body(&post(lab, "/targets/pay/redrive", ""))["redriven"], 12);
        assert_eq!(clear(), json!({ "looked": 13, "cleared": 12, "more": false }));
        assert_eq!(lab.messages(lab.stack.dead_letters), ["nonsense"]);
    });
}

#[test]
fn who_had_no_time_for_all_letters_says_so_whatever_they_were() {
    lab(DIES, |lab| {
        bury(lab, keys(14), &[]);
        let clear = || request("POST", "/dead-letters/clear", &[], "");
        let soon = Context::until(lab.world.now() + SignedDuration::from_secs(5));
        let told = body(&lab.call_in(clear(), soon));
        assert_eq!(told, json!({ "looked": 10, "cleared": 0, "more": true }));
        assert_eq!(body(&lab.call(clear())), json!({ "looked": 14, "cleared": 0, "more": false }));
    });
}

#[test]
fn a_target_is_deleted_with_what_waits_for_it_when_that_is_said() {
    sharded("", |lab| {
        park(lab, keys(3));
        lab.lose_messages();
        let refused = lab.call(request("DELETE", "/targets/pay", &[], ""));
        let detail = body(&refused)["detail"].as_str().unwrap().to_owned();
        assert_eq!(refused.status, 409);
        assert!(detail.starts_with("3 requests wait") && detail.contains("?waiting=cancel"), "{detail}");
        assert_eq!(lab.call(request("DELETE", "/targets/pay?waiting=cancel", &[], "")).status, 204);
        assert_eq!(lab.get("/targets/pay").status, 404);
        assert_eq!(lab.messages(lab.stack.queue).len(), 1, "at once");
        assert_eq!(lab.process().dead, 3, "also behind a breaker that was forced open");
        let (entries, _) = all(lab, "/targets/pay/requests?state=dead");
        assert!(entries.iter().all(|entry| entry["reason"] == "its target was deleted"), "{entries:?}");
        assert_eq!(lab.messages(lab.stack.dead_letters).len(), 3);
    });
}

#[test]
fn answers_and_dead_requests_are_kept_for_times_of_their_own() {
    lab(DIES, |lab| {
        let stack = lab.stack;
        lab.ask(move |env, own| async move {
            let (one, two) = (Duration::from_hours(1), Duration::from_hours(2));
            let context = Context::until(env.now() + SignedDuration::from_secs(90));
            let gateway =
                || Gateway { answer_retention: one, dead_retention: two, ..stack.gateway(&env, &own) };
            let call = async |method, path: &str, key| {
                let headers = [("idempotency-key", key)];
                gateway().handle(&request(method, path, &headers, "{}"), &context).await
            };
            assert_eq!(call("POST", "/requests/pay", "answered").await.status, 200);
            own.fail();
            assert_eq!(call("POST", "/requests/pay", "dead").await.status, 202);
            let usual = stack.processor(&env, &own);
            let processor = RetryProcessor { answer_retention: one, dead_retention: two, ..usual };
            assert_eq!(deliver(&processor, &context).await.dead, 1);
        });
        let kept = |key| row(lab, id(key)).expires.duration_since(lab.world.now()).as_hours();
        assert_eq!((kept("answered"), kept("dead")), (0, 1), "and the minutes that have passed");
    });
}

#[test]
fn more_is_said_where_more_wait_than_are_counted() {
    sharded(DIES, |lab| {
        put_breaker(lab.world, &config(DIES), BreakerState::ForcedOpen);
        assert_eq!(send(lab, "first", &[]).status, 202);
        let queue = || body(&lab.get("/targets/pay"))["queue"].clone();
        assert_eq!(queue(), json!({ "waiting": 1, "dead": 0, "more": false }));
        // Of one shard more than is counted.
        let first = lab.items().into_iter().find(|item| item.key.pk.starts_with("request#")).unwrap();
        for n in 0..1_000 {
            let mut copy = first.clone();
            copy.key = request_key(id(&n.to_string()));
            lab.put(copy);
        }
        assert_eq!(queue(), json!({ "waiting": 1_000, "dead": 0, "more": true }));
        let refused = body(&lab.call(request("DELETE", "/targets/pay", &[], "")));
        assert!(refused["detail"].as_str().unwrap().starts_with("at least 1000 requests"), "{refused}");
    });
}

#[test]
fn a_refusal_leaves_the_rest_to_the_next_call() {
    lab("", |lab| {
        park(lab, keys(60));
        let cancel = |path: &str| request("POST", path, &[], "");
        let answer = asked(lab, cancel("/targets/pay/cancel"), &["write 10"]);
        let told = body(&answer);
        assert_eq!((answer.status, &told["cancelled"], &told["looked"]), (200, &json!(49), &json!(0)));
        let next = format!("/targets/pay/cancel?after={}", told["next"].as_str().unwrap());
        let told = body(&lab.call(cancel(&next)));
        assert_eq!((&told["cancelled"], &told["next"]), (&json!(11), &Value::Null));
        // Nothing was done.
        park(lab, ["later".to_owned()]);
        for calls in ["write 1", "rows", "query pay#active"] {
            assert_eq!(asked(lab, cancel("/targets/pay/cancel"), &[calls]).status, 503, "{calls}");
        }
    });
}

#[test]
fn letters_in_hand_are_given_back_when_something_is_refused() {
    lab(DIES, |lab| {
        bury(lab, keys(3), &[]);
        assert_eq!(delete(lab, id("k000")).status, 200);
        let clear = || request("POST", "/dead-letters/clear", &[], "");
        for calls in ["rows", "receive"] {
            assert_eq!(asked(lab, clear(), &[calls]).status, 503, "{calls}");
        }
        let told = body(&asked(lab, clear(), &["delete"]));
        assert_eq!(told, json!({ "looked": 3, "cleared": 0, "more": false }));
        assert_eq!(body(&lab.call(clear()))["looked"], 2, "the others are there at once");
        lab.world.pass(SignedDuration::from_mins(4));
        assert_eq!(body(&lab.call(clear())), json!({ "looked": 3, "cleared": 1, "more": false }));
    });
}

#[test]
fn a_cursor_that_is_made_up_is_refused() {
    lab("", |lab| {
        park(lab, keys(1));
        let far = i64::MAX / 2;
        for began in [i64::MIN, -1, far, (lab.world.now() + SignedDuration::from_hours(1)).as_millisecond()] {
            let list = r#"targets/pay cancelled {"tenant":null,"older_than":null,"reason":null}"#;
            let after = page_token::write(list, &json!({ "began": began, "at": [] }));
            let path = format!("/targets/pay/cancel?after={after}");
            assert_eq!(post(lab, &path, "").status, 400, "{began}");
        }
        let list = r#"targets/pay cancelled {"tenant":null,"older_than":null,"reason":null}"#;
        let now = lab.world.now().as_millisecond();
        let after = page_token::write(list, &json!({ "began": now, "at": [] }));
        assert_eq!(post(lab, &format!("/targets/pay/cancel?after={after}"), "").status, 200);
    });
}
