//! Configuration that changes while functions run: flags, limits, routes.
//!
//! Reading is one call. How long what was read is used is the reader's decision, and how long a change takes to
//! be seen the service's.

use smol_str::SmolStr;

use crate::CallError;

/// A configuration document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Flag {
    /// Counts the changes of the document, from 1 on.
    pub version: u64,
    /// The document: text, as it was put in; JSON by convention.
    pub text: SmolStr,
}

/// Configuration documents by name.
pub trait Flags {
    /// Reads a document; none where there is none of this name. May be older than the newest.
    ///
    /// # Errors
    /// The call failed.
    async fn read(&self, name: &str) -> Result<Option<Flag>, CallError>;
}
