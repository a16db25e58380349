//! The service that a pattern calls on behalf of its users.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// The HTTP method of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`, without a body.
    Get,
    /// `HEAD`, without a body in either direction.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
}

impl Method {
    /// All methods, by their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("GET", Self::Get),
        ("HEAD", Self::Head),
        ("POST", Self::Post),
        ("PUT", Self::Put),
        ("PATCH", Self::Patch),
        ("DELETE", Self::Delete),
    ];

    /// Returns the method of this name, which is in upper case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// Returns whether it asks for nothing to be done (RFC 9110 §9.2.1), so that nothing is lost by not asking again.
    #[must_use]
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// A call to make.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// An absolute `http` or `https` URL. Redirects are answers, not followed.
    pub url: SmolStr,
    /// Header names in lower case, and their values.
    pub headers: Vec<(SmolStr, SmolStr)>,
    /// The body.
    pub body: Bytes,
    /// How long the whole call may take, the last byte of the answer's body included.
    pub timeout: Duration,
    /// The most bytes of body that are read of the answer.
    pub max_body: usize,
}

/// What the service answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names in lower case, and their values, as they were sent; all values of a name in their order. A value
    /// that is no text is left out.
    pub headers: Vec<(SmolStr, SmolStr)>,
    /// The body; at most [`Call::max_body`] bytes.
    pub body: Bytes,
    /// Whether the service sent more than [`Call::max_body`] bytes, which were dropped.
    pub truncated: bool,
}

impl Answer {
    /// Returns the header `name` (lower case); its first value where it came several times.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&SmolStr> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoAnswer {
    /// The connection could not be made: the service has not seen the call.
    #[error("no connection: {0}")]
    NotConnected(String),
    /// The time was up. The service may have done what was asked.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke after the call was on its way. The service may have done what was asked.
    #[error("connection broke: {0}")]
    Broken(String),
}

/// A service over HTTP.
pub trait Downstream {
    /// Makes one call, once: an adapter never repeats it.
    ///
    /// # Errors
    /// No whole answer came.
    async fn call(&self, call: Call) -> Result<Answer, NoAnswer>;
}
