//! The search, which remembers what handlers do, goes back instead of beginning anew and leaves off where it
//! has been, held against plain runs of every vector of choices, each in a world of its own.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::pin::pin;

use futures_util::future::{join, select};
use jiff::{SignedDuration, Timestamp};
use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::*;
use smol_str::SmolStr;
use tenfold_ports::table::{Condition, Item, Key, Read, Update, Value, Write, WriteError};
use tenfold_ports::{Clock, Table};

use super::*;
use crate::kernel::choice::Choices;
use crate::kernel::choice::Rest;
use crate::run::limits::Order;
use crate::run::state::RunState;
use crate::run::stop::RunOutcome;
use crate::run::stop::Stop;
use crate::run::world::World;
use crate::table::Items;
use crate::{Actor, Env};
use std::cell::RefCell;
use std::rc::Rc;

/// A port call, on one of two items.
#[derive(Debug, Clone, Copy, Hash)]
enum Call {
    /// Reads and reports.
    Get(usize),
    /// Writes, on condition that the item is as it was read last.
    Swap(usize),
    Add(usize),
}

#[derive(Debug, Clone, Copy, Hash)]
enum Step {
    One(Call),
    /// Two calls at once.
    Both(Call, Call),
    /// Two calls at once, of which the second to be answered is given up.
    First(Call, Call),
}

/// Invocations at once.
#[derive(Debug, Clone)]
struct Phase {
    /// After how many seconds each may begin, and its steps.
    invocations: Vec<(i64, Vec<Step>)>,
    /// Whether the world chooses if the first of them is left out.
    open: bool,
    quiescent: bool,
}

fn key(n: usize) -> Key {
    Key::new("p", ["a", "b"][n])
}

fn number(item: &Item) -> i64 {
    item.number("n").unwrap()
}

/// Makes a call. Gives what tells one answer from another.
async fn make(env: &Env, call: Call, read: i64) -> i64 {
    let written = match call {
        Call::Get(n) => {
            let item = env.get(&key(n), Read::Eventual).await;
            let read = item.map_or(-1, |item| item.as_ref().map_or(0, number));
            env.report((env.actor, read, env.now()));
            return read;
        }
        Call::Swap(n) => {
            let condition = if read == 0 { Condition::Absent } else { Condition::Is("n", Value::N(read)) };
            env.write(Write::Put { item: Item::new(key(n)).with("n", read + 2), condition }).await
        }
        Call::Add(n) => {
            let updates = vec![("n".into(), Update::Add(1))];
            env.write(Write::Update { key: key(n), updates, condition: Condition::Always }).await
        }
    };
    match written {
        Ok(()) => 1,
        Err(WriteError::Conflict { current }) => current.as_ref().map_or(0, number),
        Err(WriteError::Call(_)) => -1,
    }
}

async fn handle(env: Env, (steps, mut read): (Vec<Step>, i64)) {
    for step in steps {
        read = match step {
            Step::One(call) => make(&env, call, read).await,
            Step::Both(one, other) => {
                let (one, other) = join(make(&env, one, read), make(&env, other, read)).await;
                one.max(other)
            }
            Step::First(one, other) => {
                let (one, other) = (pin!(make(&env, one, read)), pin!(make(&env, other, read)));
                select(one, other).await.factor_first().0
            }
        };
    }
}

fn at_most_five(_: &Items, _: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    let n = after.map_or(0, number);
    if n > 5 { Err(format!("{n} are more than five")) } else { Ok(()) }
}

/// What a run comes to: what stands for it, the reports, the items after each phase, how many calls went
/// wrong.
type End = (u64, Vec<(Actor, i64, Timestamp)>, Vec<Vec<(SmolStr, i64)>>, usize);

fn play(world: &World, phases: &[Phase]) -> Result<End, Stop> {
    let mut items = Vec::new();
    for Phase { invocations, open, quiescent } in phases {
        let left_out = usize::from(*open && world.state.borrow_mut().choices.pick(2) == 1);
        for (wait, steps) in &invocations[left_out..] {
            let start = world.now() + SignedDuration::from_secs(*wait);
            let read = world.table(|items| items.get(&key(0)).map_or(0, number));
            world.spawn_at(start, SignedDuration::ZERO, "test", (steps.clone(), read), handle);
        }
        if *quiescent {
            world.quiesce_while(World::run)?;
        } else {
            world.run()?;
        }
        items.push(world.table(|items| items.all().map(|i| (i.key.sk.clone(), number(i))).collect()));
    }
    let settled = world.state.borrow().settled();
    Ok((settled, world.reports(), items, world.faults()))
}

/// Explores runs of these phases. Gives all that they came to.
fn ends<R>(phases: &[Phase], explore: impl FnOnce(&dyn Fn(&World) -> RunOutcome) -> R) -> (R, BTreeSet<End>) {
    let ends = RefCell::new(BTreeSet::new());
    let report = explore(&|world: &World| {
        ends.borrow_mut().insert(play(world, phases)?);
        Ok(())
    });
    (report, ends.into_inner())
}

