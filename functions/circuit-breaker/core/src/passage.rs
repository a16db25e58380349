//! What of a request goes through to its target, beside its body.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_ports::downstream::Method;

/// What of a request goes through to its target, beside the body and the headers that are the pattern's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Passage {
    /// The method.
    #[serde(default = "post", skip_serializing_if = "is_post")]
    pub method: Method,
    /// The path below the target's URL, percent-encoded as it was sent: empty, or beginning with a slash.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub path: SmolStr,
    /// The query, decoded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(SmolStr, SmolStr)>,
    /// The other end-to-end headers, names in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(SmolStr, SmolStr)>,
}

// What an older version has written does not say it.
const fn post() -> Method {
    Method::Post
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_post(method: &Method) -> bool {
    *method == Method::Post
}

impl Passage {
    /// Returns whether it is a `POST` to the target's URL itself.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.method == Method::Post && self.path.is_empty() && self.query.is_empty()
    }
}

impl Default for Passage {
    fn default() -> Self {
        Self { method: post(), path: SmolStr::default(), query: Vec::new(), headers: Vec::new() }
    }
}
