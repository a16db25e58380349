//! Small stacks in the world with time: each rule of it by itself.

mod flows;
mod functions;
mod queues;
mod scenarios;
mod tables;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tenfold_ports::api::{Request, Response};
use tenfold_ports::downstream::{Call, Method};

use super::figures::Figures;
use super::function::{Event, InvocationOutcome, LambdaSettings};
use super::load::{Arrivals, Load};
use super::nanos::SECOND;
use super::simulation::{FunctionId, Simulation};
use crate::run::env::Env;

const SETTINGS: LambdaSettings =
    LambdaSettings { retries: 0, ..LambdaSettings::new("test", Duration::from_secs(3), 128) };

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

/// What was noted, and when, in seconds since the begin.
type Notes<T> = Rc<RefCell<Vec<(T, f64)>>>;

/// A function that does something with each event.
fn does<F: Future<Output = InvocationOutcome> + 'static>(
    simulation: &mut Simulation,
    settings: LambdaSettings,
    handle: impl Fn(Env, Event) -> F + Clone + 'static,
) -> FunctionId {
    simulation.function(settings, move |env| {
        let handle = handle.clone();
        Rc::new(move |event, _| Box::pin(handle(env.clone(), event)))
    })
}

/// A function that notes when it is invoked and with how much, and comes to this outcome.
fn notes(
    simulation: &mut Simulation,
    settings: LambdaSettings,
    outcome: fn() -> InvocationOutcome,
) -> (FunctionId, Notes<usize>) {
    let (seen, begin) = (Notes::<usize>::default(), simulation.begin);
    let noted = Rc::clone(&seen);
    let function = does(simulation, settings, move |env, event| {
        let many = match &event {
            Event::Messages(all) => all.len(),
            Event::Records(all) => all.len(),
            _ => 1,
        };
        let at = tenfold_ports::Clock::now(&env).duration_since(begin).as_secs_f64();
        noted.borrow_mut().push((many, at));
        async move { outcome() }
    });
    (function, seen)
}

const fn all_done() -> InvocationOutcome {
    InvocationOutcome::Batch(Some(Vec::new()))
}
