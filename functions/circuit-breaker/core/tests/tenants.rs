//! The tenants of a target: how those with a breaker of their own are listed, and how their rows end.

use std::collections::BTreeSet;

use circuit_breaker_core::decide::breaker::{Breaker, BreakerState};
use circuit_breaker_core::names::BreakerName;
use circuit_breaker_core::rows::{BreakerRow, TENANT_KEPT, breaker_key};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tenfold_ports::table::{Condition, Item, Table, Write};
use tenfold_ports::{Clock, Context};

use crate::lab::{Lab, lab, request};
use crate::operating::body;
use crate::world::{config, put_breaker_of, target};

fn of(tenant: &str) -> BreakerName {
    BreakerName { target: target(), tenant: Some(tenant.into()) }
}

fn open(lab: &Lab<'_>) -> BreakerState {
    BreakerState::Open { until: lab.world.now() + SignedDuration::from_mins(1) }
}

/// Puts breakers of tenants into states, each a second after the one before.
fn put<'a>(lab: &Lab<'_>, tenants: impl IntoIterator<Item = (&'a str, BreakerState)>) {
    for (tenant, state) in tenants {
        put_breaker_of(lab.world, &of(tenant), &config(""), state);
        lab.world.pass(SignedDuration::from_secs(1));
    }
}

/// All of a list, and the number of its pages.
fn all(lab: &Lab<'_>, state: &str) -> (Vec<Value>, usize) {
    let (mut entries, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let response = lab.get(&format!("/targets/pay/tenants?{state}{after}"));
        assert_eq!(response.status, 200, "{:?}", body(&response));
        let page = body(&response);
        entries.extend(page["tenants"].as_array().unwrap().iter().cloned());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (entries, pages),
        }
    }
}

fn listed(lab: &Lab<'_>, state: &str) -> Vec<String> {
    all(lab, state).0.iter().map(|entry| entry["tenant"].as_str().unwrap().to_owned()).collect()
}

fn item(lab: &Lab<'_>, tenant: &str) -> Option<Item> {
    lab.world.table(|table| table.get(&breaker_key(&of(tenant))).cloned())
}

fn row(lab: &Lab<'_>, tenant: &str) -> BreakerRow {
    BreakerRow::read(&item(lab, tenant).unwrap()).unwrap()
}

fn fail(lab: &Lab<'_>, tenant: &str, key: &str) {
    lab.seen.status.set(500);
    let headers = [("idempotency-key", key), ("tenant", tenant)];
    assert_eq!(lab.call(request("POST", "/requests/pay", &headers, "{}")).status, 202);
}

#[test]
fn tenants_are_listed_by_since_when_they_are_in_their_state() {
    lab("", |lab| {
        assert_eq!(all(lab, "").0, Vec::<Value>::new());
        put(lab, [("red", open(lab)), ("blue", BreakerState::Closed), ("a:b#c", BreakerState::ForcedClosed)]);
        put(lab, [("green", BreakerState::HalfOpen { permits: Vec::new() })]);
        assert_eq!(listed(lab, ""), ["red", "blue", "a:b#c", "green"]);
        for (state, expected) in [
            ("closed", &["blue"][..]),
            ("open", &["red"]),
            ("halfOpen", &["green"]),
            ("forcedClosed", &["a:b#c"]),
            ("forcedOpen", &[]),
        ] {
            assert_eq!(listed(lab, &format!("state={state}")), expected, "{state}");
        }
        let red = &all(lab, "state=open").0[0];
        assert_eq!(
            (&red["target"], &red["state"], &red["epoch"], &red["openings"], &red["window"]["calls"]),
            (&json!("pay"), &json!("open"), &json!(5), &json!(1), &json!(0))
        );
        assert!(red["openUntil"].is_string() && red["since"].is_string() && red["reason"].is_string());
    });
}

