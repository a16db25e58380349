//! Where ports are called.

use std::fmt;

/// A place in a handler where a port is called: who calls what on which kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// The role of the function.
    pub role: &'static str,
    /// The port and its method, `table.write`.
    pub call: &'static str,
    /// What it is about, as far as it tells sites apart: a kind of row, a queue.
    pub about: &'static str,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.role, self.call, self.about)
    }
}
