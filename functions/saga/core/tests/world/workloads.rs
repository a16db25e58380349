//! The saga's workloads: who does what at once, and what must hold afterwards.

use jiff::SignedDuration;
use saga_core::context::Style;
use saga_core::inventory::{Releases, StockKind};
use saga_core::names::SagaId;
use saga_core::state::SagaState;
use tenfold_world::{Order, Outcome, Workload, World};

use super::traffic::{Answered, UNREADABLE, put_stock};
use super::{Setup, Stack, sagas, state};

const ORCHESTRATED: Style = Style::Orchestrated;
const CHOREOGRAPHED: Style = Style::Choreographed;

/// Every order of the invocations.
const EVERY: &[Order] = &[Order::Invocations];
/// No interruption but by a crash.
const ONE_BY_ONE: &[Order] = &[Order::Interrupted(0)];
/// One interruption of an invocation, by another or by a call of its own.
const FEW: &[Order] = &[Order::Interrupted(1)];
/// Every order of the invocations, and one interruption also of an invocation by a call of its own.
const WHOLE: &[Order] = &[Order::Invocations, Order::Interrupted(1)];

/// All of them.
pub const ALL: &[Workload] = &[
    Workload::new("booked, orchestrated", 2, WHOLE, |world| booked(world, ORCHESTRATED)),
    Workload::new("booked, choreographed", 2, WHOLE, |world| booked(world, CHOREOGRAPHED)),
    Workload::new("no car, orchestrated", 2, EVERY, |world| no_car(world, ORCHESTRATED)),
    Workload::new("no car, choreographed", 2, EVERY, |world| no_car(world, CHOREOGRAPHED)),
    Workload::new("no flight, orchestrated", 1, WHOLE, |world| no_flight(world, ORCHESTRATED)),
    Workload::new("no flight, choreographed", 1, WHOLE, |world| no_flight(world, CHOREOGRAPHED)),
    Workload::new("last seat, orchestrated", 1, EVERY, |world| last_seat(world, ORCHESTRATED)),
    Workload::new("last seat, choreographed", 1, EVERY, |world| last_seat(world, CHOREOGRAPHED)),
    Workload::new("last seat, one of each style", 1, EVERY, last_seat_of_both),
    Workload::new("stuck and retried, orchestrated", 1, WHOLE, |world| stuck(world, ORCHESTRATED, "retry")),
    Workload::new("stuck and retried, choreographed", 1, WHOLE, |world| stuck(world, CHOREOGRAPHED, "retry")),
    Workload::new("stuck again, orchestrated", 1, EVERY, |world| stuck_again(world, ORCHESTRATED)),
    Workload::new("stuck again, choreographed", 1, EVERY, |world| stuck_again(world, CHOREOGRAPHED)),
    Workload::new("stuck while another round begins, orchestrated", 0, FEW, |world| {
        stuck_and_overdue(world, ORCHESTRATED)
    }),
    Workload::new("stuck while another round begins, choreographed", 0, FEW, |world| {
        stuck_and_overdue(world, CHOREOGRAPHED)
    }),
    Workload::new("stuck and resolved, orchestrated", 1, EVERY, |world| {
        stuck(world, ORCHESTRATED, "resolve")
    }),
    Workload::new("stuck and resolved, choreographed", 1, EVERY, |world| {
        stuck(world, CHOREOGRAPHED, "resolve")
    }),
    Workload::new("cancelled, orchestrated", 1, ONE_BY_ONE, |world| cancelled(world, ORCHESTRATED)),
    Workload::new("cancelled, choreographed", 1, EVERY, |world| cancelled(world, CHOREOGRAPHED)),
    Workload::new("cancelled before it is there", 1, FEW, cancelled_early),
    Workload::new("past its deadline, orchestrated", 1, ONE_BY_ONE, |world| overdue(world, ORCHESTRATED)),
    Workload::new("past its deadline, choreographed", 1, ONE_BY_ONE, |world| overdue(world, CHOREOGRAPHED)),
    Workload::new("past its deadline, orchestrated, no faults", 0, FEW, |world| overdue(world, ORCHESTRATED)),
    Workload::new("past its deadline, choreographed, no faults", 0, WHOLE, |world| {
        overdue(world, CHOREOGRAPHED)
    }),
    Workload::new("same key, orchestrated", 1, WHOLE, |world| same_key(world, ORCHESTRATED)),
    Workload::new("same key, choreographed", 1, WHOLE, |world| same_key(world, CHOREOGRAPHED)),
    Workload::new("an event twice", 1, EVERY, twice),
    Workload::new("an event twice, and a room comes free", 0, EVERY, room_comes_free),
    Workload::new("an answer lost for good", 2, WHOLE, lost_for_good),
    Workload::new("a service is gone, orchestrated", 1, EVERY, |world| gone(world, ORCHESTRATED)),
    Workload::new("a service is gone, choreographed", 1, EVERY, |world| gone(world, CHOREOGRAPHED)),
    Workload::new("looked at", 1, FEW, looked_at),
    Workload::new("behind what cannot be read", 1, EVERY, behind_unreadable),
];

