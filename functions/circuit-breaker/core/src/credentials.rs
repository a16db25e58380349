//! What calls of a target identify themselves by: put into a call last, over its final headers and body.
//!
//! **Reading.** A target's configuration says where a secret is. It is read when a call first needs it, by one of those
//! that need it at the same time, and kept for five minutes; a token as long as its issuer says. What is used is read anew
//! before its end, after an answer ([`Credentials::tend`]): nobody waits for that. Targets that want no credentials cost
//! nothing.
//!
//! **Without them.** A call whose credentials cannot be had is not made. That says nothing of the target, so it counts
//! neither way in its breaker, and the request waits.
//!
//! **Refused.** An answer of 401 says that nothing was done. What was kept is then read anew, at most every ten seconds,
//! and where it is another than was sent, the call is made once more. One that is refused all the same waits, as one whose
//! credentials cannot be had: they are ours to mend, and not its sender's.
//!
//! **To whom.** A health check on another origin than the target's has none of them.
//!
//! **Nowhere else.** Secrets are in this environment's memory and in the calls. No error has one: of what a token endpoint
//! or a service of secrets answers only its kind is told.

mod basic;
mod cache;
mod oauth;
mod outside;
mod webhook;

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::downstream::{Call, NoAnswer};
use tenfold_ports::secrets::{Secret, SecretError, SecretReference, SecretSource, Secrets};
use tenfold_ports::signer::Signer;
use tenfold_ports::{Clock, Downstream, Rng};
use url::Url;

use crate::call::Judge;
use crate::call::{self, CallResult};
use crate::config::{CredentialsConfig, OAuthConfig, TargetConfig};
use crate::decide::judge::{Verdict, judge, judge_health};
use crate::names::RequestId;
use cache::{AskedAt, Cache, KEPT};
use oauth::{Token, TokenError};
use outside::{Outside, Ports};

/// The most secrets and the most tokens that an environment keeps.
const KEPT_MOST: usize = 1000;
/// The headers that AWS's signature is in.
const SIGNED: [&str; 4] = ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];
/// The status that says that a call does not identify itself well: nothing was done.
const UNAUTHORIZED: u16 = 401;

/// Why a call cannot identify itself. No text of it has anything secret, or what others have answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorized {
    /// A secret cannot be had.
    #[error("its credentials could not be read: {0} {1}")]
    Secret(&'static str, SecretError),
    /// A secret is there, and is no such thing.
    #[error("its credentials could not be read: {0} holds no {1}")]
    Unfit(&'static str, &'static str),
    /// A token cannot be had.
    #[error("its credentials could not be read: the token endpoint {0}")]
    Token(#[from] TokenError),
    /// The call cannot be signed.
    #[error("its credentials could not be used: the call cannot be signed")]
    NotSignable,
    /// This function reaches no secrets.
    #[error("its credentials could not be read: this function has no way to secrets")]
    Nowhere,
    /// Reading them took so long that no time is left for the call.
    #[error("its credentials could not be read in time: no call was made")]
    TooLate,
}

/// A call that is to be made.
pub struct TargetCall<'a> {
    /// The target's configuration.
    pub config: &'a TargetConfig,
    /// The call as it is without headers and credentials of the configuration.
    pub call: Call,
    /// What it is for.
    pub purpose: Purpose,
    /// How long the call may take if it begins now.
    pub time_left: &'a dyn Fn() -> Duration,
}

/// What a target is called for. Only what is delivered is signed as a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It delivers a request.
    Delivery(RequestId),
    /// It passes on what asks for nothing to be done.
    Passing,
    /// It asks the target for its health.
    Health,
}

/// What an environment knows of the credentials of all targets.
pub struct Credentials {
    // Behind a pointer, so that who makes calls need not name three more ports in its type.
    outside: Option<Rc<dyn Ports>>,
    secrets: Cache<SecretSource, Secret, SecretError>,
    tokens: Cache<OAuthConfig, Token, TokenError>,
}