#[test]
fn what_calls_of_a_tenant_came_to_is_in_the_list_and_no_other_tenant_is() {
    lab(r#","minimumCalls":2"#, |lab| {
        assert_eq!(lab.post("whole").status, 200);
        fail(lab, "red", "a");
        let (tenants, _) = all(lab, "");
        assert_eq!(tenants.len(), 1);
        assert_eq!((&tenants[0]["state"], &tenants[0]["window"]["failed"]), (&json!("closed"), &json!(1)));
        fail(lab, "red", "b");
        assert_eq!((listed(lab, "state=closed").len(), listed(lab, "state=open").len()), (0, 1));
    });
}

#[test]
fn many_tenants_come_once_each_over_pages_of_fifty() {
    lab("", |lab| {
        let names: Vec<String> = (0..120).map(|n| format!("tenant-{n:03}")).collect();
        let state = |n| if n % 3 == 0 { open(lab) } else { BreakerState::Closed };
        put(lab, names.iter().enumerate().map(|(n, name)| (name.as_str(), state(n))));
        assert_eq!(listed(lab, ""), names);
        assert_eq!((all(lab, "").1, all(lab, "state=open").0.len()), (3, 40));
        let partitions =
            lab.items().into_iter().filter_map(|item| item.text("queue").ok().map(ToString::to_string));
        assert_eq!(partitions.collect::<BTreeSet<_>>().len(), 8, "of four shards each");
    });
}

#[test]
fn a_page_goes_on_in_its_own_list_only_and_what_is_asked_for_is_named() {
    lab("", |lab| {
        let names: Vec<String> = (0..60).map(|n| format!("t{n}")).collect();
        put(lab, names.iter().map(|name| (name.as_str(), BreakerState::Closed)));
        let next = body(&lab.get("/targets/pay/tenants"))["next"].as_str().unwrap().to_owned();
        for (path, status) in [
            (format!("/targets/pay/tenants?after={next}"), 200),
            (format!("/targets/pay/tenants?state=closed&after={next}"), 400),
            (format!("/targets/pay/requests?state=dead&after={next}"), 400),
            ("/targets/pay/tenants?after=nonsense".to_owned(), 400),
            ("/targets/pay/tenants?state=broken".to_owned(), 400),
            ("/targets/nobody/tenants".to_owned(), 404),
        ] {
            assert_eq!(lab.get(&path).status, status, "{path}");
        }
        assert_eq!(lab.call(request("POST", "/targets/pay/tenants", &[], "")).status, 405);
    });
}

#[test]
fn a_row_that_cannot_be_read_is_listed_as_that_and_stops_nothing() {
    lab("", |lab| {
        put(lab, [("red", open(lab)), ("blue", open(lab))]);
        let red = item(lab, "red").unwrap();
        let strange = ["version", "queue", "wake"].map(|name| (name, red.get(name).unwrap().clone()));
        let bad = strange.into_iter().fold(Item::new(red.key), |item, (name, value)| item.with(name, value));
        lab.put(bad);
        let (tenants, _) = all(lab, "state=open");
        assert_eq!(tenants[0], json!({ "tenant": "red", "unreadable": true }));
        assert_eq!((&tenants[1]["tenant"], lab.unreadable()), (&json!("blue"), 1));
    });
}

/// As a version from before the list has written it.
#[test]
fn a_row_without_a_place_in_the_index_is_listed_from_its_next_write_on() {
    lab(r#","minimumCalls":9"#, |lab| {
        fail(lab, "red", "a");
        let new = item(lab, "red").unwrap();
        let document = BreakerRow::read(&new).unwrap().breaker;
        let old = Item::new(new.key).with("version", 3).with_doc(json!({ "writer": 1, "breaker": document }));
        lab.put(old);
        assert_eq!(listed(lab, ""), Vec::<String>::new());
        fail(lab, "red", "b");
        assert_eq!(listed(lab, ""), ["red"]);
        assert_eq!(row(lab, "red").version, 4);
    });
}

