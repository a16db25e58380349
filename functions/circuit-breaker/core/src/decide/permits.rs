//! The permits of a half-open epoch: what is stored of them, and which is free.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::TargetConfig;
use crate::decide::window::{CallOutcome, CallTally};
use crate::mutant::{Mutant, is_in};

/// How far two machines' clocks may differ before a permit could be live twice.
pub const CLOCK_MARGIN: Duration = Duration::from_secs(2);

/// Returns by how much a permit outlives the call that it is for.
pub(crate) fn permit_margin() -> Duration {
    match () {
        () if is_in(Mutant::ClocksAgree) => Duration::ZERO,
        () if is_in(Mutant::MarginTooSmall) => CLOCK_MARGIN / 2,
        () => CLOCK_MARGIN,
    }
}

/// A permit of a half-open epoch, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProbePermit {
    /// The random name of the prober that took it.
    pub holder: u64,
    /// The time at which it is free again, unless there is a result.
    pub until: Timestamp,
    /// The result of the probe.
    pub result: Option<CallOutcome>,
}

/// What a prober holds: the right to make one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProbeGrant {
    /// The epoch in which the result counts.
    pub epoch: u64,
    /// The random name of the prober.
    pub holder: u64,
    /// The end of the permit, on the clock of whoever took it. The call ends [`CLOCK_MARGIN`] before.
    pub until: Timestamp,
}

/// Returns the place of the first permit that can be taken: one that has ended without a result, or a new one. Where fewer
/// are asked for than before, those that are live still count, and none is free before enough of them have ended.
pub(super) fn free_permit(permits: &[ProbePermit], config: &TargetConfig, now: Timestamp) -> Option<usize> {
    let taken = permits.iter().filter(|permit| !has_ended(permit, now)).count();
    let ended = permits.iter().position(|permit| has_ended(permit, now));
    (taken < most_permits(config)).then(|| ended.unwrap_or(permits.len()))
}

fn has_ended(permit: &ProbePermit, now: Timestamp) -> bool {
    permit.result.is_none() && permit.until <= now && !is_in(Mutant::PermitWithoutEnd)
}

/// Returns how many permits a half-open epoch has.
fn most_permits(config: &TargetConfig) -> usize {
    if is_in(Mutant::PermitsWithoutLimit) { usize::MAX } else { config.half_open_probes as usize }
}

/// Returns what has come of the probes so far.
pub(super) fn results(permits: &[ProbePermit]) -> CallTally {
    permits.iter().filter_map(|permit| permit.result).collect()
}
