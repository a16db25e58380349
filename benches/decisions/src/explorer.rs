//! The deterministic world, on the way through all runs of a workload.

// The circuit breaker's own workloads, as its tests and `make sim` have them.
#[path = "../../../functions/circuit-breaker/core/tests/world/mod.rs"]
mod world;

use tenfold_world::{Order, SearchReport, Workload, exhaust};

use crate::{Case, OURS};

/// A workload that is explored whole in a tenth of a second.
const WORKLOAD: &str = "promises, key kept by the target";

/// The exploration of a workload, for each state that it finds: letting a call happen, running the handler or looking
/// up what it did, remembering the state, going back to it, and its part of settling and checking what is promised.
pub fn step() -> Case {
    let workload = world::workloads::ALL.iter().find(|workload| workload.name == WORKLOAD);
    let Some(workload) = workload else { unreachable!("the circuit breaker has no workload {WORKLOAD:?}") };
    let states = explored(workload).states;
    Case {
        units: states,
        ..Case::new("worldStep", OURS, move || assert_eq!(explored(workload).states, states))
    }
}

fn explored(workload: &Workload) -> SearchReport {
    let report = exhaust(workload.bounds(Order::Invocations), workload.run);
    assert!(report.whole, "{WORKLOAD:?} is not explored whole: {:?}", report.violation);
    report
}
