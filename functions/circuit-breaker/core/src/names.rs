//! The names that callers choose: parsed at the edge, so that no key of the table can be forged or torn.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_pattern::http::is_name;
use tenfold_ports::api::Fault;
use uuid::Uuid;

use crate::passage::Passage;

/// A target's name: 1 to 64 of `a-z`, `0-9` and `-`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SmolStr")]
pub struct TargetName(SmolStr);

impl TryFrom<SmolStr> for TargetName {
    type Error = String;

    fn try_from(text: SmolStr) -> Result<Self, String> {
        Self::parse(&text).map_err(|fault| fault.detail)
    }
}

impl TargetName {
    /// Parses a name.
    ///
    /// # Errors
    /// The text is no such name.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with('-') {
            Ok(Self(text.into()))
        } else {
            let detail = "a target is named by 1 to 64 of a-z, 0-9 and -, not beginning with -";
            Err(Fault::new("path", detail))
        }
    }

    /// Returns whether it is taken for the id of a request.
    #[must_use]
    pub fn is_request_id(&self) -> bool {
        RequestId::parse(&self.0).is_some()
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The longest name of a tenant, in characters.
pub const TENANT_MOST: usize = 64;

/// A tenant's name: 1 to 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantName(SmolStr);

/// A text is not the name of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("1 to {TENANT_MOST} visible ASCII characters were expected")]
pub struct NotATenant;

impl TenantName {
    /// Parses a name.
    ///
    /// # Errors
    /// The text is no such name.
    pub fn parse(text: &str) -> Result<Self, NotATenant> {
        if is_name(text, TENANT_MOST) { Ok(Self(text.into())) } else { Err(NotATenant) }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn into_text(self) -> SmolStr {
        self.0
    }
}

/// The name of a breaker, made of what it guards: all of a target, or what one tenant asks of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BreakerName {
    /// The target's name.
    pub target: TargetName,
    /// The tenant's name; none for the target as a whole.
    pub tenant: Option<SmolStr>,
}

impl BreakerName {
    /// Returns the name of a whole target's breaker.
    #[must_use]
    pub const fn of(target: TargetName) -> Self {
        Self { target, tenant: None }
    }

    /// Returns the shard that its tenant falls into, of so many: 0 to `shards`, exclusive.
    #[must_use]
    pub fn shard(&self, shards: u16) -> u16 {
        let tenant = self.tenant.as_deref().unwrap_or_default();
        shard(Uuid::new_v5(&NAMESPACE, tenant.as_bytes()), shards)
    }
}

impl fmt::Display for BreakerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            None => write!(f, "{}", self.target),
            Some(tenant) => write!(f, "{}:{tenant}", self.target),
        }
    }
}

/// The name of a request, made of who sent it and under which key, so that sending it again finds it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(Uuid);

/// The namespace of [`RequestId`]s and digests: `uuid5(NAMESPACE_URL, "urn:tenfold:circuit-breaker")`.
const NAMESPACE: Uuid = Uuid::from_u128(0x0e1f_7c1a_52c5_5c39_9d3b_31a5_7a0c_be07);

impl RequestId {
    /// Returns the id of the request with an idempotency key at a target, for a tenant.
    #[must_use]
    pub fn new(target: &TargetName, tenant: Option<&str>, key: &str) -> Self {
        let name = format_smolstr!("{target}\n{}\n{key}", tenant.unwrap_or_default());
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }

    /// Parses an id. Returns none where it is no UUID in its usual form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 36).then(|| Uuid::parse_str(text).ok()).flatten().map(Self)
    }
}

impl RequestId {
    /// Returns the shard that it falls into, of so many: 0 to `shards`, exclusive.
    #[must_use]
    pub fn shard(self, shards: u16) -> u16 {
        shard(self.0, shards)
    }
}

fn shard(id: Uuid, shards: u16) -> u16 {
    (id.as_u128() % u128::from(shards.max(1))) as u16
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Returns a digest that tells two requests with the same idempotency key apart. Other headers are not in it: a repetition
/// may come with another `Date` or `User-Agent`.
#[must_use]
pub fn digest(content_type: &str, ordering: &str, passage: &Passage, body: &[u8]) -> Uuid {
    let mut head = format!("{content_type}\n{ordering}");
    // A request to the URL itself has the digest that it always had.
    if !passage.is_plain() {
        let Passage { method, path, query, .. } = passage;
        let _ = write!(head, "\n{}\n{path}\n{query:?}", method.name());
    }
    Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, head.as_bytes()), body)
}

#[cfg(test)]
mod tests {
    use tenfold_ports::downstream::Method;

    use super::*;

    #[test]
    fn a_target_name_cannot_leave_its_key() {
        for bad in ["", "-a", "A", "a/b", "a#b", "a:b", "ä", "a b", &"a".repeat(65)] {
            assert!(TargetName::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(TargetName::parse("pay-2").unwrap().to_string(), "pay-2");
    }

    #[test]
    fn a_tenant_is_named_by_some_visible_characters() {
        for bad in ["", "a b", "ä", &"a".repeat(65)] {
            assert_eq!(TenantName::parse(bad), Err(NotATenant), "{bad}");
        }
        assert_eq!(TenantName::parse("a:b#c").unwrap().into_text(), "a:b#c");
    }

    #[test]
    fn a_request_is_named_by_target_tenant_and_key() {
        let target = TargetName::parse("pay").unwrap();
        let id = RequestId::new(&target, None, "k");
        assert_eq!(id, RequestId::new(&target, None, "k"));
        assert_ne!(id, RequestId::new(&target, Some("t"), "k"));
        assert_ne!(id, RequestId::new(&target, None, "l"));
        assert_eq!(RequestId::parse(&id.to_string()), Some(id));
        assert_eq!(RequestId::parse("{nonsense}"), None);
    }

    #[test]
    fn a_digest_tells_bodies_types_and_order_apart() {
        let plain = Passage::default();
        let put = Passage { method: Method::Put, ..Passage::default() };
        let below = Passage { path: "/x".into(), ..Passage::default() };
        let asked = Passage { query: vec![("a".into(), "1".into())], ..Passage::default() };
        let mut all = vec![
            digest("a", "", &plain, b"x"),
            digest("b", "", &plain, b"x"),
            digest("a", "k", &plain, b"x"),
            digest("a", "", &plain, b"y"),
        ];
        all.extend([&put, &below, &asked].map(|passage| digest("a", "", passage, b"x")));
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }
}
