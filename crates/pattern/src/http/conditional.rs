//! Conditional requests (RFC 9110 §13): a change that is made only to what its sender has seen.

use std::fmt;

use serde::Serialize;
use smol_str::SmolStr;
use tenfold_ports::api::{Problem, Request};
use uuid::Uuid;

/// A strong entity tag: two representations with the same one are alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntityTag(SmolStr);

/// The namespace of entity tags: `uuid5(NAMESPACE_URL, "urn:tenfold:entity-tag")`.
const NAMESPACE: Uuid = Uuid::from_u128(0x3aee_165d_26ab_5da8_a860_238d_677f_014e);

impl EntityTag {
    /// The tag of what is configured, made of its content: the same content again has the same tag.
    pub fn of<T: Serialize>(content: &T) -> Self {
        // A struct of text and numbers can always be written as JSON.
        let content = serde_json::to_vec(content).unwrap_or_default();
        Self(Uuid::new_v5(&NAMESPACE, &content).simple().to_string().into())
    }

    /// Whether a list of tags (`"a", "b"`) or `*` names this one. A weak tag (`W/"a"`) counts where `weak` says so.
    fn is_in(&self, list: &str, weak: bool) -> bool {
        list.trim() == "*"
            || list.split(',').map(str::trim).any(|tag| {
                let tag = if weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
                tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(&self.0)
            })
    }
}

/// As the `ETag` header has it: in quotes.
impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Whether the resource is what the request's `If-Match` or `If-None-Match` wants it to be; `current` is none where
/// there is no such resource. A request without either may always be carried out.
///
/// # Errors
/// 412: it is not; nothing may be changed.
pub fn precondition(request: &Request, current: Option<&EntityTag>) -> Result<(), Problem> {
    let mut required = request.header_values("if-match").peekable();
    let differs =
        required.peek().is_some() && !required.any(|list| current.is_some_and(|tag| tag.is_in(list, false)));
    if differs {
        return Err(failed("If-Match", current));
    }
    let mut excluded = request.header_values("if-none-match");
    if excluded.any(|list| current.is_some_and(|tag| tag.is_in(list, true))) {
        return Err(failed("If-None-Match", current));
    }
    Ok(())
}

/// Whether the sender of a `GET` has the representation with this tag already, so that 304 answers it.
#[must_use]
pub fn not_modified(request: &Request, current: &EntityTag) -> bool {
    request.header_values("if-none-match").any(|list| current.is_in(list, true))
}

fn failed(header: &str, current: Option<&EntityTag>) -> Problem {
    let found = current.map_or_else(|| "there is none".to_owned(), |tag| format!("its ETag is {tag}"));
    let detail = format!("{header} does not hold of the resource as it is now: {found}; read it again");
    Problem::new(412, "precondition-failed", "The resource is not what was expected", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, value: &str) -> Request {
        Request { headers: vec![(name.into(), value.into())], ..Request::default() }
    }

    #[test]
    fn the_same_content_has_the_same_tag() {
        assert_eq!(EntityTag::of(&(1, "a")), EntityTag::of(&(1, "a")));
        assert_ne!(EntityTag::of(&(1, "a")), EntityTag::of(&(2, "a")));
    }

    #[test]
    fn a_change_is_made_only_to_what_its_sender_has_seen() {
        let tag = EntityTag::of(&"now");
        let holds = |name, value: &str, current| precondition(&request(name, value), current).is_ok();
        assert!(holds("if-match", &tag.to_string(), Some(&tag)));
        assert!(holds("if-match", &format!("\"other\", {tag}"), Some(&tag)));
        assert!(holds("if-match", "*", Some(&tag)));
        assert!(!holds("if-match", "*", None), "there is nothing to match");
        assert!(!holds("if-match", "\"other\"", Some(&tag)));
        assert!(!holds("if-match", &format!("W/{tag}"), Some(&tag)), "a weak tag proves nothing");
        assert!(precondition(&Request::default(), None).is_ok());
    }

    #[test]
    fn a_creation_can_be_kept_from_overwriting() {
        let tag = EntityTag::of(&"now");
        assert!(precondition(&request("if-none-match", "*"), None).is_ok());
        assert_eq!(precondition(&request("if-none-match", "*"), Some(&tag)).unwrap_err().status, 412);
        assert!(not_modified(&request("if-none-match", &format!("W/{tag}")), &tag));
        assert!(!not_modified(&Request::default(), &tag));
    }
}
