//! A secret goes through everything, and is nowhere but in the calls that it belongs to.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use circuit_breaker_core::config::TargetConfig;
use jiff::SignedDuration;
use tenfold_ports::Context;
use tenfold_ports::api::Response;
use tenfold_ports::secrets::{Secret, SecretError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::credentials::answer;
use crate::lab::{Lab, lab, request};
use crate::world::rows;

/// In each secret. As Base64 it is where a multiple of three bytes stands before it.
const CANARY: &str = "canary";
const ENCODED: &str = "Y2FuYXJ5";

/// Each type of credentials, with a secret that has the canary.
const TYPES: [(&str, &str); 5] = [
    (r#"{"type":"header","name":"x-api-key","secret":"ssm:/tenfold/pay"}"#, "canary"),
    (
        r#"{"type":"header","name":"authorization","prefix":"Bearer ","secret":"ssm:/tenfold/pay#key"}"#,
        r#"{"key":"canary"}"#,
    ),
    (r#"{"type":"basic","username":"me","secret":"ssm:/tenfold/pay"}"#, "canary"),
    (
        r#"{"type":"oauth2","tokenUrl":"https://id.example/token","clientId":"me","secret":"ssm:/tenfold/pay"}"#,
        "canary",
    ),
    (r#"{"type":"standardWebhooks","secret":"ssm:/tenfold/pay"}"#, "whsec_Y2FuYXJ5"),
];

/// All that is logged, fields and all.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<String>>);

impl Logged {
    fn write(&self, text: fmt::Arguments<'_>) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_fmt(text);
    }
}

impl Visit for Logged {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(format_args!("{field}={value:?} "));
    }
}

impl Subscriber for Logged {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// All that comes to be seen of a lab: rows, messages, metrics, and what its API answers.
fn seen(lab: &Lab<'_>, responses: &[Response]) -> String {
    let stack = lab.stack;
    let messages = [stack.queue, stack.dead_letters].map(|queue| lab.messages(queue));
    let bodies = responses.iter().map(|response| String::from_utf8_lossy(&response.body).into_owned());
    let bodies: Vec<String> = bodies.collect();
    let rows = lab
        .items()
        .iter()
        .map(|item| format!("{item:?} {:?}", item.doc::<serde_json::Value>()))
        .collect::<Vec<_>>();
    format!("{rows:?} {messages:?} {:?} {responses:?} {bodies:?}", lab.seen.measured.borrow())
}

#[test]
fn a_secret_is_nowhere_but_in_the_calls() {
    let logged = Logged::default();
    // Where there is one alone, `tracing` asks the thread that comes to a line first whether it is wanted: another test's.
    let _other = tracing::Dispatch::new(Logged::default());
    tracing::subscriber::with_default(logged.clone(), || {
        for (credentials, secret) in TYPES {
            for case in ["well", "refused", "failing", "silent", "denied", "unfit", "replaced"] {
                let fields =
                    format!(r#","retry":{{"baseDelayMs":10,"maxAttempts":2}},"credentials":{credentials}"#);
                lab(&fields, |lab| through(lab, secret, case, credentials.contains("oauth2")));
            }
        }
    });
    let logged = logged.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(logged.contains("a target was not called"), "it is seen what is logged");
    assert!(!logged.contains(CANARY) && !logged.contains(ENCODED), "{logged}");
}

/// A request that is answered so, its retries and its death, and a look at all of it.
fn through(lab: &Lab<'_>, secret: &str, case: &str, is_oauth: bool) {
    lab.put_secret(secret);
    let refuse = |error| lab.world.secrets(|secrets| secrets.refuses = Some(error));
    if is_oauth && !matches!(case, "unfit" | "replaced") {
        let token = r#"{"access_token":"canary","token_type":"bearer","expires_in":9}"#;
        lab.answers([answer(200, token)]);
    }
    match case {
        "refused" => lab.seen.status.set(401),
        "failing" => lab.seen.status.set(503),
        "silent" => refuse(SecretError::Silent),
        "denied" => refuse(SecretError::Denied),
        // No credentials of any type, and a token endpoint that says what it was sent.
        "unfit" => {
            lab.put_secret("canary\ncanary");
            if is_oauth {
                let echo = r#"{"error":"invalid_client","error_description":"canary"}"#;
                lab.answers([answer(400, echo), answer(500, "canary")]);
            }
        }
        "replaced" => {
            lab.seen.secrets.borrow_mut().extend(["canary-1", "canary-2"].map(|text| Ok(Secret::new(text))));
            lab.answers([answer(401, "")]);
        }
        _ => {}
    }
    let mut responses = vec![lab.post("a"), lab.post("b"), lab.get("/targets/pay"), lab.get("/targets")];
    for _ in 0..3 {
        lab.world.pass(SignedDuration::from_mins(5));
        lab.process();
        lab.monitor(Context::until(lab.world.now() + SignedDuration::from_secs(60)));
    }
    let shown =
        rows(lab.world).iter().map(|row| lab.get(&format!("/requests/{}", row.id))).collect::<Vec<_>>();
    responses.extend(shown);
    // Whoever writes the secret itself does not read it again.
    for body in [
        r#"{"url":"https://a/","credentials":{"type":"header","name":"x","secret":"canary"}}"#,
        r#"{"url":"https://a/","credentials":"canary"}"#,
        r#"{"url":"https://a/","headers":{"authorization":"canary"}}"#,
    ] {
        let response = lab.call(request("PUT", "/targets/pay", &[], body));
        assert_eq!(response.status, 400);
        assert!(TargetConfig::parse(body.as_bytes()).is_err());
        responses.push(response);
    }
    let seen = seen(lab, &responses);
    assert!(!seen.contains(CANARY) && !seen.contains(ENCODED), "{case}: {seen}");
    let calls = format!("{:?}", lab.seen.calls.borrow());
    if case == "well" {
        let is_there =
            calls.contains(CANARY) || calls.contains(ENCODED) || calls.contains("webhook-signature");
        assert!(is_there, "the target gets it: {calls}");
    }
}
