//! What a trip costs in AWS calls, exactly.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use saga_core::context::Style;
use saga_core::coordinator::{Coordinator, CoordinatorEvent};
use saga_core::names::SagaId;
use saga_core::rows::SagaRow;
use saga_core::steps::Steps;
use tenfold_ports::{Clock, Context, Table};

use crate::quiet::{calls_of, data, definition};
use crate::world::SHARDS;
use crate::world::costs::{Calls, booked, idle, transitions};

fn calls(all: &[(&str, usize)]) -> Calls {
    all.iter().map(|(call, n)| ((*call).to_owned(), *n)).collect()
}

#[test]
fn an_orchestrated_trip_costs_one_write_a_step_and_no_read() {
    let expected = calls(&[
        ("api table.transact", 1),
        ("publisher flow.start", 1),
        ("flight table.transact", 1),
        ("hotel table.transact", 1),
        ("car table.transact", 1),
    ]);
    assert_eq!(booked(Style::Orchestrated), expected);
}

/// `started`, `flight.done`, `hotel.done` and `car.done` are published, each by itself as the batch of a
/// stream is whatever is there.
#[test]
fn a_choreographed_trip_costs_one_write_and_one_publication_a_step_and_no_read() {
    let expected = calls(&[
        ("api table.transact", 1),
        ("publisher topic.publish", 4),
        ("flight table.transact", 1),
        ("hotel table.transact", 1),
        ("car table.transact", 1),
    ]);
    assert_eq!(booked(Style::Choreographed), expected);
}

/// With the 8 shards of the definition that ships they are 16 and 8.
#[test]
fn an_idle_run_of_the_coordinator_looks_once_at_each_state_and_shard() {
    let shards = usize::from(SHARDS);
    let expected = calls(&[("coordinator table.query", 2 * shards), ("coordinator table.count", shards)]);
    assert_eq!(idle(), expected);
}

/// Its row says for how long its round has been under way.
#[test]
fn a_run_of_the_coordinator_reads_the_first_row_of_each_state_and_shard_that_has_some() {
    const KEYS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let calls = calls_of(|env| async move {
        for key in KEYS {
            let create = SagaRow::create(&definition(), SagaId::of_key(key), data(env.now()));
            env.write(create).await.unwrap();
        }
        let steps = Steps { table: env.clone(), runtime: env.clone(), definition: definition() };
        let minute = Context::until(env.now() + SignedDuration::from_mins(1));
        Coordinator { steps }.handle(&CoordinatorEvent::Schedule, &minute).await.unwrap();
    });
    let shards: BTreeSet<_> =
        KEYS.into_iter().map(|key| SagaId::of_key(key).shard(definition().shards())).collect();
    assert!((2..KEYS.len()).contains(&shards.len()), "some share one: {shards:?}");
    let made = |call| calls.iter().filter(|made| **made == call).count();
    assert_eq!((made("table.get"), made("table.query"), made("table.count")), (shards.len(), 16, 8));
}

#[test]
fn three_steps_are_three_transitions() {
    assert_eq!(transitions(), 3);
}
