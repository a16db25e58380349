//! A workflow with the semantics of a Standard state machine of AWS Step Functions. (An Express one takes a second
//! start under a name for another execution.)

use crate::CallError;

/// The longest name of an execution, in characters.
pub const MAX_NAME: usize = 80;

/// The largest input of an execution, in bytes.
pub const MAX_INPUT: usize = 256 << 10;

/// What came of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Started {
    /// An execution runs under the name with this very input. Whether this call has started it or an earlier one,
    /// Step Functions does not say.
    Running,
    /// The name is taken: its execution has ended, or has another input. Names are free again after 90 days.
    /// As with a conflict, an earlier attempt of the same call whose answer was lost may be the very reason.
    Exists,
}

/// A workflow.
pub trait Flow {
    /// Starts an execution, at most once for a name: of 1 to [`MAX_NAME`] letters, digits, `-` and `_`. The
    /// input is JSON text of at most [`MAX_INPUT`].
    ///
    /// # Errors
    /// The call failed.
    async fn start(&self, name: &str, input: &str) -> Result<Started, CallError>;
}
