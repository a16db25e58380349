//! The saga's workloads: who does what at once, and what must hold afterwards.

use jiff::SignedDuration;
use saga_core::context::Style;
use saga_core::inventory::{Releases, StockKind};
use saga_core::names::SagaId;
use saga_core::state::SagaState;
use tenfold_world::{Order, RunOutcome, World};

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

tenfold_world::workloads! {
    // First, since the mutant that only this one finds is looked for in all before it, many times over.
    a_choreographed_trip_is_stuck_though_another_round_begins:
        "stuck while another round begins, choreographed", 0, FEW,
        |world| stuck_and_overdue(world, CHOREOGRAPHED);
    an_orchestrated_trip_that_nothing_speaks_against_is_booked:
        "booked, orchestrated", 2, WHOLE, |world| booked(world, ORCHESTRATED);
    a_choreographed_trip_that_nothing_speaks_against_is_booked:
        "booked, choreographed", 2, WHOLE, |world| booked(world, CHOREOGRAPHED);
    an_orchestrated_trip_without_a_car_is_undone:
        "no car, orchestrated", 2, EVERY, |world| no_car(world, ORCHESTRATED);
    a_choreographed_trip_without_a_car_is_undone:
        "no car, choreographed", 2, EVERY, |world| no_car(world, CHOREOGRAPHED);
    an_orchestrated_trip_without_a_flight_is_over:
        "no flight, orchestrated", 1, WHOLE, |world| no_flight(world, ORCHESTRATED);
    a_choreographed_trip_without_a_flight_is_over:
        "no flight, choreographed", 1, WHOLE, |world| no_flight(world, CHOREOGRAPHED);
    one_of_two_orchestrated_trips_has_the_last_seat:
        "last seat, orchestrated", 1, EVERY, |world| last_seat(world, ORCHESTRATED);
    one_of_two_choreographed_trips_has_the_last_seat:
        "last seat, choreographed", 1, EVERY, |world| last_seat(world, CHOREOGRAPHED);
    one_of_two_trips_of_both_styles_has_the_last_seat:
        "last seat, one of each style", 1, EVERY, last_seat_of_both;
    an_orchestrated_trip_that_was_stuck_is_undone_once_retried:
        "stuck and retried, orchestrated", 1, WHOLE, |world| stuck(world, ORCHESTRATED, "retry");
    a_choreographed_trip_that_was_stuck_is_undone_once_retried:
        "stuck and retried, choreographed", 1, WHOLE, |world| stuck(world, CHOREOGRAPHED, "retry");
    an_orchestrated_trip_that_still_cannot_be_undone_is_stuck_again:
        "stuck again, orchestrated", 1, EVERY, |world| stuck_again(world, ORCHESTRATED);
    a_choreographed_trip_that_still_cannot_be_undone_is_stuck_again:
        "stuck again, choreographed", 1, EVERY, |world| stuck_again(world, CHOREOGRAPHED);
    an_orchestrated_trip_is_stuck_though_another_round_begins:
        "stuck while another round begins, orchestrated", 0, FEW,
        |world| stuck_and_overdue(world, ORCHESTRATED);
    an_orchestrated_trip_that_was_stuck_is_resolved_by_a_person:
        "stuck and resolved, orchestrated", 1, EVERY, |world| stuck(world, ORCHESTRATED, "resolve");
    a_choreographed_trip_that_was_stuck_is_resolved_by_a_person:
        "stuck and resolved, choreographed", 1, EVERY, |world| stuck(world, CHOREOGRAPHED, "resolve");
    an_orchestrated_trip_is_cancelled_or_booked_and_never_both:
        "cancelled, orchestrated", 1, ONE_BY_ONE, |world| cancelled(world, ORCHESTRATED);
    a_choreographed_trip_is_cancelled_or_booked_and_never_both:
        "cancelled, choreographed", 1, EVERY, |world| cancelled(world, CHOREOGRAPHED);
    a_cancellation_may_come_before_its_trip:
        "cancelled before it is there", 1, FEW, cancelled_early;
    an_orchestrated_trip_may_go_on_while_the_schedule_takes_it_for_lost:
        "past its deadline, orchestrated", 1, ONE_BY_ONE, |world| overdue(world, ORCHESTRATED);
    a_choreographed_trip_may_go_on_while_the_schedule_takes_it_for_lost:
        "past its deadline, choreographed", 1, ONE_BY_ONE, |world| overdue(world, CHOREOGRAPHED);
    an_orchestrated_trip_past_its_deadline_ends_in_every_order:
        "past its deadline, orchestrated, no faults", 0, FEW, |world| overdue(world, ORCHESTRATED);
    a_choreographed_trip_past_its_deadline_ends_in_every_order:
        "past its deadline, choreographed, no faults", 0, WHOLE, |world| overdue(world, CHOREOGRAPHED);
    the_same_key_is_one_orchestrated_trip:
        "same key, orchestrated", 1, WHOLE, |world| same_key(world, ORCHESTRATED);
    the_same_key_is_one_choreographed_trip:
        "same key, choreographed", 1, WHOLE, |world| same_key(world, CHOREOGRAPHED);
    an_event_may_come_twice:
        "an event twice", 1, EVERY, twice;
    a_room_that_comes_free_is_not_given_to_a_late_copy:
        "an event twice, and a room comes free", 0, EVERY, room_comes_free;
    an_answer_that_is_lost_for_good_counts_as_done:
        "an answer lost for good", 2, WHOLE, lost_for_good;
    an_orchestrated_trip_ends_though_a_service_is_gone:
        "a service is gone, orchestrated", 1, EVERY, |world| gone(world, ORCHESTRATED);
    a_choreographed_trip_ends_though_a_service_is_gone:
        "a service is gone, choreographed", 1, EVERY, |world| gone(world, CHOREOGRAPHED);
    an_entry_that_cannot_be_read_keeps_nobody_behind_it:
        "behind an entry that cannot be read", 1, ONE_BY_ONE, behind_unreadable_entry;
    a_message_that_cannot_be_read_keeps_nobody_behind_it:
        "behind a message that cannot be read", 0, ONE_BY_ONE, behind_unreadable_message;
    everything_that_the_api_shows_is_answered:
        "looked at", 1, FEW, looked_at;
}

