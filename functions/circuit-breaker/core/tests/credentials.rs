//! Targets that want credentials: what is read and sent, when, and what becomes of a request without.

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::rows::RequestStatus;
use jiff::SignedDuration;
use tenfold_ports::api::Response;
use tenfold_ports::downstream::{Answer, Call, Method, NoAnswer};
use tenfold_ports::secrets::{Secret, SecretError, SecretReference};
use tenfold_ports::{Bytes, Clock, Context};

use crate::lab::{Lab, Seen, header, lab, request};
use crate::world::{breaker, config, put_breaker, rows};

pub const HEADER: &str = r#","credentials":{"type":"header","name":"x-api-key","secret":"ssm:/tenfold/pay"},"retry":{"baseDelayMs":10}"#;
pub const OAUTH: &str = r#","credentials":{"type":"oauth2","tokenUrl":"https://id.example/token","clientId":"me",
    "secret":"ssm:/tenfold/pay","scope":"pay"},"retry":{"baseDelayMs":10}"#;
const WEBHOOKS: &str =
    r#","retry":{"baseDelayMs":10},"credentials":{"type":"standardWebhooks","secret":"ssm:/tenfold/pay"}"#;

/// What whoever is called answers.
pub fn answer(status: u16, body: &str) -> Answer {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Answer { status, headers: Vec::new(), body, truncated: false }
}

fn token(name: &str, seconds: u32) -> Answer {
    answer(200, &format!(r#"{{"access_token":"{name}","token_type":"Bearer","expires_in":{seconds}}}"#))
}

impl Lab<'_> {
    pub fn put_secret(&self, text: &str) {
        let reference: SecretReference = "ssm:/tenfold/pay".parse().unwrap();
        self.world.put_secret(&reference, text);
    }

    pub fn refuse_secrets(&self, error: Option<SecretError>) {
        self.world.secrets(|secrets| secrets.refuses = error);
    }

    pub fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.seen.answers.borrow_mut().extend(answers.into_iter().map(Ok));
    }

    fn reads(&self) -> u32 {
        self.seen.reads.take()
    }

    fn calls(&self) -> Vec<Call> {
        self.seen.calls.take()
    }

    /// A header of all calls since this was asked last.
    pub fn sent(&self, name: &str) -> Vec<String> {
        let value = |call: &Call| header(call, name).map_or("none".to_owned(), ToString::to_string);
        self.calls().iter().map(value).collect()
    }

    /// What one environment answers to requests with these keys, each after `meanwhile`.
    pub fn posts(&self, keys: &[&'static str], meanwhile: impl Fn(&Seen, &str) + 'static) -> Vec<u16> {
        let (stack, keys) = (self.stack, keys.to_vec());
        self.ask(move |env, own| async move {
            let gateway = stack.gateway(&env, &own);
            let mut responses: Vec<Response> = Vec::new();
            for key in keys {
                meanwhile(&own.seen, key);
                let request = request("POST", "/requests/pay", &[("idempotency-key", key)], "{}");
                let context = Context::until(own.now() + SignedDuration::from_secs(29));
                responses.push(gateway.handle(&request, &context).await);
            }
            responses.iter().map(|response| response.status).collect()
        })
    }

    fn last_error(&self) -> String {
        rows(self.world)[0].data.attempts.back().and_then(|attempt| attempt.error.clone()).unwrap()
    }
}

fn nothing(_: &Seen, _: &str) {}

/// Before the request `b` six minutes pass.
pub fn six_minutes(seen: &Seen, key: &str) {
    if key == "b" {
        seen.ahead.set(seen.ahead.get() + SignedDuration::from_mins(6));
    }
}

#[test]
fn a_target_without_credentials_costs_nothing_and_its_headers_go_with_each_call() {
    lab(r#","headers":{"X-Region":"eu","content-type":"text/plain"}"#, |lab| {
        let headers = [("idempotency-key", "a"), ("content-type", "application/json")];
        assert_eq!(lab.call(request("POST", "/requests/pay", &headers, "{}")).status, 200);
        assert_eq!(lab.reads(), 0);
        let call = &lab.calls()[0];
        assert_eq!(header(call, "x-region").unwrap(), "eu");
        let types = call.headers.iter().filter(|(name, _)| name == "content-type");
        assert_eq!(types.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["text/plain"]);
    });
}

