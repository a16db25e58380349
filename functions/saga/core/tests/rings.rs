//! What alarms go by: a run is recorded at its end and only there, a fault counts also where a batch hides it, and ages
//! are those of rows.

mod ports;
mod publisher;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use saga_core::context::SagaContext;
use saga_core::coordinator::{Coordinator, CoordinatorEvent};
use saga_core::definition::choreography::Direction;
use saga_core::event::SagaEvent;
use saga_core::inventory::{Releases, Stock, StockId, StockKind};
use saga_core::metrics::{
    COORDINATOR_RUNS, FAULTS, OVERDUE, OVERDUE_AGE, ROUND_AGE, ROUNDS, STUCK, UNATTENDED,
};
use saga_core::names::{Name, SagaId};
use saga_core::rows::{LogEntry, SagaData, SagaRow, saga_key};
use saga_core::service::{StepService, StepTask};
use saga_core::state::SagaState;
use saga_core::steps::Steps;
use saga_core::trip::{Trip, definition_within};
use serde_json::json;
use tenfold_pattern::read::UNREADABLE_ROWS;
use tenfold_ports::table::{Item, Write};
use tenfold_ports::{Carrier, Clock, Context, SmolStr, Table};
use tenfold_world::Env;

use crate::quiet::{Measuring, data, definition, run};
use ports::{BREAKS, Refusing};

fn context(key: &str) -> SagaContext<Trip> {
    let SagaData { style, payload, carrier, .. } = data(Timestamp::UNIX_EPOCH);
    SagaContext { saga: SagaId::of_key(key), round: 0, style, payload, carrier }
}

/// A trip that was taken in so long ago.
async fn trip_of(env: &Env, key: &str, ago: SignedDuration) {
    let create = SagaRow::create(&definition(), SagaId::of_key(key), data(env.now() - ago));
    env.write(create).await.unwrap();
}

/// One that was taken in when trips had other limits.
async fn trip_within(env: &Env, key: &str, limit: SignedDuration, ago: SignedDuration) {
    let definition = definition_within(limit, limit).unwrap();
    let create = SagaRow::create(&definition, SagaId::of_key(key), data(env.now() - ago));
    env.write(create).await.unwrap();
}

/// A minute of the coordinator's schedule.
async fn minute(env: &Env, calls: &'static [&'static str], within: SignedDuration) -> (Measuring, bool) {
    let runtime = Measuring::of(env);
    let went_well = minute_of(env, &runtime, calls, within).await;
    (runtime, went_well)
}

async fn minute_of(
    env: &Env,
    runtime: &Measuring,
    calls: &'static [&'static str],
    within: SignedDuration,
) -> bool {
    let table = Refusing { env: env.clone(), calls };
    let steps = Steps { table, runtime: runtime.clone(), definition: definition() };
    let minute = CoordinatorEvent::Schedule;
    Coordinator { steps }.handle(&minute, &Context::until(env.now() + within)).await.is_ok()
}

