//! What a trip costs in AWS calls, exactly.

use crate::world::SHARDS;
use crate::world::costs::{Calls, booked, idle, transitions};
use saga_core::context::Style;

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

#[test]
fn three_steps_are_three_transitions() {
    assert_eq!(transitions(), 3);
}
