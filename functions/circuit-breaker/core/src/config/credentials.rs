//! What calls of a target have besides the request: headers in clear, and credentials by reference.
//!
//! A secret that is written where a reference was expected must not come back in a fault, a log line or a row: nothing
//! here repeats what it has found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_pattern::http::Fields;
use tenfold_pattern::http::fields::Node;
use tenfold_ports::secrets::SecretReference;
use tenfold_ports::signer::SigningScope;

use super::url::{may_have_secrets, secure_url};

/// The most headers of a target's configuration.
pub const HEADERS_MOST: usize = 20;
/// The longest name of a header.
const NAME_MOST: usize = 64;
/// The longest value of a header, of a name of a user or a client, of a scope.
const VALUE_MOST: usize = 1024;

/// The services that a call is not signed for: those in which the functions' own roles may do something. Whoever
/// configures targets could else read the table, the queues and the secrets in the functions' name.
pub const SERVICES_OF_OUR_OWN: [&str; 8] =
    ["dynamodb", "ec2", "kms", "logs", "secretsmanager", "sqs", "ssm", "xray"];

/// Headers that are ours to set, or belong to one connection (RFC 9110 §7.6.1) or to the message's framing.
const RESERVED: [&str; 19] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "ordering-key",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "tenant",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amzn-trace-id",
    "x-correlation-id",
];
/// Headers that signatures are in: Standard Webhooks, and AWS's.
const SIGNATURES: [&str; 6] = [
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
];
/// Headers whose value is a secret by their nature, so that it is given by reference.
const SECRET: [&str; 2] = ["authorization", "cookie"];

/// What calls of a target identify themselves by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum CredentialsConfig {
    /// A header whose value is a secret.
    Header {
        /// Its name, in lower case.
        name: SmolStr,
        /// What stands before the secret: `Bearer `.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<SmolStr>,
        /// Where the secret is.
        secret: SecretReference,
    },
    /// HTTP Basic (RFC 7617).
    Basic {
        /// The user; none: the secret is a JSON object with `username` and `password`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        username: Option<SmolStr>,
        /// Where the password is.
        secret: SecretReference,
    },
    /// A token of OAuth 2.0 client credentials (RFC 6749 §4.4).
    Oauth2(OAuthConfig),
    /// A signature of Standard Webhooks.
    StandardWebhooks {
        /// Where the keys are: `whsec_…`, several separated by blanks.
        secret: SecretReference,
    },
    /// A signature of AWS, Version 4, in the name of the function's role.
    AwsSigV4(SigningScope),
}

/// How a token is had.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OAuthConfig {
    /// The token endpoint. It is held to the same addresses as targets are.
    pub token_url: SmolStr,
    /// The client.
    pub client_id: SmolStr,
    /// Where the client's secret is.
    pub secret: SecretReference,
    /// The scopes, separated by blanks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<SmolStr>,
    /// For whom the token is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<SmolStr>,
}

/// The types by their names, with the fields of each.
const TYPES: [(&str, &[&str]); 5] = [
    ("header", &["name", "prefix", "secret"]),
    ("basic", &["username", "secret"]),
    ("oauth2", &["tokenUrl", "clientId", "secret", "scope", "audience"]),
    ("standardWebhooks", &["secret"]),
    ("awsSigV4", &["service", "region"]),
];

/// Reads `headers`.
pub(super) fn headers(fields: &mut Fields) -> BTreeMap<SmolStr, SmolStr> {
    let mut headers = BTreeMap::new();
    let given = match fields.optional("headers") {
        None => return headers,
        Some(Node::Object(given)) => given,
        Some(_) => {
            fields.fault::<()>("headers", "an object of names and values was expected");
            return headers;
        }
    };
    if given.len() > HEADERS_MOST {
        fields.fault::<()>("headers", format!("has more than {HEADERS_MOST} headers"));
        return headers;
    }
    for (name, value) in given {
        let wrong = match header_name(&name) {
            Err(why) => why.to_owned(),
            Ok(name) if SECRET.contains(&name.as_str()) => {
                format!("{name} would be stored and shown; it belongs into `credentials`, by reference")
            }
            Ok(name) => match value {
                Node::Text(value) if is_value(&value) => {
                    let twice = format!("{name} comes twice");
                    if headers.insert(name, value.into()).is_none() {
                        continue;
                    }
                    twice
                }
                _ => {
                    format!("{name} should be text of 1 to {VALUE_MOST} visible ASCII characters and blanks")
                }
            },
        };
        fields.fault::<()>("headers", wrong);
    }
    headers
}

