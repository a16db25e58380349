//! Functions, the API before them, and the services that they call.

use std::time::Duration;

use tenfold_ports::Downstream;

use super::*;
use crate::scale::host::{OutsideService, ServiceSettings};
use crate::scale::load::{Arrivals, Load};

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
        // API Gateway answers 500 where Lambda refuses.
        assert!(status(&simulation, 500) > status(&simulation, 200), "{:?}", simulation.recorder.statuses);
    }
}

#[test]
fn lambda_starts_only_so_many_environments_in_ten_seconds() {
    let mut simulation = simulation(1_000.0, 5.0, &[("lambda.scaling", 10.0)]);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    run(&mut simulation, 5);
    assert_eq!(simulation.functions[0].counts.cold, 14, "ten at once, and one a second");
}

#[test]
fn the_api_lets_through_its_rate_and_its_burst() {
    let mut simulation = simulation(100.0, 10.0, &[("api.requests", 10.0), ("api.burst", 20.0)]);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    run(&mut simulation, 20);
    let through = status(&simulation, 200);
    assert!((110..=125).contains(&through), "{through} of about 20 + 10 a second");
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
fn a_function_takes_ten_synchronous_requests_a_second_for_each_invocation_that_it_may_have() {
    let mut simulation = simulation(100.0, 10.0, &[]);
    serve(&mut simulation, LambdaSettings { reserved: Some(2), ..SETTINGS }, |_, _| async { 200 });
    run(&mut simulation, 20);
    let through = status(&simulation, 200);
    assert!((190..=225).contains(&through), "{through} of about 20 a second");
}

#[test]
fn a_start_is_paid_for() {
    let mut simulation = simulation(1.0, 5.0, &[]);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    run(&mut simulation, 9);
    let counts = simulation.functions[0].counts;
    assert!(counts.cold == 1 && counts.milliseconds >= 60 + counts.invocations, "{counts:?}");
}

/// Clients that each send their next request when they have their answer.
fn clients(number: u32, limits: &[(&str, f64)]) -> Simulation {
    let mut simulation = simulation(1.0, 10.0, limits);
    simulation.load = Load::new(Arrivals::Clients(number), 1.0, 0, 10 * SECOND);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    run(&mut simulation, 12);
    simulation
}

#[test]
fn a_client_sends_its_next_request_when_its_answer_is_back() {
    let simulation = clients(1, &[]);
    let answered = simulation.recorder.in_time as f64;
    let mean = 10_000.0 / answered;
    let median = simulation.recorder.times.at(0.5);
    assert!(
        mean > median && mean < 2.5 * median,
        "one after the other: {mean} ms each, {median} ms the median"
    );
}

#[test]
fn clients_that_are_refused_come_again_in_time_and_not_at_once() {
    let simulation = clients(5_000, &[("api.requests", 10.0), ("api.burst", 10.0)]);
    let refused = status(&simulation, 429);
    assert!((1_000_000..12_000_000).contains(&refused), "{refused}");
    assert!(status(&simulation, 200) <= 110);
}

#[test]
fn a_service_that_gets_fewer_workers_finishes_and_then_works_on_fewer() {
    let mut random = <rand_pcg::Pcg64Mcg as rand::SeedableRng>::seed_from_u64(1);
    let settings = |capacity| ServiceSettings {
        p50: 100.0,
        p99: Some(100.0),
        capacity: Some(capacity),
        ..Default::default()
    };
    let mut service = OutsideService::new(settings(10));
    let most = 100 * SECOND;
    (0..10).for_each(|_| drop(service.call(0, most, &mut random)));
    service.become_(settings(1));
    let ends: Vec<u64> = (0..10).map(|_| service.call(0, most, &mut random).1).collect();
    assert!(ends[9] > SECOND * 6 / 10, "one after the other: {ends:?}");
}

#[test]
fn what_a_function_has_reserved_is_its_own_and_others_share_what_is_left() {
    let mut simulation = simulation(1.0, 0.0, &[("lambda.concurrency", 5.0)]);
    let busy = does(&mut simulation, SETTINGS, |env, _| async move {
        let _ = Downstream::call(&env, call(Duration::from_secs(60))).await;
        InvocationOutcome::Done(true)
    });
    let (own, seen) = notes(&mut simulation, LambdaSettings { reserved: Some(2), ..SETTINGS }, || {
        InvocationOutcome::Done(true)
    });
    simulation
        .hosts
        .insert("pay".into(), OutsideService::new(ServiceSettings { hangs: true, ..Default::default() }));
    let invoke = |simulation: &mut Simulation, function: FunctionId, at| {
        simulation.now = at;
        simulation.invoke_with(super::super::function::AsyncEvent {
            function: function.0,
            event: Event::Tick,
            failed: 0,
            refused: 0,
            taken: at,
        });
    };
    (0..10).for_each(|_| invoke(&mut simulation, busy, 0));
    assert_eq!((simulation.functions[busy.0].busy, simulation.functions[busy.0].counts.refused), (3, 7));
    invoke(&mut simulation, own, 0);
    run(&mut simulation, 1);
    assert_eq!(seen.borrow().len(), 1);
}

#[test]
fn an_environment_that_nobody_uses_is_gone_and_the_next_start_is_cold() {
    let cold = |every| {
        let mut simulation = simulation(1.0, 0.0, &[("lambda.idle", 60.0)]);
        let (function, _) = notes(&mut simulation, SETTINGS, || InvocationOutcome::Done(true));
        simulation.schedule(Duration::from_secs(every), function);
        run(&mut simulation, 10 * every + 50);
        (simulation.functions[function.0].counts.cold, simulation.functions[function.0].kept)
    };
    assert_eq!((cold(30), cold(120)), ((1, 1), (10, 1)));
}

#[test]
fn a_call_of_which_no_latency_is_known_and_a_limit_that_is_not_asked_are_told() {
    let mut figures = Figures::of_aws().unwrap();
    assert!(figures.limit("metrics.puts", 1.0).unwrap_err().to_string().contains("does not ask"));
    assert!(figures.limit("metric.puts", 1.0).unwrap_err().to_string().contains("there is no limit"));
    assert!(figures.stretch("table.wrote", 2.0).unwrap_err().to_string().contains("table.write"));
    let mut simulation = simulation(1.0, 3.0, &[]);
    simulation.figures = Figures::new("").unwrap();
    serve(&mut simulation, SETTINGS, |env, _| async move {
        let _ = tenfold_ports::Flags::read(&env, "f").await;
        200
    });
    run(&mut simulation, 5);
    assert!(simulation.recorder.unknown.contains("flags.read"));
}

#[test]
fn refusals_are_no_throughput_and_do_not_make_the_times_better() {
    let mut simulation = simulation(100.0, 10.0, &[("api.requests", 10.0), ("api.burst", 10.0)]);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    run(&mut simulation, 12);
    let recorder = &simulation.recorder;
    assert!(recorder.in_time <= 110 && status(&simulation, 429) > 800, "{:?}", recorder.statuses);
    assert!(recorder.times.at(0.5) > 10.0);
}

/// How many requests a second one server that takes 10 ms for a metric gets done, with so many clients.
fn served_by_one_server(clients: u32) -> f64 {
    let mut simulation = simulation(1.0, 20.0, &[("lambda.scaling", f64::INFINITY)]);
    let of = |name: &str, busy: u32| {
        format!("[\"{name}\"]\np50 = 1.0\np99 = 1.0\ntail = 1.0\nbusy = {busy}\nsource = \"a test\"\n")
    };
    let latencies =
        ["[server]\nlanes = 1\n".to_owned(), of("api.overhead", 5), of("metrics.put", 10)].concat();
    let figures = Figures::new(&latencies).unwrap();
    simulation.lanes = figures.lanes.map(crate::scale::lanes::Lanes::new);
    simulation.figures = figures;
    simulation.load = Load::new(Arrivals::Clients(clients), 1.0, 0, 20 * SECOND);
    serve(&mut simulation, SETTINGS, |env, _| async move {
        tenfold_ports::Metrics::record(&env, &[], &[tenfold_ports::metrics::Metric::count("n", 1.0)]);
        200
    });
    run(&mut simulation, 21);
    simulation.recorder.in_time as f64 / 20.0
}

#[test]
fn a_server_that_all_share_takes_in_together_what_is_measured_while_it_is_busy() {
    let (alone, many) = (served_by_one_server(1), served_by_one_server(20));
    assert!(alone < 75.0, "one after the other, 15 ms each: {alone}");
    assert!(many > 120.0, "5 ms each, and a metric now and then: {many}");
}
