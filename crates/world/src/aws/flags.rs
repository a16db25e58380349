//! Configuration documents in memory: a change is seen at once, or only after a while.
//!
//! An agent, an extension or a cache polls: for one poll interval a reader may still get what was there
//! before, even after it has seen what is there now (another machine, another cache). Where a run allows
//! stale reads the world chooses.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;
use tenfold_ports::flags::Flag;

use crate::kernel::choice::Choices;

/// For how long a reader may miss a change, where nothing else was said.
const POLL: SignedDuration = SignedDuration::from_secs(30);

/// The documents of a run.
#[derive(Debug, Clone, Hash)]
pub struct Documents {
    pub(crate) poll: SignedDuration,
    /// Of each the versions that may still be seen, with the times from which on they were the newest.
    all: BTreeMap<SmolStr, Vec<(Timestamp, Flag)>>,
}

impl Default for Documents {
    fn default() -> Self {
        Self { poll: POLL, all: BTreeMap::new() }
    }
}

impl Documents {
    /// Changes a document. The first version counts as there for ever.
    pub(crate) fn set(&mut self, name: &str, text: &str, now: Timestamp) {
        let poll = self.poll;
        let versions = self.all.entry(SmolStr::new(name)).or_default();
        let since = if versions.is_empty() { Timestamp::MIN } else { now };
        let version = versions.last().map_or(0, |(_, newest)| newest.version) + 1;
        versions.push((since, Flag { version, text: SmolStr::new(text) }));
        // A version can be seen for one interval after the next one came.
        let unseen = versions.windows(2).take_while(|pair| now.duration_since(pair[1].0) >= poll).count();
        versions.drain(..unseen);
    }

    pub(crate) fn read(
        &self,
        name: &str,
        now: Timestamp,
        stale: bool,
        choices: &mut Choices,
    ) -> Option<Flag> {
        let versions = self.all.get(name)?;
        let (newest, older) = versions.split_last()?;
        let next = versions[1..].iter().map(|(since, _)| *since);
        let seen = older.iter().zip(next).filter(|(_, next)| now.duration_since(*next) < self.poll);
        let mut seen: Vec<&Flag> = seen.map(|((_, flag), _)| flag).collect();
        seen.push(&newest.1);
        seen.reverse();
        let chosen = if stale { choices.pick(seen.len()) } else { 0 };
        Some(seen[chosen].clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_version_is_kept_that_nobody_can_see() {
        let mut documents = Documents::default();
        for n in 0..100 {
            documents.set("mode", "on", Timestamp::from_second(n * 12).unwrap());
        }
        assert!(documents.all["mode"].len() <= 4, "{documents:?}");
    }
}
