//! Driving runs, all of them or many random ones, until one breaks an invariant.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use super::bounds::{Bounds, Run};
use super::met::Met;
use super::report::SearchReport;
use super::shrink::shrink;
use crate::kernel::choice::{Choices, Rest};
use crate::kernel::memory::Histories;
use crate::run::search::Search;
use crate::run::state::RunState;
use crate::run::stop::{RunOutcome, Stop};
use crate::run::world::World;

/// What handlers do, as far as the runs of a workload have come to it: kept for more runs of the same
/// workload.
#[derive(Debug, Default)]
pub struct Memory(Histories<RunState>);

/// Runs every vector of choices within the bounds, depth first, until one breaks an invariant. A run that
/// comes to a state which another has been in ends there.
pub fn exhaust(bounds: Bounds, run: impl Run) -> SearchReport {
    let search = Rc::new(RefCell::new(Search::deep(Histories::default())));
    let mut first = Some(Choices::default());
    let mut report = drive(bounds, &search, run, |last| match last {
        None => first.take(),
        Some(last) => search.borrow_mut().next(last),
    });
    let (schedules, states) = search.borrow().stands_for();
    report.schedules = schedules;
    report.states = states as u64;
    report
}

/// Runs random vectors of choices, until one breaks an invariant. What handlers do is kept in `memory`, for
/// more of the same workload.
pub fn sample(bounds: Bounds, seed: u64, memory: &mut Memory, run: impl Run) -> SearchReport {
    let search = Rc::new(RefCell::new(Search::shallow(std::mem::take(&mut memory.0))));
    let mut n = seed;
    let mut report = drive(bounds, &search, run, |_| {
        if search.borrow().memory.len() > MOST_REMEMBERED {
            search.borrow_mut().memory = Histories::default();
        }
        n = n.wrapping_add(1);
        Some(Choices::new(Vec::new(), Rest::Random(n.wrapping_mul(0x2545_f491_4f6c_dd1d))))
    });
    memory.0 = std::mem::take(&mut search.borrow_mut().memory);
    report.whole = false;
    report.schedules = u128::from(report.runs);
    report
}

/// How many histories of handlers random runs keep.
const MOST_REMEMBERED: usize = 300_000;

fn drive(
    bounds: Bounds,
    search: &Rc<RefCell<Search>>,
    run: impl Run,
    mut next: impl FnMut(Option<Choices>) -> Option<Choices>,
) -> SearchReport {
    let begun = Instant::now();
    let mut report = SearchReport { whole: true, ..SearchReport::default() };
    let mut met = Met::default();
    let mut last = None;
    while let Some(choices) = next(last.take()) {
        if report.runs >= bounds.runs || (report.runs.is_multiple_of(1024) && begun.elapsed() >= bounds.time)
        {
            report.whole = false;
            break;
        }
        let state = RunState::new(choices, bounds.limits(), false);
        let world = World::new(state, Rc::clone(search));
        let checked = report.runs.is_multiple_of(CHECKED) && !search.borrow().goes_back();
        if checked {
            world.keep_ends();
        }
        let mut result = run(&world);
        if checked && result == Ok(()) {
            result = remembered_right(bounds, &run, &world);
        }
        let mut state = world.state.into_inner();
        report.runs += 1;
        for (site, fault) in state.calls.backward() {
            met.add(*site, *fault);
        }
        match result {
            Ok(()) => search.borrow_mut().complete(),
            Err(Stop::Seen) => {}
            Err(Stop::Broken(what)) => {
                report.whole = false;
                report.violation = Some(shrink(bounds, &run, what, state.choices.taken()));
                break;
            }
        }
        last = Some(std::mem::take(&mut state.choices));
    }
    met.count_into(&mut report.coverage);
    report
}

/// Every so many runs, what was remembered of handlers is held against what they do.
const CHECKED: u64 = 997;

/// Makes a run again without remembering anything: it must come to the same.
fn remembered_right(bounds: Bounds, run: &impl Run, world: &World) -> RunOutcome {
    let choices = world.state.borrow().choices.taken();
    let again = World::new(RunState::new(Choices::again(&choices), bounds.limits(), false), Rc::default());
    again.keep_ends();
    let result = run(&again);
    // This one has not settled before, so it may go on for longer.
    if result == Ok(()) && again.ends().starts_with(&world.ends()) {
        return Ok(());
    }
    Err("a handler does something else when it is asked the same and gets the same answers: what it captures \
         or keeps in a static must not change between runs, and belongs into the input of the invocation"
        .into())
}
