//! What a run did, for people.

use std::fmt;

use jiff::Timestamp;

use super::actor::{Actor, NOBODY};
use super::fault::CallFault;
use super::site::Site;

/// One step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceEvent {
    /// The world's time.
    pub at: Timestamp,
    /// Which invocation.
    pub actor: Actor,
    /// The call.
    pub site: Site,
    /// What went wrong with it.
    pub fault: Option<CallFault>,
    /// What it was about and what came of it.
    pub what: String,
}

impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = self.fault.map(|x| format!("  <-- {}", x.name().to_uppercase())).unwrap_or_default();
        let Self { at, actor, site, what, .. } = self;
        // Of who died before the call was applied.
        let actor = if *actor == NOBODY { "late".to_owned() } else { format!("#{actor}") };
        write!(f, "{at}  {actor} {:<18} {:<16} {what}{fault}", site.role, site.call)
    }
}
