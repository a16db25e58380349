//! State machines.

use serde_json::json;
use tenfold_ports::flow::{Flow, Started};

use super::*;
use crate::flow::AslMachine;
use crate::kernel::ids::MachineId;
use crate::ports::flow::Tasks;

const TASK: &str = "arn:aws:lambda:us-east-1:000000000000:function:task";

/// A machine that does nothing for some seconds.
fn waits(simulation: &Simulation, seconds: u64) -> MachineId {
    let machine = json!({
        "StartAt": "Wait", "QueryLanguage": "JSONPath",
        "States": { "Wait": { "Type": "Wait", "Seconds": seconds, "Next": "End" }, "End": { "Type": "Succeed" } },
    });
    let machine = AslMachine::parse(&machine.to_string(), &[]).unwrap();
    simulation.world().add_machine("machine", machine, Tasks::default())
}

/// Requests that each start an execution; those of one name of three.
fn starters(rate: f64, limits: &[(&str, f64)], names: u64, wait: u64) -> Simulation {
    let mut simulation = simulation(rate, 10.0, limits);
    let machine = waits(&simulation, wait);
    serve(&mut simulation, SETTINGS, move |env, request| async move {
        match env.flow(machine).start(&request.path, "{}").await {
            Ok(Started::Running) => 200,
            Ok(Started::Exists) => 409,
            Err(_) => 503,
        }
    });
    simulation.visitors(move |number, _| Request {
        path: format!("n{}", number % names).into(),
        ..Request::default()
    });
    run(&mut simulation, 60);
    simulation
}

#[test]
fn an_account_starts_so_many_executions_a_second() {
    let limits = [("flow.starts", 10.0), ("flow.start_burst", 20.0)];
    let simulation = starters(100.0, &limits, u64::MAX, 1);
    let started = status(&simulation, 200);
    assert!((110..=130).contains(&started), "{started}: 20 at once and 10 a second");
    assert_eq!(simulation.flows.started, started);
    assert_eq!(simulation.flows.ended, started);
}

#[test]
fn the_name_of_an_execution_that_is_over_is_not_given_again() {
    let simulation = starters(10.0, &[], 3, 1);
    assert_eq!(simulation.flows.started, 3);
    assert!(status(&simulation, 409) > 60, "{:?}", simulation.recorder.statuses);
}

#[test]
fn transitions_beyond_the_rate_wait_and_what_has_ended_leaves_nothing_behind() {
    let ends = |limits: &[(&str, f64)]| {
        let simulation = starters(100.0, limits, u64::MAX, 1);
        assert!(simulation.flows.wakes.is_empty() && simulation.flows.paid >= 2 * simulation.flows.started);
        simulation.recorder.seconds.iter().rposition(|second| second.backlog > 0.0).unwrap()
    };
    let (free, few) = (ends(&[]), ends(&[("flow.transitions", 100.0), ("flow.transition_burst", 10.0)]));
    assert!(free < 13 && few > free + 5, "{free} s, {few} s");
}

#[test]
fn a_state_that_waits_for_its_transition_begins_its_time_out_when_it_begins() {
    let limits = [("flow.transitions", 20.0), ("flow.transition_burst", 1.0), ("flow.starts", f64::INFINITY)];
    let mut simulation = simulation(50.0, 10.0, &limits);
    let machine = json!({
        "StartAt": "Task", "QueryLanguage": "JSONPath",
        "States": { "Task": { "Type": "Task", "Resource": TASK, "TimeoutSeconds": 3, "End": true } },
    });
    let machine = AslMachine::parse(&machine.to_string(), &[]).unwrap();
    let machine = simulation.world().add_machine("machine", machine, Tasks::default());
    let worker = does(&mut simulation, SETTINGS, |_, _| async { InvocationOutcome::Task(Ok(json!({}))) });
    simulation.task(TASK, worker);
    serve(&mut simulation, SETTINGS, move |env, request| async move {
        env.flow(machine).start(&request.path, "{}").await.map_or(503, |_| 200)
    });
    simulation.visitors(|number, _| Request { path: format!("n{number}").into(), ..Request::default() });
    run(&mut simulation, 120);
    let flows = &simulation.flows;
    assert!(flows.started > 400 && flows.ended == flows.started && flows.failed == 0, "{flows:?}");
}
