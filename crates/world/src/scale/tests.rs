//! Small stacks in the world with time: each rule of it by itself.

use std::rc::Rc;
use std::time::Duration;

use jiff::SignedDuration;
use tenfold_ports::api::{Request, Response};
use tenfold_ports::downstream::{Call, Method};
use tenfold_ports::queue::Outgoing;
use tenfold_ports::table::{Condition, Item, Key, Read, TransactError, Write, WriteError};
use tenfold_ports::{CallError, Downstream, Queue, SmolStr, Table};

use super::agenda::SECOND;
use super::figures::Figures;
use super::function::{Event, InvocationOutcome, LambdaSettings};
use super::host::{OutsideService, ServiceSettings};
use super::load::{Arrivals, Load};
use super::simulation::{FunctionId, Simulation};
use crate::aws::queue::QueueSettings;
use crate::aws::stream::MappingSettings;
use crate::run::env::Env;

const SETTINGS: LambdaSettings =
    LambdaSettings { role: "test", timeout: Duration::from_secs(3), memory: 128, reserved: None };

/// So many requests a second for so many seconds, with limits that are other than AWS's.
fn simulation(rate: f64, seconds: f64, limits: &[(&str, f64)]) -> Simulation {
    let mut figures = Figures::of_aws().unwrap();
    for (name, value) in limits {
        figures.limit(name, *value).unwrap();
    }
    let load = Load::new(Arrivals::Poisson, rate, 0, (seconds * SECOND as f64) as u64);
    Simulation::new(figures, 1, load)
}

/// A function that answers requests with a status.
fn serve<F: Future<Output = u16> + 'static>(
    simulation: &mut Simulation,
    settings: LambdaSettings,
    handle: impl Fn(Env, Rc<Request>) -> F + Clone + 'static,
) -> FunctionId {
    let function = simulation.function(settings, move |env| {
        let handle = handle.clone();
        Rc::new(move |event, _| {
            let (env, handle) = (env.clone(), handle.clone());
            Box::pin(async move {
                let Event::Request(request) = event else { return InvocationOutcome::Done(false) };
                InvocationOutcome::Response(Response::empty(handle(env, request).await))
            })
        })
    });
    simulation.serve(function);
    function
}

fn run(simulation: &mut Simulation, seconds: u64) {
    simulation.run(seconds * SECOND, |_| {});
}

fn status(simulation: &Simulation, status: u16) -> u64 {
    simulation.recorder.statuses.get(&status).copied().unwrap_or(0)
}

fn call(timeout: Duration) -> Call {
    let (url, headers, body) = ("https://pay/".into(), Vec::new(), tenfold_ports::Bytes::new());
    Call { method: Method::Get, url, headers, body, timeout, max_body: 10 }
}

#[test]
fn an_environment_starts_cold_and_is_kept() {
    let mut simulation = simulation(10.0, 20.0, &[]);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    run(&mut simulation, 30);
    let counts = simulation.functions[0].counts;
    assert_eq!(counts.invocations, simulation.recorder.came);
    assert!(counts.cold < counts.invocations / 10, "{counts:?}");
    assert!(
        simulation.recorder.times.at(0.999) > simulation.recorder.times.at(0.5) + 20.0,
        "a cold start takes time"
    );
}

#[test]
fn an_invocation_whose_time_is_up_is_no_answer_and_its_environment_is_gone() {
    let mut simulation = simulation(5.0, 10.0, &[]);
    simulation
        .hosts
        .insert("pay".into(), OutsideService::new(ServiceSettings { hangs: true, ..Default::default() }));
    serve(&mut simulation, SETTINGS, |env, _| async move {
        let _ = Downstream::call(&env, call(Duration::from_secs(60))).await;
        200
    });
    run(&mut simulation, 20);
    let counts = simulation.functions[0].counts;
    assert_eq!(status(&simulation, 502), simulation.recorder.came);
    assert_eq!((counts.timed_out, counts.cold), (counts.invocations, counts.invocations));
    assert_eq!((simulation.busy, simulation.functions[0].kept), (0, 0));
}

#[test]
fn what_is_too_much_at_once_is_refused_by_the_function_and_by_the_account() {
    for (reserved, limits) in
        [(Some(2), [("lambda.concurrency", 1_000.0)]), (None, [("lambda.concurrency", 2.0)])]
    {
        let mut simulation = simulation(100.0, 5.0, &limits);
        simulation
            .hosts
            .insert("pay".into(), OutsideService::new(ServiceSettings { p50: 200.0, ..Default::default() }));
        serve(&mut simulation, LambdaSettings { reserved, ..SETTINGS }, |env, _| async move {
            let _ = Downstream::call(&env, call(Duration::from_secs(2))).await;
            200
        });
        run(&mut simulation, 10);
        assert_eq!(simulation.functions[0].counts.most_busy, 2);
        assert!(status(&simulation, 429) > status(&simulation, 200), "{:?}", simulation.recorder.statuses);
    }
}

#[test]
fn lambda_starts_only_so_many_environments_in_ten_seconds() {
    let mut simulation = simulation(1_000.0, 5.0, &[("lambda.scaling", 10.0)]);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    run(&mut simulation, 5);
    assert_eq!(simulation.functions[0].counts.cold, 10);
}