/// A call that identifies itself, and by what: none where nothing of it is kept.
struct Authorized {
    call: Call,
    by: Option<Secret>,
}

/// Whether what is there is good enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Cached,
    /// It was refused.
    Anew,
    /// It will end.
    Early,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Credentials that are read from `secrets`, signatures that `signer` makes, and tokens that `token_endpoints` are asked
    /// for. Nothing is read yet.
    #[must_use]
    pub fn new<S, G, D>(secrets: S, signer: G, token_endpoints: D) -> Self
    where
        S: Secrets + 'static,
        G: Signer + 'static,
        D: Downstream + 'static,
    {
        Self { outside: Some(Rc::new(Outside { secrets, signer, token_endpoints })), ..Self::none() }
    }

    /// No way to any: targets that want credentials are not called.
    #[must_use]
    pub fn none() -> Self {
        let secrets = Cache::new(KEPT_MOST, |_: &Secret| KEPT);
        Self { outside: None, secrets, tokens: Cache::new(KEPT_MOST, Token::lives) }
    }

    /// Makes a call with the headers and credentials of its target, and judges what came of it.
    pub async fn make<D: Downstream, C: Clock + Rng>(
        &self,
        target: &D,
        clock: &C,
        target_call: TargetCall<'_>,
    ) -> CallResult {
        let TargetCall { config, mut call, purpose, time_left } = target_call;
        let judge: Judge = if purpose == Purpose::Health { judge_health } else { judge };
        if purpose == Purpose::Health && !same_origin(&config.url, &call.url) {
            return call::make(judge, target, clock, config, call).await;
        }
        if matches!(config.credentials, Some(CredentialsConfig::AwsSigV4(_))) {
            // They are what AWS takes for the action, and would be signed in our name.
            call.headers.retain(|(name, _)| !name.starts_with("x-amz-"));
        }
        config.headers.iter().for_each(|(name, value)| set_header(&mut call, name, value));
        let Some(credentials) = &config.credentials else {
            return call::make(judge, target, clock, config, call).await;
        };
        let least = call.timeout / 2;
        let authorized = async |reading| {
            let mut authorized = self.authorize(credentials, call.clone(), purpose, clock, reading).await?;
            // However long it took. A call that is cut short says nothing of the target.
            authorized.call.timeout = time_left().min(call.timeout);
            if authorized.call.timeout < least { Err(Unauthorized::TooLate) } else { Ok(authorized) }
        };
        let Authorized { call, by: sent } = match authorized(Reading::Cached).await {
            Ok(authorized) => authorized,
            Err(why) => return not_made(clock.now(), &why),
        };
        let result = call::make(judge, target, clock, config, call).await;
        if result.attempt().status != Some(UNAUTHORIZED) {
            return result;
        }
        if sent.is_none() {
            return refused(result, purpose);
        }
        match authorized(Reading::Anew).await {
            Ok(Authorized { call, by }) if by != sent => {
                refused(call::make(judge, target, clock, config, call).await, purpose)
            }
            Ok(_) => refused(result, purpose),
            // Whether what was sent is still right is not known, and nothing was done: it is tried again.
            Err(why) => not_made(clock.now(), &why),
        }
    }

    /// Returns whether it is known of a moment ago that a target's credentials cannot be had: then nobody takes a permit, or
    /// waits, for a call that is not made.
    #[must_use]
    pub fn are_missing(&self, config: &TargetConfig, now: Timestamp) -> bool {
        let secret = match &config.credentials {
            Some(CredentialsConfig::Oauth2(oauth)) => {
                if self.tokens.is_missing(oauth, now) {
                    return true;
                }
                &oauth.secret
            }
            Some(
                CredentialsConfig::Header { secret, .. }
                | CredentialsConfig::Basic { secret, .. }
                | CredentialsConfig::StandardWebhooks { secret },
            ) => secret,
            Some(CredentialsConfig::AwsSigV4(_)) | None => return false,
        };
        self.secrets.is_missing(&secret.source, now) && self.secrets.last(&secret.source).is_none()
    }

    /// Reads anew what is used and will end before long, each by itself. It is called when nobody waits for it: after an
    /// answer, or beside another call. Where there is nothing to do it costs nothing.
    pub async fn tend<C: Clock + Rng>(&self, clock: &C) {
        let Some(outside) = &self.outside else { return };
        let at = asked_at(clock);
        let secrets = self.secrets.due().into_iter().map(async |source| {
            let begin = || Rc::clone(outside).secret(source.clone());
            if let Err(error) = self.secrets.early(&source, at, begin).value().await {
                tracing::warn!(%error, kind = source.kind(), "a secret was not read anew");
            }
        });
        join_all(secrets).await;
        let tokens = self.tokens.due().into_iter().map(async |config| {
            if let Err(why) = self.token(&config, at, Reading::Early).await {
                tracing::warn!(%why, "a token was not renewed");
            }
        });
        join_all(tokens).await;
    }

    /// Puts a target's credentials into a call.
    async fn authorize<C: Clock + Rng>(
        &self,
        config: &CredentialsConfig,
        mut call: Call,
        purpose: Purpose,
        clock: &C,
        reading: Reading,
    ) -> Result<Authorized, Unauthorized> {
        let at = asked_at(clock);
        let by = match config {
            CredentialsConfig::Header { name, prefix, secret } => {
                let read = self.secret(secret, at, reading).await?;
                let value = format!("{}{}", prefix.as_deref().unwrap_or_default(), read.reveal().trim());
                set_header(&mut call, name, header_value(&value, secret)?);
                read
            }
            CredentialsConfig::Basic { username, secret } => {
                let read = self.secret(secret, at, reading).await?;
                let value = basic::of_secret(username.as_deref(), &read)
                    .ok_or(Unauthorized::Unfit(secret.source.kind(), "username and password"))?;
                set_header(&mut call, "authorization", &value);
                read
            }
            CredentialsConfig::Oauth2(oauth) => {
                let Token { token, .. } = self.token(oauth, at, reading).await?;
                set_header(&mut call, "authorization", &format!("Bearer {}", token.reveal()));
                token
            }
            CredentialsConfig::StandardWebhooks { secret } => {
                let Purpose::Delivery(id) = purpose else { return Ok(Authorized { call, by: None }) };
                let read = self.secret(secret, at, reading).await?;
                // The time of this attempt: whoever checks it refuses what is minutes old.
                let signed = webhook::signature(&read, &id.to_string(), clock.now(), &call.body)
                    .ok_or(Unauthorized::Unfit(secret.source.kind(), "keys that begin with whsec_"))?;
                signed.iter().for_each(|(name, value)| set_header(&mut call, name, value));
                read
            }
            CredentialsConfig::AwsSigV4(scope) => {
                let outside = self.outside.as_deref().ok_or(Unauthorized::Nowhere)?;
                // What the caller has sent to somebody else.
                call.headers.retain(|(name, _)| !SIGNED.contains(&name.as_str()));
                let call = outside.sign(call, scope, at.now).map_err(|_| Unauthorized::NotSignable)?;
                return Ok(Authorized { call, by: None });
            }
        };
        Ok(Authorized { call, by: Some(by) })
    }

    /// Returns a secret, or the field of one that is meant.
    async fn secret(
        &self,
        reference: &SecretReference,
        at: AskedAt,
        reading: Reading,
    ) -> Result<Secret, Unauthorized> {
        let outside = self.outside.as_ref().ok_or(Unauthorized::Nowhere)?;
        let source = &reference.source;
        let begin = || Rc::clone(outside).secret(source.clone());
        let read = match reading {
            Reading::Cached => self.secrets.get(source, at, begin),
            Reading::Anew => self.secrets.renew(source, at, begin),
            Reading::Early => self.secrets.early(source, at, begin),
        };
        let whole = match read.value().await {
            // What was read before is better than nothing, while those that keep secrets do not answer.
            Err(SecretError::Silent) => self.secrets.last(source).ok_or(SecretError::Silent),
            whole => whole,
        };
        let field = |whole: Secret| reference.field.iter().try_fold(whole, |whole, field| whole.field(field));
        whole.and_then(field).map_err(|error| Unauthorized::Secret(source.kind(), error))
    }

    /// Returns a token, of those that are kept or of the token endpoint.
    async fn token(
        &self,
        config: &OAuthConfig,
        at: AskedAt,
        reading: Reading,
    ) -> Result<Token, Unauthorized> {
        if reading == Reading::Cached
            && let Some(found) = self.tokens.look(config, at.now)
        {
            return Ok(found.value().await?);
        }
        let outside = self.outside.as_ref().ok_or(Unauthorized::Nowhere)?;
        let is_refused = reading == Reading::Anew;
        let secret = if is_refused { Reading::Anew } else { Reading::Cached };
        let secret = self.secret(&config.secret, at, secret).await?;
        let begin = |secret| {
            let outside = Rc::clone(outside);
            let call = oauth::request(config, &secret);
            move || outside.call(call)
        };
        let asked = |token: outside::Later<_>| oauth::token(token);
        let first = begin(secret.clone());
        let token = match reading {
            Reading::Cached => self.tokens.get(config, at, || asked(first())),
            Reading::Anew => self.tokens.renew(config, at, || asked(first())),
            Reading::Early => self.tokens.early(config, at, || asked(first())),
        };
        match token.value().await {
            // The client's secret may have been replaced since it was read.
            Err(TokenError::Refused) if !is_refused => {
                let anew = self.secret(&config.secret, at, Reading::Anew).await?;
                if anew == secret {
                    return Err(TokenError::Refused.into());
                }
                let again = begin(anew);
                Ok(self.tokens.renew(config, at, || asked(again())).value().await?)
            }
            token => Ok(token?),
        }
    }
}