/// A trip that nothing speaks against.
fn booked(world: &World, style: Style) -> Outcome {
    let stack = Stack::new(world, [1, 1, 1]);
    Stack::book(world, "a", style);
    world.run()?;
    let well = world.faults() == 0;
    // Whatever it is called: that a key is one trip is for another workload.
    stack.finish(world, |world| match sagas(world).first().map(|saga| saga.state) {
        Some(SagaState::Committed) => Ok(()),
        other if well => Err(format!("nothing went wrong, and the trip is {other:?}").into()),
        Some(SagaState::Compensated) => Ok(()),
        None if world.reports::<Answered>().iter().all(|answer| answer.1 != 202) => Ok(()),
        other => Err(format!("the trip ended {other:?}").into()),
    })
}

/// The last step is refused, so that the others are undone.
fn no_car(world: &World, style: Style) -> Outcome {
    let stack = Stack::new(world, [1, 1, 0]);
    Stack::book(world, "a", style);
    world.run()?;
    stack.finish(world, |world| match state(world, "a") {
        Some(SagaState::Compensated) | None => Ok(()),
        other => Err(format!("there is no car, and the trip ended {other:?}").into()),
    })
}

/// The first step is refused: nothing is to be undone.
fn no_flight(world: &World, style: Style) -> Outcome {
    let stack = Stack::new(world, [0, 1, 1]);
    Stack::booked(world, "a", style);
    world.run()?;
    stack.finish(world, |world| match state(world, "a") {
        Some(SagaState::Compensated) => Ok(()),
        other => Err(format!("there is no flight, and the trip ended {other:?}").into()),
    })
}

/// Two trips over the last seat.
fn last_seat(world: &World, style: Style) -> Outcome {
    last_seat_between(world, style, style)
}

fn last_seat_of_both(world: &World) -> Outcome {
    last_seat_between(world, ORCHESTRATED, CHOREOGRAPHED)
}

fn last_seat_between(world: &World, one: Style, other: Style) -> Outcome {
    let stack = Stack::new(world, [2, 1, 2]);
    Stack::booked(world, "a", one);
    Stack::booked(world, "b", other);
    world.run()?;
    let well = world.faults() == 0;
    stack.finish(world, |world| {
        let ends = [state(world, "a"), state(world, "b")];
        let booked = ends.iter().filter(|end| **end == Some(SagaState::Committed)).count();
        if booked > 1 || (well && booked != 1) {
            return Err(format!("two trips over the last seat ended {ends:?}").into());
        }
        Ok(())
    })
}

/// The hotel does not take a room back; then a person sees to it.
fn stuck(world: &World, style: Style, what: &str) -> Outcome {
    let stack = Stack::new(world, [1, 1, 0]);
    put_stock(world, StockKind::Hotel, 1, Releases::Refused);
    Stack::book(world, "a", style);
    world.run()?;
    world.calm_while(Stack::run_schedule)?;
    if state(world, "a").is_some_and(|state| !matches!(state, SagaState::Stuck | SagaState::Compensated)) {
        return Err(format!("what cannot be undone ended {:?}", state(world, "a")).into());
    }
    put_stock(world, StockKind::Hotel, 0, Releases::Accepted);
    Stack::operate(world, "a", what);
    world.run()?;
    // What a crash kept from being said is said again.
    world.calm();
    Stack::operate(world, "a", what);
    world.run()?;
    stack.finish(world, |world| match (state(world, "a"), what) {
        (None | Some(SagaState::Compensated), _) | (Some(SagaState::Resolved), "resolve") => Ok(()),
        (other, _) => Err(format!("{what} led to {other:?}").into()),
    })
}