/// A trip that nothing speaks against.
fn booked(world: &World, style: Style) -> RunOutcome {
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
fn no_car(world: &World, style: Style) -> RunOutcome {
    let stack = Stack::new(world, [1, 1, 0]);
    Stack::book(world, "a", style);
    world.run()?;
    stack.finish(world, |world| match state(world, "a") {
        Some(SagaState::Compensated) | None => Ok(()),
        other => Err(format!("there is no car, and the trip ended {other:?}").into()),
    })
}

/// The first step is refused: nothing is to be undone.
fn no_flight(world: &World, style: Style) -> RunOutcome {
    let stack = Stack::new(world, [0, 1, 1]);
    Stack::booked(world, "a", style);
    world.run()?;
    stack.finish(world, |world| match state(world, "a") {
        Some(SagaState::Compensated) => Ok(()),
        other => Err(format!("there is no flight, and the trip ended {other:?}").into()),
    })
}

/// Two trips over the last seat.
fn last_seat(world: &World, style: Style) -> RunOutcome {
    last_seat_between(world, style, style)
}

fn last_seat_of_both(world: &World) -> RunOutcome {
    last_seat_between(world, ORCHESTRATED, CHOREOGRAPHED)
}

fn last_seat_between(world: &World, one: Style, other: Style) -> RunOutcome {
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
fn stuck(world: &World, style: Style, what: &str) -> RunOutcome {
    let stack = Stack::new(world, [1, 1, 0]);
    put_stock(world, StockKind::Hotel, 1, Releases::Refused);
    Stack::book(world, "a", style);
    world.run()?;
    world.quiesce_while(Stack::run_schedule)?;
    if state(world, "a").is_some_and(|state| !matches!(state, SagaState::Stuck | SagaState::Compensated)) {
        return Err(format!("what cannot be undone ended {:?}", state(world, "a")).into());
    }
    put_stock(world, StockKind::Hotel, 0, Releases::Accepted);
    Stack::operate(world, "a", what);
    world.run()?;
    // What a crash kept from being said is said again.
    world.quiesce();
    Stack::operate(world, "a", what);
    world.run()?;
    stack.finish(world, |world| match (state(world, "a"), what) {
        (None | Some(SagaState::Compensated), _) | (Some(SagaState::Resolved), "resolve") => Ok(()),
        (other, _) => Err(format!("{what} led to {other:?}").into()),
    })
}

/// A person retries what still cannot be undone.
fn stuck_again(world: &World, style: Style) -> RunOutcome {
    let stack = Stack::new(world, [1, 1, 0]);
    put_stock(world, StockKind::Hotel, 1, Releases::Refused);
    Stack::booked(world, "a", style);
    world.quiesce_while(World::run)?;
    Stack::operate(world, "a", "retry");
    world.run()?;
    stack.finish(world, |world| match state(world, "a") {
        Some(SagaState::Stuck) => Ok(()),
        other => Err(format!("what cannot be undone ended {other:?}").into()),
    })
}

/// The hotel does not take a room back, and while that is found out the schedule begins another round.
fn stuck_and_overdue(world: &World, style: Style) -> RunOutcome {
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
fn cancelled(world: &World, style: Style) -> RunOutcome {
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
fn cancelled_early(world: &World) -> RunOutcome {
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
fn overdue(world: &World, style: Style) -> RunOutcome {
    let stack = Stack::new(world, [1, 1, 1]);
    Stack::booked(world, "a", style);
    world.pass(super::definition().deadline() + SignedDuration::from_secs(1));
    Stack::tick(world);
    world.run()?;
    stack.finish(world, |_| Ok(()))
}

/// The same request twice at once is one trip.
fn same_key(world: &World, style: Style) -> RunOutcome {
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
fn twice(world: &World) -> RunOutcome {
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
fn room_comes_free(world: &World) -> RunOutcome {
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
fn lost_for_good(world: &World) -> RunOutcome {
    let stack = Stack::set_up(world, Setup { stock: [1, 1, 1], impatient: true, ..Setup::default() });
    Stack::booked(world, "a", ORCHESTRATED);
    world.run()?;
    stack.finish(world, |_| Ok(()))
}

/// The hotels never answer: that ends, and somebody is told or nothing was done.
fn gone(world: &World, style: Style) -> RunOutcome {
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
fn looked_at(world: &World) -> RunOutcome {
    let stack = Stack::new(world, [1, 1, 0]);
    put_stock(world, StockKind::Hotel, 1, Releases::Refused);
    Stack::booked(world, "a", CHOREOGRAPHED);
    world.quiesce_while(World::run)?;
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

/// A trip whose log entry comes behind one that nobody can read: it is booked, and a person is told of the other.
fn behind_unreadable_entry(world: &World) -> RunOutcome {
    let stack = Stack::new(world, [1, 1, 1]);
    Stack::unreadable_entry(world);
    Stack::booked(world, "a", ORCHESTRATED);
    world.run()?;
    stack.finish(world, |world| {
        let end = state(world, "a");
        let well = world.faults() > 0 || end == Some(SagaState::Committed);
        let told = stack.letters(world).iter().any(|letter| letter.contains("BadItem"));
        if well && told {
            Ok(())
        } else {
            Err(format!("the trip ended {end:?}; told of the entry: {told}").into())
        }
    })
}

/// A trip whose message comes behind one that nobody can read: it is booked, and the other is put aside.
fn behind_unreadable_message(world: &World) -> RunOutcome {
    let stack = Stack::new(world, [1, 1, 1]);
    stack.unreadable_message(world);
    Stack::booked(world, "a", CHOREOGRAPHED);
    world.run()?;
    stack.finish(world, |world| {
        let end = state(world, "a");
        // With a fault the trip may be undone, and the message may never have been sent.
        if world.faults() > 0 {
            return Ok(());
        }
        let well = end == Some(SagaState::Committed);
        let aside = stack.lost(world).iter().any(|message| message == UNREADABLE);
        if well && aside { Ok(()) } else { Err(format!("the trip ended {end:?}; put aside: {aside}").into()) }
    })
}
