//! Signing calls as AWS's own services want them (Signature Version 4), in the name of the function's role.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::downstream::Call;

/// What a signature is good for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SigningScope {
    /// The service's name in signatures: `execute-api`, `lambda`.
    pub service: SmolStr,
    /// The region; none: the function's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<SmolStr>,
}

/// A call that cannot be signed: its URL or a header is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the call cannot be signed")]
pub struct NotSignable;

/// What signs calls with the function's own credentials.
pub trait Signer {
    /// Returns the call with the headers that sign all of it: nothing of it may be changed afterwards.
    ///
    /// # Errors
    /// It cannot be signed.
    fn sign(&self, call: Call, scope: &SigningScope, now: Timestamp) -> Result<Call, NotSignable>;
}