/// A person retries what still cannot be undone.
fn stuck_again(world: &World, style: Style) -> Outcome {
    let stack = Stack::new(world, [1, 1, 0]);
    put_stock(world, StockKind::Hotel, 1, Releases::Refused);
    Stack::booked(world, "a", style);
    world.calm_while(World::run)?;
    Stack::operate(world, "a", "retry");
    world.run()?;
    stack.finish(world, |world| match state(world, "a") {
        Some(SagaState::Stuck) => Ok(()),
        other => Err(format!("what cannot be undone ended {other:?}").into()),
    })
}

/// The hotel does not take a room back, and while that is found out the schedule begins another round.
fn stuck_and_overdue(world: &World, style: Style) -> Outcome {
    let stack = Stack::new(world, [1, 1, 0]);
    put_stock(world, StockKind::Hotel, 1, Releases::Refused);
    Stack::booked(world, "a", style);
    Stack::tick_at(world, world.now() + super::definition().recovery() + SignedDuration::from_secs(1));
    world.run()?;
    stack.finish(world, |world| match state(world, "a") {
        Some(SagaState::Stuck | SagaState::Compensated) => Ok(()),
        other => Err(format!("what cannot be undone ended {other:?}").into()),
    })
}

/// A trip and its cancellation at once: one of the two decides.
fn cancelled(world: &World, style: Style) -> Outcome {
    let stack = Stack::new(world, [1, 1, 1]);
    Stack::booked(world, "a", style);
    Stack::operate(world, "a", "cancel");
    world.run()?;
    stack.finish(world, |world| {
        let refused = world.reports::<Answered>().iter().any(|answer| answer.1 == 409);
        let taken =
            world.reports::<Answered>().iter().any(|Answered(name, status)| name != "a" && *status == 202);
        match state(world, "a") {
            Some(SagaState::Committed) if taken => Err("cancelled, and booked".into()),
            Some(SagaState::Compensated) if refused => {
                Err("the cancellation was refused, and the trip undone".into())
            }
            _ => Ok(()),
        }
    })
}

/// A cancellation that may come before what it cancels.
fn cancelled_early(world: &World) -> Outcome {
    let stack = Stack::new(world, [1, 1, 1]);
    Stack::operate(world, "a", "cancel");
    Stack::book(world, "a", CHOREOGRAPHED);
    world.run()?;
    stack.finish(world, |world| {
        let answers = world.reports::<Answered>();
        if answers.iter().any(|answer| answer.1 >= 500) && world.faults() == 0 {
            return Err(format!("answered {answers:?}").into());
        }
        Ok(())
    })
}

/// The schedule takes a trip for lost that still goes on.
fn overdue(world: &World, style: Style) -> Outcome {
    let stack = Stack::new(world, [1, 1, 1]);
    Stack::booked(world, "a", style);
    world.pass(super::definition().deadline() + SignedDuration::from_secs(1));
    Stack::tick(world);
    world.run()?;
    stack.finish(world, |_| Ok(()))
}

/// The same request twice at once is one trip.
fn same_key(world: &World, style: Style) -> Outcome {
    let stack = Stack::new(world, [2, 2, 2]);
    Stack::book(world, "a", style);
    Stack::book(world, "a", style);
    world.run()?;
    stack.finish(world, |world| {
        let n = sagas(world).len();
        if n > 1 { Err(format!("one key, and {n} sagas").into()) } else { Ok(()) }
    })
}

