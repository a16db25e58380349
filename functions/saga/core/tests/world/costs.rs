//! Units of work whose AWS calls are counted, in a world where nothing goes wrong.

use std::collections::BTreeMap;

use saga_core::context::Style;
use tenfold_world::{World, quiet};

use super::{Stack, sagas};

/// How often each role made each call, as `flight table.transact`.
pub type Calls = BTreeMap<String, usize>;

/// The calls that `act` makes in a world with two of each kind, and what it gives.
pub fn counted<R>(act: impl Fn(&World, Stack) -> R) -> (Calls, R) {
    let counted = quiet(|world| {
        let given = act(world, Stack::new(world, [2, 2, 2]));
        let mut calls = Calls::new();
        for (site, _) in world.calls() {
            *calls.entry(format!("{} {}", site.role, site.call)).or_default() += 1;
        }
        Ok((calls, given))
    });
    counted.unwrap()
}

/// A trip that is taken in and booked.
pub fn booked(style: Style) -> Calls {
    let (calls, sagas) = counted(|world, _| {
        Stack::book(world, "a", style);
        world.run().unwrap();
        sagas(world)
    });
    assert_eq!(sagas.len(), 1);
    calls
}

/// A minute in which no saga is late.
pub fn idle() -> Calls {
    let (calls, ()) = counted(|world, _| {
        Stack::tick(world);
        world.run().unwrap();
    });
    calls
}

/// How many state transitions a booked trip takes.
pub fn transitions() -> u32 {
    let (_, transitions) = counted(|world, stack| {
        Stack::book(world, "a", Style::Orchestrated);
        world.run().unwrap();
        world.executions(stack.machine.unwrap()).iter().map(tenfold_world::flow::Execution::transitions).sum()
    });
    transitions
}
