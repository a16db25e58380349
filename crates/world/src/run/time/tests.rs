//! Runs that go by time, from outside.

use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::SignedDuration;
use tenfold_ports::table::{Condition, Item, Key, Write, WriteError};
use tenfold_ports::{CallError, Clock, Table};

use crate::explore::{Bounds, Memory, sample};
use crate::run::limits::Order;

/// What a write came to for its caller (none: it died before it heard), after how many seconds, and whether it was made
/// in the end: all that random runs come to.
fn ends(limit: Option<i64>) -> BTreeSet<(Option<bool>, i64, bool)> {
    let ends = RefCell::new(BTreeSet::new());
    let bounds = Bounds { faults: 1, order: Order::Timed, runs: 3_000, ..Bounds::default() };
    let report = sample(bounds, 1, &mut Memory::default(), |world| {
        if let Some(limit) = limit {
            world.limit_time("test", SignedDuration::from_secs(limit));
        }
        world.spawn("test", (), |env, ()| async move {
            let begun = env.now();
            let item = Item::new(Key::new("row", "x"));
            let written = env.write(Write::Put { item, condition: Condition::Always }).await;
            let unknown = written == Err(WriteError::Call(CallError::Unknown));
            env.report((unknown, env.now().duration_since(begun).as_secs()));
        });
        world.run()?;
        let told: Option<(bool, i64)> = world.reports().pop();
        let made = world.table(|table| table.get(&Key::new("row", "x")).is_some());
        let (unknown, after) = told.map_or((None, 0), |(unknown, after)| (Some(unknown), after));
        ends.borrow_mut().insert((unknown, after, made));
        Ok(())
    });
    assert!(report.violation.is_none());
    ends.into_inner()
}

#[test]
fn a_slow_call_is_given_up_by_its_caller_and_made_all_the_same() {
    let ends = ends(None);
    assert!(ends.contains(&(Some(true), 8, true)), "{ends:?}");
    assert!(ends.contains(&(Some(false), 5, true)), "one that is not that slow is waited for: {ends:?}");
}

#[test]
fn an_invocation_dies_when_its_time_is_up_and_what_it_sent_out_is_made_or_not() {
    let ends = ends(Some(3));
    assert!(ends.contains(&(None, 0, true)) && ends.contains(&(None, 0, false)), "{ends:?}");
    assert!(ends.iter().all(|(_, after, _)| *after < 3), "{ends:?}");
}
