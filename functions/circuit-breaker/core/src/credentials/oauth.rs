//! Tokens of OAuth 2.0 client credentials (RFC 6749 §4.4).

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use smol_str::SmolStr;
use tenfold_ports::Bytes;
use tenfold_ports::downstream::{Answer, Call, Method, NoAnswer};
use tenfold_ports::secrets::Secret;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::basic;
use super::cache::KEPT;
use super::outside::Later;
use crate::config::OAuthConfig;

/// How long a token endpoint may take: somebody waits for the call that needs the token.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The largest answer of a token endpoint.
const ANSWER_MOST: usize = 64 * 1024;
/// A token is not used in its last minute: the target has another clock, and the call is on its way for some time.
const MARGIN: Duration = Duration::from_mins(1);
/// For how long a token is used at most, whatever its issuer says.
const LIVES_MOST: Duration = Duration::from_hours(12);

/// For how long it is used at least: an endpoint is not asked for each call.
const LIVES_LEAST: Duration = Duration::from_secs(1);

/// A token, and for how long it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) token: Secret,
    lives: Duration,
}

/// Why there is no token. It says nothing of what the endpoint has answered but its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenError {
    /// The endpoint was not reached, or is not allowed to be.
    #[error("could not be reached")]
    NotConnected,
    /// It did not answer in time, or not to the end.
    #[error("did not answer in time")]
    Silent,
    /// It does not know the client or its secret.
    #[error("refused the client or its secret")]
    Refused,
    /// It answered something else than a token.
    #[error("answered {0}")]
    Status(u16),
    /// It answered well, and without a token of the type that is known here.
    #[error("answered without a bearer token")]
    NoToken,
}

impl Token {
    /// Returns for how long it is used.
    pub(super) const fn lives(&self) -> Duration {
        self.lives
    }
}

/// Returns the call that asks for a token. The client identifies itself by HTTP Basic, which every server has to
/// understand, with both parts encoded before (§2.3.1).
pub(super) fn request(config: &OAuthConfig, secret: &Secret) -> Call {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let client = basic::header(&encoded(&config.client_id), &encoded(secret.reveal())).unwrap_or_default();
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    for (name, value) in [("scope", &config.scope), ("audience", &config.audience)] {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    let header = |name: &'static str, value: &str| (SmolStr::new_static(name), SmolStr::new(value));
    Call {
        method: Method::Post,
        url: config.token_url.clone(),
        headers: vec![
            header("authorization", &client),
            header("content-type", "application/x-www-form-urlencoded"),
            header("accept", "application/json"),
        ],
        body: Bytes::from(form.finish()),
        timeout: TIMEOUT,
        max_body: ANSWER_MOST,
    }
}

/// Reads what is answered to it.
pub(super) fn token(answer: Later<Result<Answer, NoAnswer>>) -> Later<Result<Token, TokenError>> {
    Box::pin(async move {
        match answer.await {
            Ok(answer) => read(&answer),
            // Its text stays behind: it may name what has come of the URL.
            Err(NoAnswer::NotConnected(_)) => Err(TokenError::NotConnected),
            Err(NoAnswer::TimedOut | NoAnswer::Broken(_)) => Err(TokenError::Silent),
        }
    })
}

/// What a token endpoint answers (§5.1); of an error only its code (§5.2).
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<Box<str>>,
    token_type: Option<Box<str>>,
    expires_in: Option<Value>,
    error: Option<Box<str>>,
}

fn read(answer: &Answer) -> Result<Token, TokenError> {
    // The reader's own error may repeat what was read.
    let said: Option<TokenAnswer> = serde_json::from_slice(&answer.body).ok();
    if answer.status != 200 {
        let code = said.and_then(|said| said.error);
        let refused =
            answer.status == 401 || matches!(code.as_deref(), Some("invalid_client" | "unauthorized_client"));
        return Err(if refused { TokenError::Refused } else { TokenError::Status(answer.status) });
    }
    let said = said.ok_or(TokenError::NoToken)?;
    let is_bearer = said.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let is_token = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    let token = said.access_token.filter(|token| is_bearer && is_token(token)).ok_or(TokenError::NoToken)?;
    let seconds = said.expires_in.and_then(|value| match value {
        Value::Number(n) => n.as_f64(),
        // Some issuers write it as text.
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    Ok(Token { token: Secret::new(token), lives: usable_for(seconds) })
}

/// For how long a token is used that expires in so many seconds: not in its last minute, and of a short one half the time.
fn usable_for(expires_in: Option<f64>) -> Duration {
    let Some(whole) = expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) else {
        return KEPT;
    };
    whole.saturating_sub(MARGIN).max(whole.min(MARGIN * 2) / 2).clamp(LIVES_LEAST, LIVES_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        let body = Bytes::from_static(body.as_bytes());
        Answer { status, headers: Vec::new(), body, truncated: false }
    }

    #[test]
    fn a_client_identifies_itself_by_its_encoded_name_and_secret() {
        let config = OAuthConfig {
            token_url: "https://id.example/token".into(),
            client_id: "a client".into(),
            secret: "ssm:/tenfold/client".parse().unwrap(),
            scope: Some("pay refund".into()),
            audience: None,
        };
        let call = request(&config, &Secret::new("p:w+d"));
        assert_eq!(&call.body[..], b"grant_type=client_credentials&scope=pay+refund");
        // `a+client:p%3Aw%2Bd`
        assert_eq!(call.headers[0].1, "Basic YStjbGllbnQ6cCUzQXclMkJk");
    }

    #[test]
    fn a_token_is_used_until_a_minute_before_its_end() {
        let lives = |body| read(&answer(200, body)).unwrap().lives.as_secs();
        assert_eq!(lives(r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#), 3540);
        assert_eq!(lives(r#"{"access_token":"t","token_type":"bearer","expires_in":"3600"}"#), 3540);
        assert_eq!(lives(r#"{"access_token":"t","expires_in":30}"#), 15);
        assert_eq!(lives(r#"{"access_token":"t"}"#), 300);
        assert_eq!(lives(r#"{"access_token":"t","expires_in":1e300}"#), 300);
        assert_eq!(lives(r#"{"access_token":"t","expires_in":-5}"#), 300);
        assert_eq!(lives(r#"{"access_token":"t","expires_in":1e9}"#), 12 * 3600);
        assert_eq!(usable_for(Some(120.0)).as_secs(), 60);
    }

    #[test]
    fn what_is_no_token_is_said_without_repeating_it() {
        for (status, body, expected) in [
            (401, "hunter2", TokenError::Refused),
            (400, r#"{"error":"invalid_client","error_description":"hunter2"}"#, TokenError::Refused),
            (400, r#"{"error":"invalid_scope"}"#, TokenError::Status(400)),
            (503, "", TokenError::Status(503)),
            (302, "", TokenError::Status(302)),
            (200, "hunter2", TokenError::NoToken),
            (200, r#"{"access_token":"hunter2","token_type":"mac"}"#, TokenError::NoToken),
            (200, r#"{"access_token":"hunter2\n"}"#, TokenError::NoToken),
        ] {
            let error = read(&answer(status, body)).unwrap_err();
            assert_eq!(error, expected, "{body}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
