//! Handlers in a world in which nothing goes wrong, a trip for them, and a runtime whose metrics are seen.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use saga_core::context::Style;
use saga_core::definition::Definition;
use saga_core::rows::SagaData;
use saga_core::trip::{self, Trip};
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::{Carrier, Clock, Metrics, Rng, SmolStr};
use tenfold_world::{Env, quiet};

/// Runs one invocation.
pub fn run<F: Future<Output = ()> + 'static>(body: impl Fn(Env) -> F + Copy + 'static) {
    calls_of(body);
}

/// Runs one invocation; gives the calls that it made.
pub fn calls_of<F: Future<Output = ()> + 'static>(
    body: impl Fn(Env) -> F + Copy + 'static,
) -> Vec<&'static str> {
    let calls = quiet(|world| {
        world.ask(body)?.ok_or("the test did not come to its end")?;
        Ok(world.calls().iter().map(|(site, _)| site.call).collect())
    });
    calls.unwrap()
}

pub fn definition() -> Definition<Trip> {
    trip::definition().unwrap()
}

/// A choreographed trip of Ada's.
pub fn data(created: Timestamp) -> SagaData<Trip> {
    let payload =
        r#"{"traveller":"Ada","flight":"F","hotel":"H","car":"C","from":"2030-01-01","to":"2030-01-02"}"#;
    let payload = serde_json::from_str(payload).unwrap();
    SagaData { style: Style::Choreographed, payload, created, carrier: Carrier::default() }
}

/// The service that a metric is of, its name and its value.
type Measurement = (Option<SmolStr>, &'static str, f64);

/// The runtime, whose metrics are seen.
#[derive(Clone)]
pub struct Measuring {
    env: Env,
    measured: Rc<RefCell<Vec<Measurement>>>,
    passed: Rc<Cell<SignedDuration>>,
    tick: SignedDuration,
}

impl Measuring {
    pub fn of(env: &Env) -> Self {
        Self { env: env.clone(), measured: Rc::default(), passed: Rc::default(), tick: SignedDuration::ZERO }
    }

    /// One whose clock goes on by so much each time that somebody looks at it.
    pub fn ticking(env: &Env, tick: SignedDuration) -> Self {
        Self { tick, ..Self::of(env) }
    }

    /// The metric that was recorded last.
    pub fn last(&self) -> Option<&'static str> {
        self.measured.borrow().last().map(|(_, name, _)| *name)
    }

    /// The values of a metric, with the service that each is of.
    pub fn all(&self, name: &str) -> Vec<(Option<SmolStr>, f64)> {
        let measured = self.measured.borrow();
        measured.iter().filter(|(_, n, _)| *n == name).map(|(of, _, value)| (of.clone(), *value)).collect()
    }
}

impl Clock for Measuring {
    fn now(&self) -> Timestamp {
        self.passed.set(self.passed.get() + self.tick);
        self.env.now() + self.passed.get()
    }
}

impl Rng for Measuring {
    fn next_u64(&self) -> u64 {
        self.env.next_u64()
    }
}

impl Metrics for Measuring {
    fn record(&self, dimensions: &[Dimension], metrics: &[Metric]) {
        let of = dimensions.first().map(|(_, value)| value);
        let all = metrics.iter().map(|metric| (of.cloned(), metric.name, metric.value));
        self.measured.borrow_mut().extend(all);
    }
}
