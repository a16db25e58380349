//! Breakers of other crates, asked what ours is asked. `../../resilience4j` asks Java's the same.

use std::hint::black_box;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use failsafe::failure_policy::{consecutive_failures, success_rate_over_time_window};
use failsafe::{CircuitBreaker as _, FailurePolicy as _};
use recloser::Recloser;
use tower::{Service, service_fn};
use tower_resilience_circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerError, CircuitBreakerLayer,
};

use crate::{Case, STAYS_CLOSED, at_once, goes_well, sure};

const HOUR: Duration = Duration::from_hours(1);

/// What a call comes to.
type Called = Result<(), ()>;

/// All cases of failsafe.
pub fn failsafe() -> [Case; 4] {
    const NAME: &str = "failsafe";
    let breaker = || failsafe::Config::new().build();
    let (closed, whole, tenant) = (breaker(), breaker(), breaker());
    let pause = failsafe::backoff::constant(HOUR);
    let rate = success_rate_over_time_window(0.005, 5, Duration::from_secs(30), pause.clone());
    let policy = rate.or_else(consecutive_failures(100, pause.clone()));
    let failing = failsafe::Config::new().failure_policy(policy).build();
    let open = failsafe::Config::new().failure_policy(consecutive_failures(1, pause)).build();
    let _ = open.call(|| Err::<(), ()>(()));
    let mut calls = 0;
    [
        Case::new("breakerClosed", NAME, move || sure(closed.call(|| black_box(Called::Ok(()))))),
        Case::new("breakerTenant", NAME, move || {
            sure(whole.call(|| tenant.call(|| black_box(Called::Ok(())))));
        }),
        Case::new("breakerFailing", NAME, move || {
            let result = if goes_well(&mut calls) { Ok(()) } else { Err(()) };
            let called = failing.call(|| black_box(result));
            assert!(!matches!(called, Err(failsafe::Error::Rejected)), "the breaker should stay closed");
        }),
        Case::new("breakerOpen", NAME, move || {
            let called = open.call(|| black_box(Called::Ok(())));
            assert!(matches!(called, Err(failsafe::Error::Rejected)), "the breaker should be open");
        }),
    ]
}

/// All cases of recloser.
pub fn recloser() -> [Case; 4] {
    const NAME: &str = "recloser";
    let breaker = || Recloser::custom().build();
    let (closed, whole, tenant) = (breaker(), breaker(), breaker());
    let failing = Recloser::custom().error_rate(STAYS_CLOSED as f32 / 100.0).build();
    let open = Recloser::custom().open_wait(HOUR).build();
    (0..1_000).for_each(|_| drop(open.call(|| Err::<(), ()>(()))));
    let mut calls = 0;
    [
        Case::new("breakerClosed", NAME, move || sure(closed.call(|| black_box(Called::Ok(()))))),
        Case::new("breakerTenant", NAME, move || {
            sure(whole.call(|| tenant.call(|| black_box(Called::Ok(())))));
        }),
        Case::new("breakerFailing", NAME, move || {
            let result = if goes_well(&mut calls) { Ok(()) } else { Err(()) };
            let called = failing.call(|| black_box(result));
            assert!(!matches!(called, Err(recloser::Error::Rejected)), "the breaker should stay closed");
        }),
        Case::new("breakerOpen", NAME, move || {
            let called = open.call(|| black_box(Called::Ok(())));
            assert!(matches!(called, Err(recloser::Error::Rejected)), "the breaker should be open");
        }),
    ]
}

/// All cases of tower-resilience-circuitbreaker.
pub fn tower() -> [Case; 4] {
    const NAME: &str = "tower-resilience";
    let layer = |config: CircuitBreakerConfigBuilder| sure(config.build());
    let service = service_fn(|result: Called| async move { result });
    let (mut closed, tenant) = (layer(usual()).layer_fn(service), layer(usual()).layer_fn(service));
    let mut tenant = layer(usual()).layer_fn(tenant);
    let mut failing = layer(usual().failure_rate_threshold(STAYS_CLOSED / 100.0)).layer_fn(service);
    let mut open = layer(usual().wait_duration_in_open(HOUR)).layer_fn(service);
    at_once(open.force_open());
    let mut calls = 0;
    [
        Case::new("breakerClosed", NAME, move || sure(called(&mut closed, Ok(())))),
        Case::new("breakerTenant", NAME, move || sure(called(&mut tenant, Ok(())))),
        Case::new("breakerFailing", NAME, move || {
            let result = if goes_well(&mut calls) { Ok(()) } else { Err(()) };
            let called = called(&mut failing, result);
            assert!(
                !matches!(called, Err(CircuitBreakerError::OpenCircuit)),
                "the breaker should stay closed"
            );
        }),
        Case::new("breakerOpen", NAME, move || {
            let called = called(&mut open, Ok(()));
            assert!(matches!(called, Err(CircuitBreakerError::OpenCircuit)), "the breaker should be open");
        }),
    ]
}

fn usual() -> CircuitBreakerConfigBuilder {
    CircuitBreakerLayer::builder()
}

/// Calls a service once it is ready, which it is at once.
fn called<S: Service<Called>>(service: &mut S, result: Called) -> Result<S::Response, S::Error> {
    match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ready) => ready?,
        Poll::Pending => unreachable!("a breaker that refuses is ready to"),
    }
    at_once(service.call(black_box(result)))
}
