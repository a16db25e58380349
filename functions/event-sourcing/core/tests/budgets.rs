//! The call budgets, asserted exactly.

use std::collections::BTreeMap;

use tenfold_world::{World, quiet};

use crate::world::{PLACE, command, encoded, placed, stack, written};

type Calls = BTreeMap<String, usize>;

/// The calls of a run without faults.
fn made(act: impl Fn(&World)) -> Calls {
    let calls = quiet(|world| {
        stack(world);
        act(world);
        world.run()?;
        let mut calls = Calls::new();
        for (site, _) in world.calls() {
            *calls.entry(format!("{} {}", site.role, site.call)).or_default() += 1;
        }
        Ok(calls)
    });
    calls.unwrap()
}

fn calls(all: &[(&str, usize)]) -> Calls {
    all.iter().map(|(call, n)| ((*call).to_owned(), *n)).collect()
}

/// The log tells of the commit, and its view is brought up: where an environment knows the projection's row already, one read
/// less.
const VIEW: [(&str, usize); 3] =
    [("orders table.get", 2), ("orders table.query", 1), ("orders table.write", 1)];

#[test]
fn a_command_is_one_query_and_one_write_and_its_view_three_calls() {
    let expected = [&[("commands table.query", 1), ("commands table.write", 1)][..], &VIEW].concat();
    assert_eq!(made(|world| command(world, "a", "place", "", PLACE)), calls(&expected));
}

#[test]
fn a_command_with_an_id_is_one_query_and_one_transaction() {
    let expected = [&[("commands table.query", 1), ("commands table.transact", 1)][..], &VIEW].concat();
    assert_eq!(made(|world| command(world, "a", "place", "c-1", PLACE)), calls(&expected));
}

#[test]
fn a_command_that_comes_again_is_one_query() {
    let expected = calls(&[("commands table.query", 1)]);
    let refused = made(|world| {
        written(world, "a", encoded(&[placed()]), Some("c-1"));
        command(world, "a", "place", "c-1", PLACE);
    });
    assert_eq!(refused, expected);
}