fn asked_at<C: Clock + Rng>(clock: &C) -> AskedAt {
    AskedAt { now: clock.now(), chance: clock.unit() }
}

/// What comes of a call that was not made: nothing that counts, and the request is tried again.
fn not_made(at: Timestamp, why: &Unauthorized) -> CallResult {
    tracing::warn!(%why, "a target was not called");
    let why = why.to_string();
    let came = Err(NoAnswer::NotConnected(why.clone()));
    let verdict = Verdict::Again { why, came, retry_after: None };
    CallResult { at, took: Duration::ZERO, outcome: None, verdict }
}

/// What comes of a call whose credentials the target has refused, where its sender does not wait for the answer: nothing
/// that counts, and the request is tried again.
fn refused(result: CallResult, purpose: Purpose) -> CallResult {
    let CallResult { at, took, outcome, verdict } = result;
    match (verdict, purpose) {
        (Verdict::Final(answer), Purpose::Delivery(_)) if answer.status == UNAUTHORIZED => {
            tracing::warn!("a target has refused the credentials that are configured for it");
            let why = "the target refused the credentials that are configured for it (401)".to_owned();
            let verdict = Verdict::Again { why, came: Ok(answer), retry_after: None };
            CallResult { at, took, outcome: None, verdict }
        }
        (verdict, _) => CallResult { at, took, outcome, verdict },
    }
}

fn same_origin(one: &str, other: &str) -> bool {
    let origin = |url: &str| Url::parse(url).map(|url| url.origin());
    matches!((origin(one), origin(other)), (Ok(one), Ok(other)) if one == other)
}

/// Sets a header, in place of any that the call has under this name.
fn set_header(call: &mut Call, name: &str, value: &str) {
    call.headers.retain(|(other, _)| other != name);
    call.headers.push((SmolStr::new(name), SmolStr::new(value)));
}

/// What a secret makes of a header, where a header can have it.
fn header_value<'a>(value: &'a str, secret: &SecretReference) -> Result<&'a str, Unauthorized> {
    let is_good = !value.is_empty() && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if is_good { Ok(value) } else { Err(Unauthorized::Unfit(secret.source.kind(), "value of a header")) }
}