#[test]
fn a_row_ends_a_week_after_its_last_write_unless_it_was_forced() {
    lab(r#","minimumCalls":9"#, |lab| {
        fail(lab, "red", "a");
        put(lab, [("forced", BreakerState::ForcedOpen)]);
        lab.world.pass(SignedDuration::from_hours(24));
        fail(lab, "red", "b");
        let key = breaker_key(&of("red"));
        lab.world.pass(TENANT_KEPT - SignedDuration::from_hours(1));
        assert_eq!(listed(lab, ""), ["red", "forced"]);
        lab.world.pass(SignedDuration::from_hours(2));
        assert_eq!(listed(lab, ""), ["forced"], "whenever DynamoDB comes by");
        assert!(item(lab, "red").is_some() && row(lab, "forced").expires.is_none());
        let whole = BreakerName::of(target());
        put_breaker_of(lab.world, &whole, &config(""), BreakerState::Closed);
        let whole = lab.world.table(|table| table.get(&breaker_key(&whole)).cloned()).unwrap();
        assert!(whole.get("expires").is_none() && whole.get("queue").is_none());
        lab.delete(key);
        fail(lab, "red", "c");
        let begun = row(lab, "red");
        assert_eq!((begun.breaker.epoch, begun.breaker.state), (0, BreakerState::Closed));
    });
}

#[test]
fn the_versions_and_epochs_of_a_row_are_not_those_of_the_one_before_it() {
    let config = config("");
    let at = |second| Timestamp::from_second(second).unwrap();
    let first = BreakerRow::unwritten(Breaker::new(&config, at(0)));
    let mut last = first.clone();
    for second in 1_000..1_100 {
        last = last.next(&of("red"), last.breaker.clone(), 1, at(second));
    }
    let after = at(1_100) + TENANT_KEPT;
    assert!(last.has_ended(after) && !last.has_ended(at(1_000)));
    let again = first.next(&of("red"), first.breaker.clone(), 1, after);
    assert!(again.version > last.version);
}

#[test]
fn an_environment_goes_on_where_a_row_has_ended_that_it_knew() {
    lab(r#","minimumCalls":2,"window":{"type":"count","size":2}"#, |lab| {
        lab.seen.status.set(500);
        let stack = lab.stack;
        let ended = TENANT_KEPT + SignedDuration::from_secs(1);
        lab.ask(move |env, own| async move {
            let gateway = stack.gateway(&env, &own);
            let send = async |key: &str| {
                let headers = [("idempotency-key", key), ("tenant", "red")];
                let request = request("POST", "/requests/pay", &headers, "{}");
                let deadline = own.now() + SignedDuration::from_secs(29);
                let response = gateway.handle(&request, &Context::until(deadline)).await;
                gateway.tend().await;
                response.status
            };
            let end = async || {
                let write = Write::Delete { key: breaker_key(&of("red")), condition: Condition::Always };
                env.write(write).await.unwrap();
            };
            assert_eq!(send("a").await, 202);
            // Its clock says that the row may be gone, and it is.
            own.seen.ahead.set(ended);
            end().await;
            assert_eq!(send("b").await, 202);
            // Its clock is behind: it finds out by the write that is refused.
            end().await;
            assert_eq!(send("c").await, 202);
            assert_eq!(send("d").await, 202);
        });
        let row = row(lab, "red");
        assert!(matches!(row.breaker.state, BreakerState::Open { .. }), "{row:?}");
        assert_eq!(row.breaker.epoch, 1);
    });
}

#[test]
fn deleting_a_target_lets_its_tenants_rows_end() {
    lab("", |lab| {
        put(lab, [("red", BreakerState::ForcedOpen), ("blue", open(lab))]);
        put(lab, [("green", BreakerState::ForcedClosed)]);
        assert_eq!(lab.call(request("DELETE", "/targets/pay", &[], "")).status, 204);
        for tenant in ["red", "blue", "green"] {
            assert!(row(lab, tenant).expires.is_some(), "{tenant}");
        }
        assert_eq!(lab.get("/targets/pay/tenants").status, 404);
        lab.world.pass(SignedDuration::from_secs(1));
        let put = request("PUT", "/targets/pay", &[], r#"{"url":"http://pay.example/"}"#);
        assert_eq!(lab.call(put).status, 201);
        assert_eq!(listed(lab, ""), Vec::<String>::new(), "they are of the target before");
    });
}