#[test]
fn the_api_lets_through_its_rate_and_its_burst() {
    let mut simulation = simulation(100.0, 10.0, &[("api.requests", 10.0), ("api.burst", 20.0)]);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    run(&mut simulation, 20);
    let through = status(&simulation, 200);
    assert!((110..=125).contains(&through), "{through} of about 20 + 10 a second");
}

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
fn a_queue_is_drained_by_as_many_at_once_as_its_mapping_has() {
    let mut simulation = simulation(1.0, 0.0, &[]);
    let queue = simulation.world().add_queue("queue", QueueSettings::visible_after(Duration::from_secs(30)));
    let sender = simulation.function(SETTINGS, move |env| {
        Rc::new(move |_, _| {
            let env = env.clone();
            Box::pin(async move {
                for _ in 0..20 {
                    let batch = (0..10).map(|_| Outgoing::new("x".to_owned())).collect();
                    let _ = env.queue(queue).send(batch).await;
                }
                InvocationOutcome::Done(true)
            })
        })
    });
    simulation.schedule(Duration::from_secs(50), sender);
    let settings = LambdaSettings { role: "consumer", ..SETTINGS };
    let consumer = simulation.function(settings, |env| {
        Rc::new(move |_, _| {
            let env = env.clone();
            Box::pin(async move {
                let _ = Downstream::call(&env, call(Duration::from_secs(2))).await;
                InvocationOutcome::Batch(Some(Vec::new()))
            })
        })
    });
    simulation.consume(queue, consumer, 10, Some(3));
    run(&mut simulation, 60);
    let counts = simulation.functions[consumer.0].counts;
    assert_eq!((counts.most_busy, simulation.world().queue(queue, crate::aws::queue::Messages::len)), (3, 0));
    assert!(counts.invocations >= 20);
}

#[test]
fn a_stream_brings_each_change_to_its_function_once() {
    let mut simulation = simulation(50.0, 5.0, &[]);
    simulation.world().add_stream(2);
    serve(&mut simulation, SETTINGS, |env, request| async move {
        let item = Item::new(Key::new(format!("row#{}", request.path), "x"));
        env.write(Write::create(item)).await.map_or(500, |()| 200)
    });
    simulation.visitors(|number, _| Request { path: number.to_string().into(), ..Request::default() });
    let seen = Rc::new(std::cell::Cell::new(0));
    let counted = Rc::clone(&seen);
    let follower = simulation.function(LambdaSettings { role: "follower", ..SETTINGS }, move |_| {
        let counted = Rc::clone(&counted);
        Rc::new(move |event, _| {
            if let Event::Records(records) = &event {
                counted.set(counted.get() + records.len() as u64);
            }
            Box::pin(async { InvocationOutcome::Batch(Some(Vec::new())) })
        })
    });
    simulation.follow(MappingSettings { batch: 10, ..Default::default() }, follower);
    run(&mut simulation, 10);
    assert_eq!(seen.get(), simulation.recorder.came);
}

#[test]
fn a_receive_waits_until_there_is_a_message() {
    let mut simulation = simulation(1.0, 0.0, &[]);
    let queue = simulation.world().add_queue("queue", QueueSettings::visible_after(Duration::from_secs(30)));
    let times = Rc::new(std::cell::RefCell::new(Vec::new()));
    let heard = Rc::clone(&times);
    let receiver =
        simulation.function(LambdaSettings { timeout: Duration::from_secs(30), ..SETTINGS }, move |env| {
            let heard = Rc::clone(&heard);
            Rc::new(move |_, _| {
                let (env, heard) = (env.clone(), Rc::clone(&heard));
                Box::pin(async move {
                    let begun = tenfold_ports::Clock::now(&env);
                    let late =
                        vec![Outgoing { delay: Duration::from_secs(5), ..Outgoing::new("x".to_owned()) }];
                    let _ = env.queue(queue).send(late).await;
                    for _ in 0..2 {
                        let got = env
                            .queue(queue)
                            .receive(10, Duration::from_secs(10))
                            .await
                            .map_or(9, |all| all.len());
                        heard
                            .borrow_mut()
                            .push((got, tenfold_ports::Clock::now(&env).duration_since(begun).as_secs()));
                    }
                    InvocationOutcome::Done(true)
                })
            })
        });
    simulation.schedule(Duration::from_secs(50), receiver);
    run(&mut simulation, 90);
    assert_eq!(*times.borrow(), [(1, 5), (0, 15)]);
}

#[test]
fn a_service_with_few_workers_lets_others_wait_and_one_that_is_down_refuses() {
    let mut random = <rand_pcg::Pcg64Mcg as rand::SeedableRng>::seed_from_u64(1);
    let settings = ServiceSettings { p50: 100.0, p99: Some(100.0), capacity: Some(1), ..Default::default() };
    let mut service = OutsideService::new(settings);
    let most = 10 * SECOND;
    let ends: Vec<u64> = (0..3).map(|_| service.call(0, most, &mut random).1 / (SECOND / 100)).collect();
    assert!(ends[0] <= 20 && ends[1] > ends[0] && ends[2] > ends[1], "{ends:?}");
    service.become_(ServiceSettings { down: true, ..settings });
    assert!(service.call(SECOND, most, &mut random).0.is_err());
    assert_eq!((service.calls, service.failed), (4, 1));
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
