//! Probes whose calls were dropped, to be given back when somebody tends.

use std::sync::{Arc, Mutex, PoisonError};

use crate::config::TargetConfig;
use crate::decide::permits::ProbeGrant;
use crate::decide::window::CallOutcome;
use crate::names::BreakerName;

/// A probe whose call was dropped, and what is known of it.
#[derive(Debug)]
pub(super) struct LeftProbe {
    pub(super) breaker: BreakerName,
    pub(super) config: Arc<TargetConfig>,
    pub(super) grant: ProbeGrant,
    pub(super) outcome: Option<CallOutcome>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct LeftProbes(Mutex<Vec<LeftProbe>>);

impl LeftProbes {
    pub(super) fn add(&self, probe: LeftProbe) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(probe);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes one to give it back; where that is cut short, it is there again.
    pub(super) fn take(&self) -> Option<TakenProbe<'_>> {
        let probe = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(TakenProbe { all: self, probe: Some(probe) })
    }
}

/// A probe that is being given back.
#[derive(Debug)]
pub(super) struct TakenProbe<'a> {
    all: &'a LeftProbes,
    pub(super) probe: Option<LeftProbe>,
}

impl Drop for TakenProbe<'_> {
    fn drop(&mut self) {
        self.probe.take().into_iter().for_each(|probe| self.all.add(probe));
    }
}
