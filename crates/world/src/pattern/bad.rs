//! What is wrong with a pattern.

/// The pattern is none, or none that the world knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern{}: {why}", if at.is_empty() { String::new() } else { format!(" at `{at}`") })]
pub struct BadPattern {
    /// The field, as a path of names with dots between them; empty for the pattern as a whole.
    pub at: String,
    /// What was found and what was expected.
    pub why: String,
}

impl BadPattern {
    pub(crate) fn new(at: &str, why: impl Into<String>) -> Self {
        Self { at: at.to_owned(), why: why.into() }
    }
}