/// Reads `credentials`.
pub(super) fn credentials(fields: &mut Fields) -> Option<CredentialsConfig> {
    let mut inner = fields.optional_hidden_object("credentials")?;
    let config = inner.hidden_parsed("type", |text| {
        let found = TYPES.iter().position(|(name, _)| *name == text);
        found.ok_or("header, basic, oauth2, standardWebhooks or awsSigV4 was expected")
    });
    let config = match config {
        None => {
            // Which fields belong to it is not known, so none is called unknown.
            TYPES.iter().flat_map(|(_, names)| *names).for_each(|name| _ = inner.optional(name));
            None
        }
        Some(0) => header(&mut inner),
        Some(1) => {
            let (username, secret) = (inner.optional_hidden_parsed("username", username), secret(&mut inner));
            secret.map(|secret| CredentialsConfig::Basic { username, secret })
        }
        Some(2) => oauth(&mut inner),
        Some(3) => secret(&mut inner).map(|secret| CredentialsConfig::StandardWebhooks { secret }),
        Some(_) => scope(&mut inner),
    };
    fields.close(inner);
    config
}

/// Notes where the credentials would go over the network in clear, and where their header is one of those in clear too.
pub(super) fn do_not_meet(
    fields: &mut Fields,
    url: &str,
    headers: &BTreeMap<SmolStr, SmolStr>,
    credentials: Option<&CredentialsConfig>,
) {
    if credentials.is_some() && !may_have_secrets(url) {
        fields.fault::<()>("url", "is not https, and the credentials would cross the network in clear");
    }
    if let Some(CredentialsConfig::Header { name, .. }) = credentials
        && headers.contains_key(name)
    {
        fields.fault::<()>("headers", format!("{name} is the header of the credentials"));
    }
}

fn header(inner: &mut Fields) -> Option<CredentialsConfig> {
    let name = inner.hidden_parsed("name", header_name);
    let prefix = inner.optional_hidden_parsed("prefix", |text| {
        let is_good = text.len() <= NAME_MOST && is_value(text.trim_end_matches(' '));
        if is_good {
            Ok(SmolStr::from(text))
        } else {
            Err("what stands before the secret was expected: `Bearer `")
        }
    });
    let (name, secret) = (name, secret(inner));
    Some(CredentialsConfig::Header { name: name?, prefix, secret: secret? })
}

fn oauth(inner: &mut Fields) -> Option<CredentialsConfig> {
    let token_url = inner.hidden_parsed("tokenUrl", secure_url);
    let client_id = inner.hidden_parsed("clientId", value);
    let (scope, audience) =
        (inner.optional_hidden_parsed("scope", value), inner.optional_hidden_parsed("audience", value));
    let secret = secret(inner);
    let (token_url, client_id, secret) = (token_url?, client_id?, secret?);
    Some(CredentialsConfig::Oauth2(OAuthConfig { token_url, client_id, secret, scope, audience }))
}

fn scope(inner: &mut Fields) -> Option<CredentialsConfig> {
    let service = inner.hidden_parsed("service", |text| {
        let name = slug(text, "the service's name in signatures was expected: execute-api, lambda")?;
        if SERVICES_OF_OUR_OWN.contains(&text) {
            return Err(
                "is a service in which the functions have rights of their own; calls are not signed for it",
            );
        }
        Ok(name)
    });
    let region =
        inner.optional_hidden_parsed("region", |text| slug(text, "a region was expected: eu-west-1"));
    Some(CredentialsConfig::AwsSigV4(SigningScope { service: service?, region }))
}

fn secret(inner: &mut Fields) -> Option<SecretReference> {
    inner.hidden_parsed("secret", str::parse)
}

/// The name of a header that may be set, in lower case.
fn header_name(text: &str) -> Result<SmolStr, &'static str> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !(1..=NAME_MOST).contains(&text.len()) || !text.bytes().all(token) {
        return Err("a name of a header was expected, of 1 to 64 characters");
    }
    let name = text.to_ascii_lowercase();
    if RESERVED.contains(&name.as_str()) || SIGNATURES.contains(&name.as_str()) {
        return Err(
            "one of the headers that every call has, or that belong to its connection or signature, cannot be set",
        );
    }
    Ok(name.into())
}

/// What a header's value can be: not blank, without blanks around it.
fn is_value(text: &str) -> bool {
    (1..=VALUE_MOST).contains(&text.len())
        && text.trim() == text
        && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

fn value(text: &str) -> Result<SmolStr, &'static str> {
    if is_value(text) {
        Ok(text.into())
    } else {
        Err("text of 1 to 1,024 visible ASCII characters was expected")
    }
}

/// RFC 7617 §2: what comes before the first colon is the user.
fn username(text: &str) -> Result<SmolStr, &'static str> {
    let good = value(text)?;
    if text.contains(':') { Err("a colon ends the user's name, so it can have none") } else { Ok(good) }
}

fn slug(text: &str, expected: &'static str) -> Result<SmolStr, &'static str> {
    let is_good = (1..=NAME_MOST).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_good { Ok(text.into()) } else { Err(expected) }
}

#[cfg(test)]
mod tests;
