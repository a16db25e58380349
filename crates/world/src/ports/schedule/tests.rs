use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;
use crate::aws::schedule::Tick;
use crate::invocations::{FunctionSettings, Invocations};
use crate::{Bounds, exhaust, replay};
use jiff::SignedDuration;
use jiff::Timestamp;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn add(world: &World, settings: ScheduleSettings) -> (usize, usize) {
    let function = world.add_function("monitor", FunctionSettings::default());
    (world.add_schedule("every-minute", settings, function), function)
}

fn times(world: &World, function: usize) -> Vec<i64> {
    let begin = world.now();
    let time = |payload: &InvocationPayload| match payload {
        InvocationPayload::Tick(tick) => tick.time.duration_since(begin).as_secs(),
        other => panic!("a tick was expected: {other:?}"),
    };
    world.invocations(function, |all| all.payloads().map(time).collect())
}

#[test]
fn a_tick_comes_after_each_period_and_not_before() {
    let run = |world: &World| {
        let (schedule, function) = add(world, ScheduleSettings::every(MINUTE));
        assert!(!world.fire(schedule));
        world.pass(SignedDuration::from_secs(125));
        assert!(world.fire(schedule) && world.fire(schedule) && !world.fire(schedule));
        assert_eq!(times(world, function), [-65, -5]);
        Ok(())
    };
    replay(Bounds::default(), run, &[]).0.unwrap();
}

#[test]
fn ticks_of_a_time_in_which_nothing_happened_are_passed_over() {
    let run = |world: &World| {
        let (schedule, _) = add(world, ScheduleSettings::every(MINUTE));
        let begin = world.now();
        world.pass(SignedDuration::from_hours(24));
        world.schedule(schedule, |schedule| schedule.skip_to(begin + MINUTE * 60));
        assert_eq!(world.schedule(schedule, |schedule| schedule.next()), begin + MINUTE * 60);
        world.schedule(schedule, |schedule| {
            schedule.skip_to(begin + MINUTE * 60 + SignedDuration::from_secs(1));
        });
        assert_eq!(world.schedule(schedule, |schedule| schedule.next()), begin + MINUTE * 61);
        Ok(())
    };
    replay(Bounds::default(), run, &[]).0.unwrap();
}

#[test]
fn a_tick_may_come_late_and_twice_as_often_as_allowed_and_is_never_lost() {
    let seen = RefCell::new(BTreeSet::new());
    let report = exhaust(Bounds { faults: 0, ..Bounds::default() }, |world: &World| {
        let settings = ScheduleSettings { duplicates: 1, late: 1, ..ScheduleSettings::every(MINUTE) };
        let (schedule, function) = add(world, settings);
        world.pass(MINUTE * 2);
        while world.fire(schedule) {}
        let first = world.invocations(function, Invocations::next_due).unwrap();
        seen.borrow_mut().insert((first.duration_since(world.now()).as_secs(), times(world, function)));
        Ok(())
    });
    assert!(report.whole);
    let ticks = [vec![-60, 0], vec![-60, -60, 0], vec![-60, 0, 0]];
    let expected = ticks.into_iter().flat_map(|ticks| [(-60, ticks.clone()), (-1, ticks)]);
    assert_eq!(seen.into_inner(), expected.collect());
}

#[test]
fn a_tick_reads_like_an_event_of_eventbridge() {
    let time = Timestamp::from_second(1_800_000_000).unwrap();
    let tick = Tick { schedule: "every-minute", id: "id".into(), time };
    let event = tick.to_json();
    assert_eq!((&event["time"], &event["source"]), (&"2027-01-15T08:00:00Z".into(), &"aws.events".into()));
    assert_eq!(event["detail-type"], "Scheduled Event");
}
