//! What the table lets through, and calls that are made again.

use jiff::SignedDuration;
use tenfold_ports::table::{Condition, Item, Key, Read, TransactError, Write, WriteError};
use tenfold_ports::{CallError, SmolStr, Table};

use super::*;

/// Requests that each write an item of this partition.
fn writers(rate: f64, partition: impl Fn(usize) -> String + Clone + 'static) -> Simulation {
    let mut simulation = simulation(rate, 3.0, &[("lambda.concurrency", f64::INFINITY)]);
    simulation.indexes(&["queue"]);
    let number = Rc::new(std::cell::Cell::new(0));
    serve(&mut simulation, SETTINGS, move |env, _| {
        number.set(number.get() + 1);
        let (n, partition) = (number.get(), partition.clone());
        async move {
            let item = Item::new(Key::new(format!("row#{n}"), "x"))
                .with("queue", SmolStr::new(partition(n)))
                .with("wake", 1_i64);
            match env.write(Write::create(item)).await {
                Ok(()) => 200,
                Err(WriteError::Call(CallError::Throttled)) => 503,
                Err(_) => 500,
            }
        }
    });
    run(&mut simulation, 6);
    simulation
}

#[test]
fn a_partition_of_an_index_takes_a_thousand_units_a_second_and_throttles_its_table() {
    let hot = writers(3_000.0, |_| "all".to_owned());
    assert!(status(&hot, 503) > 1_000, "{:?}", hot.recorder.statuses);
    let state = hot.world.state.borrow();
    let capacity = &state.timed.as_ref().unwrap().capacity;
    assert!(
        capacity.hottest.units <= 1_000.0 && capacity.hottest.name == "queue=all",
        "{:?}",
        capacity.hottest
    );
    assert!(capacity.throttled.contains_key("queue=all"));
    let spread = writers(3_000.0, |n| format!("part-{}", n % 16));
    assert_eq!(status(&spread, 503), 0);
}

#[test]
fn transactions_that_meet_on_an_item_are_made_again_and_not_all_at_once() {
    let mut simulation = simulation(300.0, 5.0, &[]);
    serve(&mut simulation, SETTINGS, |env, _| async move {
        let item = Item::new(Key::new("row", "x")).with("n", 1_i64);
        match env.transact(vec![Write::Put { item, condition: Condition::Always }]).await {
            Ok(()) => 200,
            Err(TransactError::Cancelled(_)) => 409,
            Err(_) => 500,
        }
    });
    run(&mut simulation, 10);
    let met = simulation.world.state.borrow().timed.as_ref().unwrap().capacity.met;
    assert!(met > 100, "{met}");
    assert!(status(&simulation, 409) < met / 4, "most are made at last");
}

#[test]
fn rows_go_when_their_time_is_over() {
    let mut simulation = simulation(20.0, 30.0, &[]);
    simulation.world().edit(|table| table.expire_by("expires"));
    simulation.visitors(|number, _| Request { path: number.to_string().into(), ..Request::default() });
    serve(&mut simulation, SETTINGS, |env, request| async move {
        let expires = (tenfold_ports::Clock::now(&env) + SignedDuration::from_secs(5)).as_second();
        let key = Key::new(request.path.as_str(), "x");
        env.write(Write::create(Item::new(key.clone()).with("expires", expires))).await.map_or(500, |()| 200)
    });
    run(&mut simulation, 25);
    let rows = simulation.world.state.borrow().table.len();
    assert!((80..200).contains(&rows), "{rows} rows of some six seconds");
}

#[test]
fn an_item_that_is_read_costs_by_its_size_and_a_hot_one_is_throttled() {
    let mut simulation = simulation(200.0, 3.0, &[("table.read_units_a_key", 50.0)]);
    let key = Key::new("row", "x");
    simulation.world().edit(|table| {
        table.put(Item::new(Key::new("row", "x")).with("text", SmolStr::new("x".repeat(9_000))));
    });
    serve(&mut simulation, SETTINGS, move |env, _| {
        let key = key.clone();
        async move {
            match env.get(&key, Read::Consistent).await {
                Ok(_) => 200,
                Err(CallError::Throttled) => 503,
                Err(_) => 500,
            }
        }
    });
    run(&mut simulation, 6);
    assert!(status(&simulation, 503) > 0);
    let read = simulation.world.state.borrow().timed.as_ref().unwrap().capacity.read;
    assert!((read / 3.0 - status(&simulation, 200) as f64).abs() < 1e-9, "three units each");
}

/// How many calls there are of each request whose write is throttled.
fn attempts(write: impl AsyncFn(Env, Item) -> bool + Clone + 'static) -> f64 {
    let mut simulation = simulation(20.0, 10.0, &[("table.write_units_a_key", 0.5)]);
    serve(&mut simulation, SETTINGS, move |env, request| {
        let write = write.clone();
        async move {
            let item = Item::new(Key::new("hot", format!("{request:?}"))).with("n", 1_i64);
            if write(env, item).await { 200 } else { 503 }
        }
    });
    run(&mut simulation, 20);
    assert!(status(&simulation, 503) > 100, "{:?}", simulation.recorder.statuses);
    simulation.recorder.calls.values().sum::<u64>() as f64 / simulation.recorder.came as f64
}

#[test]
fn a_throttled_write_is_made_again_by_the_sdk_and_a_throttled_transaction_by_nobody() {
    let writes = attempts(async |env, item| {
        env.write(Write::Put { item, condition: Condition::Always }).await.is_ok()
    });
    assert!((2.0..=3.0).contains(&writes), "{writes} calls a request");
    let transactions = attempts(async |env, item| {
        env.transact(vec![Write::Put { item, condition: Condition::Always }]).await.is_ok()
    });
    assert!((transactions - 1.0).abs() < 1e-9, "{transactions} calls a request");
}

#[test]
fn a_write_that_meets_a_transaction_is_refused_and_made_again_by_nobody() {
    let mut simulation = simulation(300.0, 5.0, &[]);
    serve(&mut simulation, SETTINGS, |env, _| async move {
        let item = Item::new(Key::new("row", "x")).with("n", 1_i64);
        let write = Write::Put { item, condition: Condition::Always };
        let _ = env.transact(vec![write.clone()]).await;
        u16::from(env.write(write).await.is_ok()) * 200 + 300
    });
    run(&mut simulation, 10);
    let calls = simulation.recorder.calls["table.write"];
    assert_eq!(calls, simulation.recorder.came);
    assert!(status(&simulation, 300) > 50, "{:?}", simulation.recorder.statuses);
}
