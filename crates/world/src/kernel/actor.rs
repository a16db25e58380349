//! Names of invocations.

/// Names an invocation within a run.
pub type Actor = usize;

/// Who waits for a call that outlives its invocation.
pub(crate) const NOBODY: Actor = Actor::MAX;