/// Keys of trips that are in the shard 0, or not.
fn keys(is_first: bool) -> impl Iterator<Item = String> {
    let is_in = move |key: &String| (SagaId::of_key(key).shard(definition().shards()) == 0) == is_first;
    (0..).map(|i| format!("key {i}")).filter(is_in)
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[test]
fn a_run_of_the_coordinator_is_recorded_at_its_end() {
    run(|env| async move {
        trip_of(&env, "a", HOUR).await;
        let (runtime, went_well) = minute(&env, &[], HOUR).await;
        assert!(went_well);
        assert_eq!(runtime.all(COORDINATOR_RUNS), [(None, 1.0)]);
        assert_eq!(runtime.last(), Some(COORDINATOR_RUNS), "nothing comes after it");
    });
}

#[test]
fn a_run_that_did_not_look_at_everything_is_not_recorded() {
    run(|env| async move {
        for calls in [&["index"][..], &["count"]] {
            let (runtime, went_well) = minute(&env, calls, HOUR).await;
            assert!(!went_well, "{calls:?}");
            assert_eq!(runtime.all(COORDINATOR_RUNS), [], "{calls:?}");
            assert_eq!(runtime.all(ROUND_AGE), [], "nobody knows, {calls:?}");
        }
        let (runtime, _) = minute(&env, &[], SignedDuration::from_secs(10)).await;
        assert_eq!((runtime.all(COORDINATOR_RUNS), runtime.all(STUCK).len()), (vec![], 1), "its time was up");
        assert_eq!(runtime.all(UNATTENDED), [(None, 16.0)], "which is told of each shard");
    });
}

#[test]
fn a_run_whose_time_is_up_within_a_shard_says_so() {
    run(|env| async move {
        for key in keys(true).take(12) {
            trip_of(&env, &key, HOUR).await;
        }
        let runtime = Measuring::ticking(&env, SignedDuration::from_secs(5));
        assert!(minute_of(&env, &runtime, &[], SignedDuration::from_mins(1)).await);
        assert!(runtime.all(OVERDUE)[0].1 >= 1.0, "those that there was time for");
        assert_eq!(runtime.all(UNATTENDED), [(None, 16.0)], "the others of that shard, and the other shards");
        assert_eq!(runtime.all(COORDINATOR_RUNS), []);
    });
}

/// They are late, not lost: the next run goes on, and nothing is wrong with this one.
#[test]
fn a_run_that_takes_as_many_trips_as_it_may_comes_to_its_end() {
    run(|env| async move {
        for key in keys(true).take(151) {
            trip_of(&env, &key, HOUR).await;
        }
        let (runtime, went_well) = minute(&env, &[], HOUR).await;
        assert!(went_well);
        assert_eq!(runtime.all(OVERDUE), [(None, 100.0)]);
        assert_eq!(
            (runtime.all(COORDINATOR_RUNS), runtime.all(UNATTENDED)),
            (vec![(None, 1.0)], vec![(None, 0.0)])
        );
        assert_eq!(runtime.all(ROUND_AGE), [(None, 3600.0)], "the first of each shard is its oldest");
        let (runtime, _) = minute(&env, &[], HOUR).await;
        assert_eq!(runtime.all(OVERDUE), [(None, 51.0)]);
    });
}

/// A smaller age would turn an alarm off, though the oldest may be where nobody could look.
#[test]
fn no_age_is_recorded_where_a_shard_was_refused() {
    run(|env| async move {
        for (key, minutes) in keys(true).zip([15]).chain(keys(false).zip([11])) {
            trip_of(&env, &key, SignedDuration::from_mins(minutes)).await;
        }
        let (runtime, went_well) = minute(&env, &["running#0"], HOUR).await;
        assert!(!went_well);
        assert_eq!(runtime.all(OVERDUE), [(None, 1.0)], "the other one was seen");
        assert_eq!((runtime.all(ROUND_AGE), runtime.all(OVERDUE_AGE)), (vec![], vec![]));
        assert_eq!(runtime.all(UNATTENDED), [(None, 1.0)]);
    });
}

#[test]
fn a_trip_that_cannot_be_recovered_is_no_silence() {
    run(|env| async move {
        trip_of(&env, "a", HOUR).await;
        let (runtime, went_well) = minute(&env, &["query"], HOUR).await;
        assert!(!went_well);
        assert_eq!(runtime.all(UNATTENDED), [(None, 1.0)]);
        assert_eq!(runtime.all(COORDINATOR_RUNS), [(None, 1.0)]);
    });
}

#[test]
fn the_age_of_a_round_is_that_of_its_row_before_it_is_late_too() {
    run(|env| async move {
        let (runtime, _) = minute(&env, &[], HOUR).await;
        assert_eq!(runtime.all(ROUND_AGE), [(None, 0.0)], "none is under way");
        trip_of(&env, "a", SignedDuration::from_mins(2)).await;
        trip_of(&env, "b", SignedDuration::from_mins(4)).await;
        let (runtime, _) = minute(&env, &[], HOUR).await;
        assert_eq!(
            (runtime.all(ROUND_AGE), runtime.all(OVERDUE_AGE)),
            (vec![(None, 240.0)], vec![(None, 0.0)])
        );
        trip_of(&env, "c", SignedDuration::from_mins(11)).await;
        let (runtime, _) = minute(&env, &[], HOUR).await;
        assert_eq!(
            (runtime.all(ROUND_AGE), runtime.all(OVERDUE_AGE)),
            (vec![(None, 660.0)], vec![(None, 60.0)])
        );
        let (runtime, _) = minute(&env, &[], HOUR).await;
        assert_eq!(runtime.all(ROUND_AGE), [(None, 240.0)], "the late one is in a new round");
    });
}

/// Its deadline is 10 minutes today.
#[test]
fn the_age_of_a_round_of_before_is_its_own_whatever_the_limits_are_today() {
    run(|env| async move {
        trip_within(&env, "a", SignedDuration::from_mins(2), SignedDuration::from_mins(1)).await;
        let (runtime, _) = minute(&env, &[], HOUR).await;
        assert_eq!(runtime.all(ROUND_AGE), [(None, 60.0)], "the limit was raised");
        trip_within(&env, "b", HOUR, SignedDuration::from_mins(20)).await;
        let (runtime, _) = minute(&env, &[], HOUR).await;
        assert_eq!(runtime.all(ROUND_AGE), [(None, 1200.0)], "it was lowered");
    });
}

#[test]
fn a_row_that_cannot_be_read_does_not_hide_the_age_of_the_others() {
    run(|env| async move {
        let (definition, good) = (definition(), SagaId::of_key("a"));
        trip_of(&env, "a", SignedDuration::from_mins(4)).await;
        let open = SagaState::Running.open(good.shard(definition.shards())).unwrap();
        let bad = Item::new(saga_key(SagaId::of_key("bad"))).with("state", "nowhere");
        env.write(Write::create(bad.with("open", open).with("wake", 0))).await.unwrap();
        let (runtime, _) = minute(&env, &[], HOUR).await;
        assert_eq!(runtime.all(ROUND_AGE), [(None, 240.0)]);
    });
}

#[test]
fn where_an_age_cannot_be_read_late_trips_are_recovered_all_the_same() {
    run(|env| async move {
        trip_of(&env, "a", HOUR).await;
        let (runtime, went_well) = minute(&env, &["get"], HOUR).await;
        assert!(!went_well);
        assert_eq!((runtime.all(ROUND_AGE), runtime.all(COORDINATOR_RUNS)), (vec![], vec![]));
        assert_eq!(runtime.all(ROUNDS), [(None, 1.0)]);
    });
}

fn service(env: &Env, calls: &'static [&'static str]) -> (StepService<Refusing, Measuring, Trip>, Measuring) {
    let runtime = Measuring::of(env);
    let table = Refusing { env: env.clone(), calls };
    (StepService::new(table, runtime.clone(), definition(), "flight").unwrap(), runtime)
}