/// Makes a run with every vector of choices, from its beginning and for itself. Gives how many there were,
/// and whether one broke an invariant.
fn plain(bounds: Bounds, most: u128, run: impl Run) -> (u128, bool) {
    let (mut schedules, mut broken) = (0, false);
    let mut next = Some(Vec::new());
    while let Some(vector) = next {
        let state = RunState::new(Choices::new(vector, Rest::First), bounds.limits(), false);
        let world = World::new(state, Rc::default());
        broken |= run(&world).is_err();
        schedules += 1;
        assert!(schedules <= most, "there are more than {most} schedules");
        next = world.state.into_inner().choices.next_in_order();
    }
    (schedules, broken)
}

/// The most schedules of a program that is run plainly.
const MOST: u64 = 2_000;

/// The bounds in which a program has few enough schedules to run them all plainly, and what the search says
/// then.
fn small(phases: &[Phase], stale_reads: bool) -> Vec<(Bounds, SearchReport, BTreeSet<End>)> {
    let orders = [Order::Invocations, Order::Interrupted(1), Order::Interrupted(2), Order::Calls];
    let with = |order| {
        let all = (0..=2).map(move |faults| {
            let bounds = Bounds { order, faults, stale_reads, runs: MOST, ..Bounds::default() };
            let (report, ends) = ends(phases, |run| exhaust(bounds, run));
            (bounds, report, ends)
        });
        all.take_while(|(_, report, _)| report.whole && report.schedules <= u128::from(MOST))
    };
    orders.into_iter().flat_map(with).collect()
}

fn call() -> impl Strategy<Value = Call> {
    (0..2_usize).prop_flat_map(|n| prop_oneof![Just(Call::Get(n)), Just(Call::Swap(n)), Just(Call::Add(n))])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => call().prop_map(Step::One),
        2 => (call(), call()).prop_map(|(one, other)| Step::Both(one, other)),
        1 => (call(), call()).prop_map(|(one, other)| Step::First(one, other)),
    ]
}

fn phase(
    step: impl Strategy<Value = Step>,
    invocations: RangeInclusive<usize>,
    most: usize,
) -> impl Strategy<Value = Phase> {
    let wait = prop_oneof![3 => Just(0_i64), 1 => Just(1)];
    let invocations = vec((wait, vec(step, 1..=most)), invocations);
    (invocations, weighted(0.2), weighted(0.2)).prop_map(|(invocations, open, quiescent)| Phase {
        invocations,
        open,
        quiescent,
    })
}

/// Two or three invocations at once, and perhaps up to two more, one after the other.
fn phases() -> impl Strategy<Value = Vec<Phase>> {
    let first = prop_oneof![phase(step(), 2..=3, 2), phase(step(), 2..=2, 4)];
    let first = first.prop_map(|phase| Phase { quiescent: false, ..phase });
    (first, vec(phase(step(), 1..=1, 2), 0..=2)).prop_map(|(first, more)| [vec![first], more].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_search_comes_to_all_that_plain_runs_come_to(
        phases in phases(),
        stale_reads in weighted(0.2),
    ) {
        for (bounds, report, found) in small(&phases, stale_reads) {
            let ((schedules, _), expected) = ends(&phases, |run| plain(bounds, report.schedules, run));
            prop_assert_eq!(report.schedules, schedules, "{:?}", bounds);
            prop_assert_eq!(&found, &expected, "{:?}", bounds);
            let (random, some) = ends(&phases, |run| {
                sample(Bounds { runs: 30, ..bounds }, 1, &mut Memory::default(), run)
            });
            prop_assert!(random.violation.is_none() && some.is_subset(&expected), "{:?}", bounds);
        }
    }

    #[test]
    fn the_search_finds_a_violation_where_plain_runs_find_one(
        phases in phases(),
        wrong in 0..16_u64,
        watched in any::<bool>(),
    ) {
        let run = |world: &World| {
            if watched {
                world.edit(|items| items.watch(at_most_five));
            }
            if play(world, &phases)?.0 % 16 == wrong { Err("a wrong end".into()) } else { Ok(()) }
        };
        for (bounds, report, _) in small(&phases, false) {
            let (_, broken) = plain(bounds, report.schedules, run);
            let found = exhaust(bounds, run).violation;
            prop_assert_eq!(found.is_some(), broken, "{:?}", bounds);
            if let Some(Violation { what, choices, .. }) = found {
                prop_assert_eq!(replay(bounds, run, &choices).0, Err(what));
            }
        }
    }

    #[test]
    fn without_calls_at_once_every_order_of_invocations_is_every_order_of_calls(
        phase in phase(call().prop_map(Step::One), 2..=3, 4),
        faults in 0..=2_usize,
    ) {
        let phases = [phase];
        let [calls, invocations] = [Order::Calls, Order::Invocations].map(|order| {
            let bounds = Bounds { faults, order, runs: 3_000, ..Bounds::default() };
            let (report, ends) = ends(&phases, |run| exhaust(bounds, run));
            (report.runs, report.schedules, report.states, report.coverage, ends)
        });
        prop_assert_eq!(calls, invocations);
    }
}

#[test]
fn a_body_that_captures_what_changes_between_runs_is_found_out() {
    let runs = Rc::new(Cell::new(0));
    let report = sample(Bounds { runs: 10, ..Bounds::default() }, 1, &mut Memory::default(), |world| {
        runs.set(runs.get() + 1);
        let runs = Rc::clone(&runs);
        world.spawn("test", (), move |env, ()| {
            let runs = runs.get();
            async move { env.report(runs) }
        });
        world.run()
    });
    let violation = report.violation.unwrap();
    assert!(violation.what.starts_with("a handler does something else"), "{violation}");
}
