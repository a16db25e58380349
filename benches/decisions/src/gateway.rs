//! The gateway: whole requests, from the method and path to the answer.

use std::hint::black_box;
use std::time::Duration;

use circuit_breaker_core::credentials::Credentials;
use circuit_breaker_core::gateway::Gateway;
use circuit_breaker_core::park::{DeadLetters, Wakes};
use circuit_breaker_core::registry::Registry;
use jiff::{SignedDuration, Timestamp};
use tenfold_ports::api::Request;
use tenfold_ports::{Bytes, Context, SmolStr};

use crate::breaker::{TTL, rows};
use crate::memory::{NoQueue, Process, Target};
use crate::{Case, OURS, at_once};

/// After how many requests the table forgets them, so that it does not grow.
const FORGOTTEN: u64 = 1024;

/// A request that the target answers, whose key the target keeps.
pub fn key_at_target() -> Case {
    request("gatewayTarget", "target")
}

/// The same, and the gateway keeps the key: it writes a row before the call and one after it.
pub fn key_at_gateway() -> Case {
    request("gatewayRequest", "gateway")
}

fn request(decision: &'static str, idempotency: &str) -> Case {
    let (_, _, rows) = rows(&format!(r#","idempotency":"{idempotency}""#));
    let runtime = Process::default();
    let gateway = Gateway {
        table: rows.clone(),
        queue: NoQueue,
        dead_letters: DeadLetters(NoQueue),
        downstream: Target,
        credentials: Credentials::none(),
        runtime: runtime.clone(),
        registry: Registry::new(rows.clone(), runtime, TTL),
        answer_retention: Duration::from_hours(14 * 24),
        dead_retention: Duration::from_hours(14 * 24),
        shards: 8,
        wakes: Wakes::default(),
    };
    let context = Context::until(Timestamp::now() + SignedDuration::from_hours(1));
    let mut requests: u64 = 0;
    Case::new(decision, OURS, move || {
        if requests.is_multiple_of(FORGOTTEN) {
            rows.forget("request#");
        }
        requests += 1;
        let response = at_once(gateway.handle(black_box(&post(requests)), &context));
        assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    })
}

/// A request as the Lambda's adapter makes it of an event.
fn post(n: u64) -> Request {
    Request {
        method: SmolStr::new_static("POST"),
        path: SmolStr::new_static("/requests/pay"),
        headers: vec![
            (SmolStr::new_static("content-type"), SmolStr::new_static("application/json")),
            (SmolStr::new_static("idempotency-key"), key(n)),
        ],
        body: Bytes::from_static(br#"{"amount":1200,"currency":"EUR"}"#),
        ..Request::default()
    }
}

fn key(n: u64) -> SmolStr {
    let mut text = *b"order-00000000";
    let mut left = n;
    for digit in text.iter_mut().rev().take(8) {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    SmolStr::new(std::str::from_utf8(&text).unwrap_or_default())
}