#[test]
fn a_secret_is_read_once_in_five_minutes() {
    lab(HEADER, |lab| {
        lab.put_secret("key-1\n");
        assert_eq!(lab.posts(&["a", "x", "y"], nothing), [200; 3]);
        assert_eq!(lab.reads(), 1);
        assert_eq!(lab.sent("x-api-key"), ["key-1"; 3], "without the end of its line");
        assert_eq!(lab.posts(&["c", "b", "d"], six_minutes), [200; 3]);
        assert_eq!(lab.reads(), 2);
    });
}

#[test]
fn requests_that_want_it_at_once_share_one_read() {
    lab(&format!("{HEADER}, \"idempotency\":\"target\""), |lab| {
        lab.put_secret("key");
        lab.seen.status.set(500);
        for key in ["a", "b", "c", "d"] {
            assert_eq!(lab.post(key).status, 202);
        }
        lab.seen.status.set(200);
        lab.world.pass(SignedDuration::from_secs(60));
        lab.reads();
        assert_eq!(lab.process().delivered, 4);
        assert_eq!(lab.reads(), 1);
    });
}

#[test]
fn each_type_of_credentials_is_sent_as_it_is_to_be() {
    for (credentials, secret, name, expected) in [
        (
            r#"{"type":"header","name":"Authorization","prefix":"Bearer ","secret":"ssm:/tenfold/pay#token"}"#,
            r#"{"token":"t"}"#,
            "authorization",
            "Bearer t",
        ),
        (
            r#"{"type":"basic","username":"Aladdin","secret":"ssm:/tenfold/pay"}"#,
            "open sesame",
            "authorization",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        (
            r#"{"type":"awsSigV4","service":"execute-api","region":"eu-west-1"}"#,
            "",
            "authorization",
            "signed for execute-api in eu-west-1 at 1800000000",
        ),
    ] {
        lab(&format!(r#","credentials":{credentials}"#), |lab| {
            lab.put_secret(secret);
            assert_eq!(lab.post("a").status, 200);
            assert_eq!(lab.sent(name), [expected]);
        });
    }
}

#[test]
fn each_attempt_of_a_request_has_the_same_webhook_id_and_its_own_time() {
    lab(WEBHOOKS, |lab| {
        lab.put_secret("whsec_c2Vjb25k whsec_Zmlyc3Q=");
        lab.answers([answer(503, "")]);
        assert_eq!(lab.post("a").status, 202);
        lab.world.pass(SignedDuration::from_secs(60));
        assert_eq!(lab.process().delivered, 1);
        let calls = lab.calls();
        let both = |name| [&calls[0], &calls[1]].map(|call| header(call, name).unwrap().to_string());
        let id = rows(lab.world)[0].id.to_string();
        assert_eq!(both("webhook-id"), [id.clone(), id]);
        let [first, second] = both("webhook-timestamp");
        assert_ne!(first, second);
        for signatures in both("webhook-signature") {
            assert_eq!(
                signatures.split(' ').filter(|one| one.starts_with("v1,")).count(),
                2,
                "of each key one"
            );
        }
    });
}

#[test]
fn a_401_reads_the_secret_anew_and_calls_once_more() {
    lab(HEADER, |lab| {
        lab.seen.secrets.borrow_mut().extend(["old", "new"].map(|text| Ok(Secret::new(text))));
        lab.answers([answer(200, ""), answer(401, ""), answer(200, ""), answer(200, "")]);
        assert_eq!(lab.posts(&["a", "x", "y"], nothing), [200; 3]);
        assert_eq!(lab.sent("x-api-key"), ["old", "old", "new", "new"]);
        assert_eq!(lab.reads(), 2);
    });
}

#[test]
fn a_401_to_what_is_still_the_secret_is_ours_to_mend() {
    lab(HEADER, |lab| {
        lab.put_secret("key");
        lab.seen.status.set(401);
        assert_eq!(lab.posts(&["a", "x"], nothing), [202, 202]);
        assert_eq!(breaker(lab.world), None, "it counts neither way");
        // Once at first and once anew: the second request finds that it was read a moment ago.
        assert_eq!((lab.reads(), lab.calls().len()), (2, 2));
    });
}

#[test]
fn a_401_whose_secret_cannot_be_read_anew_is_no_answer() {
    lab(HEADER, |lab| {
        lab.seen.secrets.borrow_mut().extend([Ok(Secret::new("old")), Err(SecretError::Silent)]);
        lab.answers([answer(401, "")]);
        assert_eq!(lab.post("a").status, 202);
        assert_eq!(rows(lab.world)[0].status, RequestStatus::Queued);
        lab.put_secret("new");
        lab.world.pass(SignedDuration::from_secs(60));
        assert_eq!(lab.process().delivered, 1);
        assert_eq!(lab.sent("x-api-key"), ["old", "new"]);
    });
}

#[test]
fn without_its_credentials_a_target_is_not_called_and_the_request_waits() {
    let strict = r#","minimumCalls":1,"window":{"type":"count","size":1}"#;
    for (error, words) in [
        (SecretError::Silent, "could not be had: the service did not answer"),
        (SecretError::Denied, "may not be read by this function"),
        (SecretError::NotFound, "is not there"),
    ] {
        lab(&format!("{strict}{HEADER}"), |lab| {
            lab.refuse_secrets(Some(error));
            assert_eq!(lab.post("a").status, 202);
            assert!(lab.calls().is_empty() && lab.measured("Requests").is_empty());
            assert_eq!(breaker(lab.world), None, "nothing was counted");
            let expected = format!("its credentials could not be read: the SSM parameter {words}");
            assert_eq!(lab.last_error(), expected);
            lab.refuse_secrets(None);
            lab.put_secret("key");
            lab.world.pass(SignedDuration::from_secs(60));
            assert_eq!(lab.process().delivered, 1);
            assert_eq!(lab.sent("x-api-key"), ["key"]);
        });
    }
}

#[test]
fn a_secret_that_cannot_be_had_is_asked_for_again_after_some_seconds_only() {
    lab(HEADER, |lab| {
        lab.refuse_secrets(Some(SecretError::Silent));
        assert_eq!(lab.posts(&["a", "x", "y"], nothing), [202; 3]);
        assert_eq!(lab.reads(), 1);
        assert_eq!(lab.posts(&["c", "b"], six_minutes), [202; 2]);
        assert_eq!(lab.reads(), 2);
    });
}

#[test]
fn what_is_no_header_no_user_and_no_key_calls_nobody() {
    let basic = r#","credentials":{"type":"basic","secret":"ssm:/tenfold/pay"}"#;
    for config in [HEADER, basic, WEBHOOKS] {
        lab(config, |lab| {
            lab.put_secret("a\nb");
            assert_eq!(lab.post("a").status, 202);
            assert!(lab.calls().is_empty());
            assert!(
                lab.last_error()
                    .starts_with("its credentials could not be read: the SSM parameter holds no ")
            );
        });
    }
}

#[test]
fn a_token_is_asked_for_once_while_it_lives() {
    lab(OAUTH, |lab| {
        lab.put_secret("client secret");
        lab.answers([token("t1", 400), answer(200, ""), answer(200, ""), token("t2", 400)]);
        assert_eq!(lab.posts(&["a", "x", "b"], six_minutes), [200; 3]);
        let calls = lab.calls();
        let urls: Vec<_> = calls.iter().map(|call| call.url.as_str()).collect();
        let (id, pay) = ("https://id.example/token", "https://pay.example/");
        assert_eq!(urls, [id, pay, pay, id, pay]);
        assert_eq!(calls[0].method, Method::Post);
        assert_eq!(&calls[0].body[..], b"grant_type=client_credentials&scope=pay");
        assert_eq!(header(&calls[0], "authorization").unwrap(), "Basic bWU6Y2xpZW50K3NlY3JldA==");
        let sent = [1, 2, 4].map(|n| header(&calls[n], "authorization").unwrap().as_str());
        assert_eq!(sent, ["Bearer t1", "Bearer t1", "Bearer t2"]);
    });
}

#[test]
fn a_token_that_is_not_taken_any_more_is_replaced() {
    lab(OAUTH, |lab| {
        lab.put_secret("client secret");
        lab.answers([token("t1", 3600), answer(401, ""), token("t2", 3600), answer(200, "")]);
        assert_eq!(lab.post("a").status, 200);
        let sent = lab.sent("authorization");
        assert_eq!([&sent[1], &sent[3]], ["Bearer t1", "Bearer t2"]);
    });
}

#[test]
fn a_client_whose_secret_was_replaced_asks_again_with_the_new_one() {
    lab(OAUTH, |lab| {
        lab.seen.secrets.borrow_mut().extend(["old", "new"].map(|text| Ok(Secret::new(text))));
        lab.answers([answer(401, r#"{"error":"invalid_client"}"#), token("t", 3600), answer(200, "")]);
        assert_eq!(lab.post("a").status, 200);
        assert_eq!(lab.sent("authorization"), ["Basic bWU6b2xk", "Basic bWU6bmV3", "Bearer t"]);
    });
}

#[test]
fn a_token_endpoint_that_fails_is_not_held_against_the_target() {
    let silent = Err(NoAnswer::TimedOut);
    for failing in [Ok(answer(500, "")), Ok(answer(200, "")), silent, Ok(answer(401, ""))] {
        lab(OAUTH, |lab| {
            lab.put_secret("client secret");
            lab.seen.answers.borrow_mut().push_back(failing.clone());
            assert_eq!(lab.post("a").status, 202);
            assert_eq!(lab.calls().len(), 1, "of the token endpoint only");
            let why = lab.last_error();
            assert!(why.starts_with("its credentials could not be read: the token endpoint "), "{why}");
            assert_eq!(breaker(lab.world), None);
        });
    }
}

#[test]
fn health_checks_identify_themselves_and_count_nothing_where_they_cannot() {
    let health = r#","healthUrl":"https://pay.example/health","openDurationMs":1000"#;
    for (credentials, name, sent) in [(HEADER, "x-api-key", "key"), (WEBHOOKS, "webhook-signature", "none")] {
        let fields = format!("{health},\"headers\":{{\"x-region\":\"eu\"}}{credentials}");
        lab(&fields, |lab| {
            put_breaker(lab.world, &config(&fields), BreakerState::Open { until: lab.world.now() });
            let context = || Context::until(lab.world.now() + SignedDuration::from_secs(60));
            if name == "x-api-key" {
                lab.refuse_secrets(Some(SecretError::Silent));
                let summary = lab.monitor(context());
                assert_eq!((summary.checks, summary.failed, summary.unchecked), (0, 0, 0));
                assert!(lab.calls().is_empty());
                let state = breaker(lab.world).unwrap().state;
                assert!(matches!(state, BreakerState::HalfOpen { .. }), "{state:?}");
                lab.refuse_secrets(None);
            }
            lab.put_secret("key");
            lab.world.pass(SignedDuration::from_secs(60));
            assert!(lab.monitor(context()).checks > 0);
            let calls = lab.calls();
            assert!(calls.iter().all(|call| header(call, "x-region").is_some_and(|value| value == "eu")));
            let all = calls.iter().map(|call| header(call, name).map_or("none", |value| value.as_str()));
            assert!(all.clone().all(|value| value == sent), "{:?}", all.collect::<Vec<_>>());
        });
    }
}

#[test]
fn what_is_only_passed_on_identifies_itself_too() {
    lab(&format!(r#","forward":{{"methods":["GET","POST"]}}{HEADER}"#), |lab| {
        lab.put_secret("key");
        let own = [("x-api-key", "of the caller")];
        assert_eq!(lab.call(request("GET", "/requests/pay", &own, "")).status, 200);
        assert_eq!(lab.sent("x-api-key"), ["key"]);
        lab.refuse_secrets(Some(SecretError::Denied));
        let response = lab.call(request("GET", "/requests/pay", &own, ""));
        assert_eq!(response.status, 502);
        assert!(String::from_utf8_lossy(&response.body).contains("its credentials could not be read"));
        assert!(lab.calls().is_empty());
        assert_eq!(breaker(lab.world), None);
    });
}

#[test]
fn what_the_caller_has_identified_itself_by_does_not_stand_beside_a_signature() {
    lab(r#","credentials":{"type":"awsSigV4","service":"lambda"}"#, |lab| {
        let headers = [("idempotency-key", "a"), ("authorization", "Bearer of-the-caller")];
        assert_eq!(lab.call(request("POST", "/requests/pay", &headers, "{}")).status, 200);
        let call = &lab.calls()[0];
        let all: Vec<_> = call.headers.iter().filter(|(name, _)| name == "authorization").collect();
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].1.starts_with("signed for lambda"), "{all:?}");
    });
}

/// Whoever is elsewhere must not have them.
#[test]
fn a_health_check_on_another_host_has_no_credentials() {
    let fields = format!(r#","healthUrl":"https://status.example/up","openDurationMs":1000{HEADER}"#);
    lab(&fields, |lab| {
        lab.put_secret("key");
        put_breaker(lab.world, &config(&fields), BreakerState::Open { until: lab.world.now() });
        lab.monitor(Context::until(lab.world.now() + SignedDuration::from_secs(60)));
        let sent = lab.sent("x-api-key");
        assert!(!sent.is_empty() && sent.iter().all(|sent| sent == "none"), "{sent:?}");
    });
}
