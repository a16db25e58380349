//! Driving runs: all of them, or many random ones; and making the failing one small and readable.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::choice::{Choices, Rest};
use crate::executor::{Outcome, Stop, World};
use crate::fault::Fault;
use crate::memory::Memory;
use crate::search::Search;
use crate::state::{Limits, Order, State};
use crate::trace::{Event, Site};

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many calls of a run may go wrong.
    pub faults: usize,
    /// In which orders calls are made.
    pub order: Order,
    /// Whether eventual reads may be stale.
    pub stale_reads: bool,
    /// How many runs at the most.
    pub runs: u64,
    /// How long at the most.
    pub time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            faults: 1,
            order: Order::Interrupted(2),
            stale_reads: false,
            runs: u64::MAX,
            time: Duration::MAX,
        }
    }
}

impl Bounds {
    const fn limits(&self) -> Limits {
        Limits { faults: self.faults, order: self.order, stale_reads: self.stale_reads }
    }
}

/// What came of an exploration.
#[derive(Debug, Default)]
pub struct Report {
    /// How many runs there were.
    pub runs: u64,
    /// Whether these were all.
    pub whole: bool,
    /// How many schedules the runs stand for: a run that comes to a state which another has been in stands for
    /// all that go on from there.
    pub schedules: u128,
    /// How many states there were.
    pub states: u64,
    /// How often each call site met each fault.
    pub coverage: BTreeMap<(Site, Option<Fault>), u64>,
    /// The first run that broke an invariant, made small.
    pub violation: Option<Violation>,
}

/// A run that broke an invariant.
#[derive(Debug, Clone)]
pub struct Violation {
    /// What does not hold.
    pub what: String,
    /// The run's choices, from which it can be run again.
    pub choices: Vec<u32>,
    /// What runs it again, for a person to copy: the choices, and what the driver puts around them.
    pub replay: String,
    /// What happened.
    pub timeline: Vec<Event>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "VIOLATION: {}", self.what)?;
        writeln!(f, "replay: {}", self.replay)?;
        self.timeline.iter().try_for_each(|event| writeln!(f, "  {event}"))
    }
}

impl Report {
    /// Adds what another exploration found.
    pub fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.schedules = self.schedules.saturating_add(other.schedules);
        self.states += other.states;
        self.whole &= other.whole;
        for (key, n) in other.coverage {
            *self.coverage.entry(key).or_default() += n;
        }
        self.violation = self.violation.take().or(other.violation);
    }

    /// The call sites and faults that no run has brought together.
    #[must_use]
    pub fn uncovered(&self) -> Vec<(Site, Fault)> {
        let sites: std::collections::BTreeSet<Site> = self.coverage.keys().map(|(site, _)| *site).collect();
        let pairs =
            sites.into_iter().flat_map(|site| Fault::of(site).iter().map(move |fault| (site, *fault)));
        pairs.filter(|(site, fault)| !self.coverage.contains_key(&(*site, Some(*fault)))).collect()
    }
}

/// A run: sets the world up, runs it, and says which invariant does not hold.
pub trait Run: Fn(&World) -> Outcome {}

impl<F: Fn(&World) -> Outcome> Run for F {}

