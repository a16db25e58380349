//! The scenarios of `make scale`, short: what must hold does, and the same seed is the same run.

use crate::scale::PATTERN;

#[test]
fn what_must_hold_of_each_scenario_holds_of_it_made_short() {
    let scenarios = tenfold_world::scale::short(&PATTERN).unwrap();
    println!("{scenarios} scenarios");
}
