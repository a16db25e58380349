//! The port of configuration documents, and the documents of a run.

use jiff::SignedDuration;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::flags::{Flag, Flags};

use crate::run::env::Env;
use crate::run::state::{RunState, detail};
use crate::run::world::World;

impl World {
    /// Changes a configuration document, or makes it.
    pub fn set_flag(&self, name: &str, text: &str) {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        state.services.flags.set(name, text, now);
    }

    /// Says for how long readers may miss a change; 30 s otherwise.
    pub fn poll_flags_every(&self, poll: SignedDuration) {
        self.state.borrow_mut().services.flags.poll = poll;
    }
}

impl Flags for Env {
    async fn read(&self, name: &str) -> Result<Option<Flag>, CallError> {
        let name = SmolStr::new(name);
        let effect = move |state: &mut RunState| {
            let stale = state.limits.stale_reads;
            let read = state.spend_rate("flags.gets", "", 1);
            let flag = read.map(|()| state.services.flags.read(&name, state.now, stale, &mut state.choices));
            let what = detail(state, || match &flag {
                Ok(Some(flag)) => format!("{name} -> version {}: {}", flag.version, flag.text),
                Ok(None) => format!("{name} -> none"),
                Err(error) => error.to_string(),
            });
            (flag, what)
        };
        self.call(self.site("flags.read", "flags"), effect).await
    }
}

#[cfg(test)]
mod tests;