/// Runs every vector of choices within the bounds, depth first, until one breaks an invariant. A run that comes
/// to a state which another has been in ends there.
pub fn exhaust(bounds: Bounds, run: impl Run) -> Report {
    let search = Rc::new(RefCell::new(Search::deep(Memory::default())));
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

/// Runs random vectors of choices, until one breaks an invariant. What handlers do is kept in `memory`, for more
/// of the same workload.
pub fn sample(bounds: Bounds, seed: u64, memory: &mut Memory, run: impl Run) -> Report {
    let search = Rc::new(RefCell::new(Search::shallow(std::mem::take(memory))));
    let mut n = seed;
    let mut report = drive(bounds, &search, run, |_| {
        if search.borrow().memory.len() > MOST_REMEMBERED {
            search.borrow_mut().memory = Memory::default();
        }
        n = n.wrapping_add(1);
        Some(Choices::new(Vec::new(), Rest::Random(n.wrapping_mul(0x2545_f491_4f6c_dd1d))))
    });
    *memory = std::mem::take(&mut search.borrow_mut().memory);
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
) -> Report {
    let begun = Instant::now();
    let mut report = Report { whole: true, ..Report::default() };
    let mut met = Met::default();
    let mut last = None;
    while let Some(choices) = next(last.take()) {
        if report.runs >= bounds.runs || (report.runs.is_multiple_of(1024) && begun.elapsed() >= bounds.time)
        {
            report.whole = false;
            break;
        }
        let state = State::new(choices, bounds.limits(), false);
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
    for (site, fault, n) in met.0.into_values() {
        *report.coverage.entry((site, fault)).or_default() += n;
    }
    report
}

/// Every so many runs, what was remembered of handlers is held against what they do.
const CHECKED: u64 = 997;

/// Makes a run again without remembering anything: it must come to the same.
fn remembered_right(bounds: Bounds, run: &impl Run, world: &World) -> Outcome {
    let choices = world.state.borrow().choices.taken();
    let again = World::new(State::new(Choices::again(&choices), bounds.limits(), false), Rc::default());
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

/// Counts by where a site's names are in memory, which is quicker than by the names; the same names at two
/// places are counted together in the end.
#[derive(Default)]
struct Met(FxHashMap<[usize; 4], (Site, Option<Fault>, u64)>);

impl Met {
    fn add(&mut self, site: Site, fault: Option<Fault>) {
        let place = |name: &'static str| name.as_ptr() as usize;
        let key =
            [place(site.role), place(site.call), place(site.about), fault.map_or(0, |f| 1 + f as usize)];
        self.0.entry(key).or_insert((site, fault, 0)).2 += 1;
    }
}

/// Runs one vector of choices again, with a timeline.
pub fn replay(bounds: Bounds, run: impl Run, choices: &[u32]) -> (Result<(), String>, Vec<Event>) {
    once(bounds, run, Choices::again(choices))
}

/// Makes one random run and tells all that happened in it.
pub fn told(bounds: Bounds, seed: u64, run: impl Run) -> String {
    let (result, timeline) = once(bounds, run, Choices::new(Vec::new(), Rest::Random(seed)));
    let lines: Vec<String> = timeline.iter().map(ToString::to_string).collect();
    format!("{}\n{result:?}", lines.join("\n"))
}

/// Makes one run, in which no handler is remembered.
fn once(bounds: Bounds, run: impl Run, choices: Choices) -> (Result<(), String>, Vec<Event>) {
    let state = State::new(choices, bounds.limits(), true);
    let world = World::new(state, Rc::default());
    let result = match run(&world) {
        Ok(()) | Err(Stop::Seen) => Ok(()),
        Err(Stop::Broken(what)) => Err(what),
    };
    let timeline = world.state.borrow_mut().trace.take().unwrap_or_default();
    (result, timeline)
}

/// Makes a failing vector shorter and calmer for as long as it still fails.
fn shrink(bounds: Bounds, run: &impl Run, what: String, mut choices: Vec<u32>) -> Violation {
    let fails = |choices: &[u32]| replay(bounds, run, choices).0.err();
    let mut what = what;
    loop {
        let before = choices.clone();
        while choices.last() == Some(&0) {
            choices.pop();
        }
        for at in (0..choices.len()).rev() {
            let cut = choices[..at].to_vec();
            let mut calmer = choices.clone();
            calmer[at] = 0;
            let mut without = choices.clone();
            without.remove(at);
            for candidate in [cut, calmer, without] {
                if candidate != choices
                    && candidate.len() <= choices.len()
                    && weight(&candidate) < weight(&choices)
                    && let Some(why) = fails(&candidate)
                {
                    choices = candidate;
                    what = why;
                    break;
                }
            }
        }
        if choices == before {
            break;
        }
    }
    let (_, timeline) = replay(bounds, run, &choices);
    let replay = choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    Violation { what, choices, replay, timeline }
}

fn weight(choices: &[u32]) -> (usize, usize, u64) {
    let busy = choices.iter().filter(|c| **c > 0).count();
    (busy, choices.len(), choices.iter().map(|c| u64::from(*c)).sum())
}

#[cfg(test)]
mod tests;