/// Every event may come twice, one of a run does.
fn twice(world: &World) -> Outcome {
    let stack = Stack::set_up(world, Setup { stock: [1, 1, 0], duplicates: 1, ..Setup::default() });
    Stack::book(world, "a", CHOREOGRAPHED);
    world.run()?;
    stack.finish(world, |world| match state(world, "a") {
        Some(SagaState::Compensated) | None => Ok(()),
        other => Err(format!("there is no car, and the trip ended {other:?}").into()),
    })
}

/// Two trips over the last room, and no car for either: the room that one gives back comes free for a late
/// copy of what the other was refused.
fn room_comes_free(world: &World) -> Outcome {
    let stack = Stack::set_up(world, Setup { stock: [2, 1, 0], duplicates: 1, ..Setup::default() });
    Stack::booked(world, "a", CHOREOGRAPHED);
    Stack::booked(world, "b", CHOREOGRAPHED);
    world.run()?;
    stack.finish(world, |world| match [state(world, "a"), state(world, "b")] {
        [Some(SagaState::Compensated), Some(SagaState::Compensated)] => Ok(()),
        other => Err(format!("there is no car, and the trips ended {other:?}").into()),
    })
}

/// A step whose answer is lost counts as done: with it the undoing begins.
fn lost_for_good(world: &World) -> Outcome {
    let stack = Stack::set_up(world, Setup { stock: [1, 1, 1], impatient: true, ..Setup::default() });
    Stack::booked(world, "a", ORCHESTRATED);
    world.run()?;
    stack.finish(world, |_| Ok(()))
}

/// The hotels never answer: that ends, and somebody is told or nothing was done.
fn gone(world: &World, style: Style) -> Outcome {
    let stack = Stack::set_up(world, Setup { stock: [1, 1, 1], gone: Some(1), ..Setup::default() });
    Stack::booked(world, "a", style);
    world.run()?;
    Stack::run_schedule(world)?;
    stack.finish(world, |world| match state(world, "a") {
        Some(SagaState::Compensated | SagaState::Stuck) => Ok(()),
        other => Err(format!("nobody has booked the hotel, and the trip ended {other:?}").into()),
    })
}

/// Everything that the API shows, of a trip that is stuck.
fn looked_at(world: &World) -> Outcome {
    let stack = Stack::new(world, [1, 1, 0]);
    put_stock(world, StockKind::Hotel, 1, Releases::Refused);
    Stack::booked(world, "a", CHOREOGRAPHED);
    world.calm_while(World::run)?;
    Stack::call(world, "PUT", "/inventory/flight/Y", "", r#"{"available": 3}"#);
    Stack::call(world, "GET", "/inventory/flight/X", "", "");
    Stack::call(world, "GET", &format!("/trips/{}", SagaId::of_key("a")), "", "");
    Stack::call(world, "GET", "/trips?state=stuck", "", "");
    world.run()?;
    let well = world.faults() == 0;
    stack.finish(world, |world| {
        let answers = world.reports::<Answered>();
        let good = |answer: &&Answered| matches!(answer.1, 200 | 201 | 204);
        if well && answers.iter().filter(good).count() != 4 {
            return Err(format!("nothing went wrong, and the answers are {answers:?}").into());
        }
        Ok(())
    })
}

/// An entry and a message that nobody can read, first in line: the trips behind them go their ways, a letter names the
/// entry, and the message is put aside.
fn behind_unreadable(world: &World) -> Outcome {
    let stack = Stack::new(world, [2, 2, 2]);
    stack.unreadable(world);
    Stack::booked(world, "a", ORCHESTRATED);
    Stack::booked(world, "b", CHOREOGRAPHED);
    world.run()?;
    stack.finish(world, |world| {
        let ends = [state(world, "a"), state(world, "b")];
        let well = world.faults() > 0 || ends == [Some(SagaState::Committed); 2];
        let told = stack.letters(world).iter().any(|letter| letter.contains("BadItem"));
        // A message that was never sent is nowhere.
        let aside = world.faults() > 0 || stack.lost(world).iter().any(|message| message == UNREADABLE);
        if well && told && aside {
            return Ok(());
        }
        Err(format!("the trips ended {ends:?}; told of the entry: {told}, put aside: {aside}").into())
    })
}