fn started(env: &Env, key: &str) -> String {
    let entry = LogEntry::of(&definition(), &context(key), SagaEvent::Started, env.now());
    serde_json::to_string(&entry).unwrap()
}

fn task(key: &str, step: &str) -> StepTask<Trip> {
    StepTask {
        direction: Direction::Do,
        step: Name::parse(step).unwrap(),
        context: context(key),
        carrier: Carrier::default(),
    }
}

fn flight(value: f64) -> (Option<SmolStr>, f64) {
    (Some("flight".into()), value)
}

#[test]
fn what_a_service_could_not_do_counts_for_it_in_either_style() {
    run(|env| async move {
        let until = Context::until(Timestamp::MAX);
        trip_of(&env, "a", SignedDuration::ZERO).await;
        let (service, runtime) = service(&env, &["transact"]);
        service.handle_message(&started(&env, "a"), &until).await.unwrap_err();
        service.handle_task(&task("a", "flight"), &until).await.unwrap_err();
        service.handle_task(&task("a", "hotel"), &until).await.unwrap_err();
        service.handle_message("{}", &until).await.unwrap_err();
        assert_eq!(runtime.all(FAULTS), [flight(1.0), flight(1.0), flight(1.0), flight(1.0)]);
    });
}

#[test]
fn success_and_a_refusal_are_no_faults() {
    run(|env| async move {
        let until = Context::until(Timestamp::MAX);
        for (key, flights) in [("a", 1), ("b", 0)] {
            let id = StockId::parse("F").unwrap();
            env.write(Stock::put(StockKind::Flight, &id, flights, Releases::Accepted)).await.unwrap();
            trip_of(&env, key, SignedDuration::ZERO).await;
        }
        let (service, runtime) = service(&env, &[]);
        service.handle_task(&task("a", "flight"), &until).await.unwrap_err();
        service.handle_message(&started(&env, "b"), &until).await.unwrap();
        let id = StockId::parse("F").unwrap();
        env.write(Stock::put(StockKind::Flight, &id, 1, Releases::Accepted)).await.unwrap();
        trip_of(&env, "c", SignedDuration::ZERO).await;
        service.handle_message(&started(&env, "c"), &until).await.unwrap();
        let attempts = [flight(0.0), flight(0.0), flight(0.0)];
        assert_eq!(runtime.all(FAULTS), attempts, "the average is the share of faults");
    });
}

