//! The breaker's stack in the world with time, as its template has it: what its scenarios run on.

#![allow(dead_code, reason = "each program uses its part")]
#![allow(clippy::unwrap_used, reason = "test code, which Clippy does not see in an included module")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::credentials::Credentials;
use circuit_breaker_core::gateway::Gateway;
use circuit_breaker_core::health_monitor::{HealthMonitor, MonitorEvent};
use circuit_breaker_core::metrics;
use circuit_breaker_core::names::TargetName;
use circuit_breaker_core::park::{DeadLetters, Wakes};
use circuit_breaker_core::registry::Registry;
use circuit_breaker_core::retry_processor::{Behind, RetryProcessor, WakeMessage};
use circuit_breaker_core::rows::{EXPIRES, QUEUE_INDEX, SHARDS, TargetRow, target_item};
use serde::Deserialize;
use tenfold_ports::api::Request;
use tenfold_ports::queue::Delivery;
use tenfold_world::scale::{
    Event, FunctionId, InvocationOutcome, Keys, LambdaSettings, ScalePattern, Simulation, StackSettings,
};
use tenfold_world::{Env, QueueId, QueueSettings};

/// The breaker with its scenarios.
pub const PATTERN: ScalePattern = ScalePattern {
    slug: "circuit-breaker",
    scenarios: concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"),
    build,
    metrics: METRICS,
    // Rows of what was delivered go before the run ends; what waits is the backlog.
    states: |_| Vec::new(),
};

/// What its handlers measure, and a claim may go by.
const METRICS: &[&str] = &[
    metrics::REQUESTS,
    metrics::FAILURES,
    metrics::SLOW_CALLS,
    metrics::CALL_TIME,
    metrics::PARKED,
    metrics::DELIVERED,
    metrics::DEAD,
    metrics::REDRIVEN,
    metrics::PROBES,
    metrics::PROBE_FAILURES,
    metrics::OPENED,
    metrics::STATE,
    metrics::QUEUE_AGE,
    metrics::RETRY_RUNS,
    metrics::MONITOR_RUNS,
    metrics::UNSETTLED,
];

/// What a scenario says of the stack and of who calls it.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stack {
    /// How many targets there are: `target-1` and so on, each with its host.
    targets: u64,
    /// How much more the first of them is called than the others: 0 is alike.
    skew: f64,
    /// How many tenants there are; none where it is 0.
    tenants: u64,
    /// How much more the first of them calls than the others.
    tenant_skew: f64,
    /// How large a request's body is, in bytes.
    body: usize,
    /// Fields of each target's configuration, as JSON without the braces.
    config: String,
    /// For how long answers are kept.
    retention_seconds: u64,
    /// How long what was read of a breaker is good for.
    state_ttl_ms: u64,
    /// How many invocations deliver parked requests at a time.
    retry_processors: u32,
}

impl Default for Stack {
    fn default() -> Self {
        Self {
            targets: 1,
            skew: 0.0,
            tenants: 0,
            tenant_skew: 0.0,
            body: 400,
            config: r#""idempotency":"target""#.to_owned(),
            retention_seconds: 60,
            state_ttl_ms: 1_000,
            retry_processors: 10,
        }
    }
}

