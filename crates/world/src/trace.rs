//! What a run did, for people.

use std::fmt;

use jiff::Timestamp;

use crate::fault::Fault;
use crate::state::{NOBODY, State};

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

/// One step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The world's time.
    pub at: Timestamp,
    /// Which invocation.
    pub actor: usize,
    /// The call.
    pub site: Site,
    /// What went wrong with it.
    pub fault: Option<Fault>,
    /// What it was about and what came of it.
    pub what: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = self.fault.map(|x| format!("  <-- {}", x.name().to_uppercase())).unwrap_or_default();
        let Self { at, actor, site, what, .. } = self;
        // Of who died before the call was applied.
        let actor = if *actor == NOBODY { "late".to_owned() } else { format!("#{actor}") };
        write!(f, "{at}  {actor} {:<18} {:<16} {what}{fault}", site.role, site.call)
    }
}

/// What an event shall say, made up only where somebody will read it.
pub(crate) fn told(state: &State, what: impl FnOnce() -> String) -> String {
    if state.trace.is_some() { what() } else { String::new() }
}