#[test]
fn a_row_that_a_service_cannot_read_is_counted_as_such_too() {
    run(|env| async move {
        let bad = Item::new(saga_key(SagaId::of_key("a"))).with("state", "nowhere");
        env.write(Write::create(bad)).await.unwrap();
        let (service, runtime) = service(&env, &[]);
        let undo = StepTask { direction: Direction::Undo, ..task("a", "flight") };
        let error = service.handle_task(&undo, &Context::until(Timestamp::MAX)).await.unwrap_err();
        assert_eq!((error.name(), runtime.all(FAULTS).len()), ("BadItem", 1));
        assert_eq!(runtime.all(UNREADABLE_ROWS), [(None, 1.0)]);
    });
}

#[test]
fn a_settling_that_could_not_be_made_counts_for_the_coordinator() {
    run(|env| async move {
        trip_of(&env, "a", SignedDuration::ZERO).await;
        let settle = json!({ "action": "settle", "saga": SagaId::of_key("a"), "round": 0 });
        let settle = CoordinatorEvent::Settle(serde_json::from_value(settle).unwrap());
        for (calls, faults) in [(&["query"][..], 1.0), (&[], 0.0)] {
            let runtime = Measuring::of(&env);
            let table = Refusing { env: env.clone(), calls };
            let steps = Steps { table, runtime: runtime.clone(), definition: definition() };
            let result = Coordinator { steps }.handle(&settle, &Context::until(Timestamp::MAX)).await;
            assert!(result.is_err(), "it is not at its end either");
            assert_eq!(runtime.all(FAULTS), [(Some("coordinator".into()), faults)]);
            assert_eq!(runtime.all(COORDINATOR_RUNS), [], "that is no run of the schedule");
        }
    });
}

/// In a batch Lambda takes a panic for success, and of a coordinator's errors it counts the answers too.
#[test]
fn a_panic_is_a_fault() {
    run(|env| async move {
        let until = Context::until(Timestamp::MAX);
        let (service, runtime) = service(&env, &[BREAKS]);
        for direction in [Direction::Do, Direction::Undo] {
            let task = StepTask { direction, ..task("a", "flight") };
            assert!(AssertUnwindSafe(service.handle_task(&task, &until)).catch_unwind().await.is_err());
        }
        let message = started(&env, "a");
        assert!(AssertUnwindSafe(service.handle_message(&message, &until)).catch_unwind().await.is_err());
        assert_eq!(runtime.all(FAULTS), [flight(1.0), flight(1.0), flight(1.0)]);

        let runtime = Measuring::of(&env);
        let table = Refusing { env: env.clone(), calls: &[BREAKS] };
        let coordinator =
            Coordinator { steps: Steps { table, runtime: runtime.clone(), definition: definition() } };
        let settle = json!({ "action": "settle", "saga": SagaId::of_key("a"), "round": 0 });
        let settle = CoordinatorEvent::Settle(serde_json::from_value(settle).unwrap());
        assert!(AssertUnwindSafe(coordinator.handle(&settle, &until)).catch_unwind().await.is_err());
        assert_eq!(runtime.all(FAULTS), [(Some("coordinator".into()), 1.0)]);
    });
}