fn build(simulation: &mut Simulation, settings: &StackSettings) -> Result<(), String> {
    let stack: Stack = settings.clone().try_into().map_err(|error| format!("[stack]: {error}"))?;
    simulation.indexes(&[QUEUE_INDEX]);
    (1..=stack.targets).for_each(|n| simulation.calls(&format!("target-{n}")));
    let world = simulation.world();
    let seconds = |seconds| QueueSettings::visible_after(Duration::from_secs(seconds));
    let dead_letters = world.add_queue("dead letters", seconds(180));
    let queue = world.add_queue("retries", seconds(540).redrive(dead_letters, 10));
    world.edit(|table| table.expire_by(EXPIRES));
    for n in 1..=stack.targets {
        let body = format!(r#"{{"url":"https://target-{n}/", {}}}"#, stack.config);
        let config =
            TargetConfig::parse(body.as_bytes()).map_err(|problem| format!("config: {problem:?}"))?;
        let name = TargetName::parse(&format!("target-{n}")).unwrap();
        let row = TargetRow::new(Arc::new(config), world.now());
        world.edit(|table| table.put(target_item(&name, row)));
    }
    let retention = Duration::from_secs(stack.retention_seconds);
    let ttl = Duration::from_millis(stack.state_ttl_ms);
    let registry = move |env: &Env| Registry::new(env.clone(), env.clone(), ttl);
    let gateway = simulation.function(function("gateway", 29), move |env| {
        let gateway = Rc::new(Gateway {
            table: env.clone(),
            queue: env.queue(queue),
            dead_letters: DeadLetters(env.queue(dead_letters)),
            downstream: env.clone(),
            credentials: Credentials::none(),
            runtime: env.clone(),
            registry: registry(&env),
            answer_retention: retention,
            dead_retention: retention,
            shards: SHARDS,
            wakes: Wakes::default(),
        });
        Rc::new(move |event, context| {
            let gateway = Rc::clone(&gateway);
            Box::pin(async move {
                let Event::Request(request) = event else { return InvocationOutcome::Done(false) };
                let response = gateway.handle(&request, &context).await;
                InvocationOutcome::Answered(response, Box::pin(async move { gateway.tend().await }))
            })
        })
    });
    let processor = add_processor(simulation, (queue, dead_letters), retention, registry);
    let monitor = LambdaSettings { event_age: Duration::from_mins(10), ..function("health-monitor", 60) };
    let monitor = simulation.function(monitor, move |env| {
        let monitor = Rc::new(HealthMonitor {
            table: env.clone(),
            queue: env.queue(queue),
            downstream: env.clone(),
            credentials: Credentials::none(),
            runtime: env.clone(),
            registry: registry(&env),
        });
        Rc::new(move |_, context| {
            let monitor = Rc::clone(&monitor);
            Box::pin(async move {
                let tick = MonitorEvent::Schedule;
                InvocationOutcome::Done(monitor.handle(&tick, &context).await.is_ok())
            })
        })
    });
    simulation.consume(queue, processor, 10, Some(stack.retry_processors));
    simulation.waits(QUEUE_INDEX, |partition| partition.contains("#active"));
    simulation.serve(gateway);
    simulation.schedule(Duration::from_mins(1), processor);
    simulation.schedule(Duration::from_mins(1), monitor);
    let targets = Keys::new(stack.targets, stack.skew).ok_or("targets, skew: at least 1 and 0")?;
    let tenants = Keys::new(stack.tenants.max(1), stack.tenant_skew).ok_or("tenant_skew: at least 0")?;
    let body = format!(r#"{{"what":"{}"}}"#, "x".repeat(stack.body));
    simulation.visitors(move |number, random| {
        let path = format!("/requests/target-{}", targets.draw(random));
        let mut request = Request {
            method: "POST".into(),
            path: path.into(),
            body: body.clone().into(),
            ..Request::default()
        };
        request.set_header("idempotency-key", format!("key-{number}"));
        if stack.tenants > 0 {
            request.set_header("tenant", format!("tenant-{}", tenants.draw(random)));
        }
        request
    });
    Ok(())
}

/// The retry processor: what its queue brings, and its schedule.
fn add_processor(
    simulation: &mut Simulation,
    (queue, dead_letters): (QueueId, QueueId),
    retention: Duration,
    registry: impl Fn(&Env) -> Registry<Env, Env> + 'static,
) -> FunctionId {
    let memory = LambdaSettings { memory: 1024, ..each_minute("retry-processor", 90) };
    simulation.function(memory, move |env| {
        let processor = Rc::new(RetryProcessor {
            table: env.clone(),
            queue: env.queue(queue),
            dead_letters: DeadLetters(env.queue(dead_letters)),
            downstream: env.clone(),
            credentials: Credentials::none(),
            runtime: env.clone(),
            registry: registry(&env),
            answer_retention: retention,
            dead_retention: retention,
            age_alarm: Duration::from_mins(15),
            shards: SHARDS,
            behind: Behind::default(),
        });
        Rc::new(move |event, context| {
            let processor = Rc::clone(&processor);
            Box::pin(async move {
                let Event::Messages(batch) = event else {
                    return InvocationOutcome::Done(processor.handle_schedule(&context).await.is_ok());
                };
                let message = |message: Delivery| WakeMessage {
                    id: message.id,
                    body: String::from_utf8_lossy(&message.body).into_owned(),
                };
                let messages = batch.into_iter().map(message).collect();
                let (_, again) = processor.handle_messages(messages, &context).await;
                InvocationOutcome::Batch(Some(again.into_iter().collect()))
            })
        })
    })
}

fn function(role: &'static str, timeout: u64) -> LambdaSettings {
    LambdaSettings::new(role, Duration::from_secs(timeout), 256)
}

/// A function whose next minute's run does what a failed one has left.
fn each_minute(role: &'static str, timeout: u64) -> LambdaSettings {
    LambdaSettings { retries: 0, event_age: Duration::from_mins(1), ..function(role, timeout) }
}
