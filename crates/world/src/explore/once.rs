//! Single runs: again, or of one seed, with a timeline.

use std::rc::Rc;

use super::bounds::{Bounds, Run};
use crate::kernel::choice::{Choices, Rest};
use crate::kernel::trace::TraceEvent;
use crate::run::state::RunState;
use crate::run::stop::Stop;
use crate::run::world::World;

/// Runs one vector of choices again, with a timeline.
pub fn replay(bounds: Bounds, run: impl Run, choices: &[u32]) -> (Result<(), String>, Vec<TraceEvent>) {
    once(bounds, run, Choices::again(choices))
}

/// Makes one random run, and gives its trace in all detail.
pub fn trace_detail(bounds: Bounds, seed: u64, run: impl Run) -> String {
    let (result, timeline) = once(bounds, run, Choices::new(Vec::new(), Rest::Random(seed)));
    let lines: Vec<String> = timeline.iter().map(ToString::to_string).collect();
    format!("{}\n{result:?}", lines.join("\n"))
}

/// Makes one run, in which no handler is remembered.
fn once(bounds: Bounds, run: impl Run, choices: Choices) -> (Result<(), String>, Vec<TraceEvent>) {
    let state = RunState::new(choices, bounds.limits(), true);
    let world = World::new(state, Rc::default());
    let result = match run(&world) {
        Ok(()) | Err(Stop::Seen) => Ok(()),
        Err(Stop::Broken(what)) => Err(what),
    };
    let timeline = world.state.borrow_mut().trace.take().unwrap_or_default();
    (result, timeline)
}
