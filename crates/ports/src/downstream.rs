//! The service that a pattern calls on behalf of its users.

use std::time::Duration;

use bytes::Bytes;
use smol_str::SmolStr;

/// The HTTP method of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`, without a body.
    Get,
    /// `POST`.
    Post,
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
    /// The body's media type, as sent.
    pub content_type: Option<SmolStr>,
    /// The `Retry-After` header, as sent.
    pub retry_after: Option<SmolStr>,
    /// The body; at most [`Call::max_body`] bytes.
    pub body: Bytes,
    /// Whether the service sent more than [`Call::max_body`] bytes, which were dropped.
    pub truncated: bool,
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
