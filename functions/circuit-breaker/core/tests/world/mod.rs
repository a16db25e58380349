//! What the breaker's runs in the world have in common: the wiring, and a look at what is stored.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test code, which Clippy does not see in an included module")]

pub mod costs;
mod invariants;
mod traffic;
pub mod workloads;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::decide::breaker::{Breaker, BreakerState};
use circuit_breaker_core::gateway::Gateway;
use circuit_breaker_core::health_monitor::HealthMonitor;
use circuit_breaker_core::names::{BreakerName, TargetName};
use circuit_breaker_core::registry::Registry;
use circuit_breaker_core::retry_processor::RetryProcessor;
use circuit_breaker_core::rows::{BreakerRow, RequestRow, TargetRow, breaker_key, target_item};
use jiff::SignedDuration;
use tenfold_ports::Runtime;
use tenfold_ports::table::Write;
use tenfold_world::{Env, QueueId, QueueOf, QueueSettings, World};

pub use invariants::promises_are_kept;
pub use traffic::{Answered, Called, Post, answers};

pub const TTL: Duration = Duration::from_secs(1);
const RETENTION: Duration = Duration::from_hours(24);
const ORPHAN_AFTER: Duration = Duration::from_mins(5);
const AGE_ALARM: Duration = Duration::from_mins(15);

/// A run's queues.
#[derive(Clone, Copy)]
pub struct Stack {
    pub queue: QueueId,
    pub dead_letters: QueueId,
}

pub fn target() -> TargetName {
    TargetName::parse("pay").unwrap()
}

thread_local! {
    static CONFIGS: RefCell<BTreeMap<String, Arc<TargetConfig>>> = RefCell::default();
}

/// A configuration with these fields; each is read once, as runs ask for it by the million.
pub fn config(text: &str) -> Arc<TargetConfig> {
    CONFIGS.with_borrow_mut(|configs| {
        let config = configs.entry(text.to_owned()).or_insert_with(|| {
            let body = format!(r#"{{"url":"http://pay.example/"{text}}}"#);
            Arc::new(TargetConfig::parse(body.as_bytes()).unwrap())
        });
        Arc::clone(config)
    })
}

impl Stack {
    /// A world with one target.
    pub fn new(world: &World, config: &Arc<TargetConfig>) -> Self {
        Self::duplicating(world, config, 0)
    }

    /// A world with one target and a retry queue that delivers so many messages twice.
    pub fn duplicating(world: &World, config: &Arc<TargetConfig>, duplicates: u32) -> Self {
        let settings = |seconds| QueueSettings::visible_after(Duration::from_secs(seconds));
        let dead_letters = world.add_queue("dead letters", settings(180));
        let retries = QueueSettings { duplicates, ..settings(540).redrive(dead_letters, 10) };
        let queue = world.add_queue("retries", retries);
        for (role, seconds) in [("gateway", 29), ("retry-processor", 90), ("health-monitor", 60)] {
            world.limit_time(role, SignedDuration::from_secs(seconds));
        }
        let created = world.now();
        world.edit(|table| {
            table.put(target_item(
                &target(),
                TargetRow { config: Arc::clone(config), created, deleted: None },
            ));
            table.watch(invariants::every_change);
        });
        Self { queue, dead_letters }
    }

    pub fn dead_letters<R>(&self, world: &World, look: impl FnOnce(Vec<&str>) -> R) -> R {
        world.queue(self.dead_letters, |messages| look(messages.bodies().collect()))
    }

    /// A gateway whose time, chance, metrics and way to the targets are `own`.
    pub fn gateway<O: Clone + Runtime>(&self, env: &Env, own: &O) -> Gateway<Env, QueueOf, O, O> {
        Gateway {
            table: env.clone(),
            queue: env.queue(self.queue),
            dead_letters: env.queue(self.dead_letters),
            downstream: own.clone(),
            runtime: own.clone(),
            registry: registry(env, own),
            retention: RETENTION,
        }
    }

    pub fn processor<O: Clone + Runtime>(&self, env: &Env, own: &O) -> RetryProcessor<Env, QueueOf, O, O> {
        RetryProcessor {
            table: env.clone(),
            queue: env.queue(self.queue),
            dead_letters: env.queue(self.dead_letters),
            downstream: own.clone(),
            runtime: own.clone(),
            registry: registry(env, own),
            retention: RETENTION,
            orphan_after: ORPHAN_AFTER,
            age_alarm: AGE_ALARM,
        }
    }

    pub fn monitor<O: Clone + Runtime>(env: &Env, own: &O) -> HealthMonitor<Env, O, O> {
        HealthMonitor {
            table: env.clone(),
            downstream: own.clone(),
            runtime: own.clone(),
            registry: registry(env, own),
        }
    }
}

fn registry<O: Clone + Runtime>(env: &Env, own: &O) -> Registry<Env, O> {
    Registry::new(env.clone(), own.clone(), TTL)
}

/// All requests that are written down.
pub fn rows(world: &World) -> Vec<RequestRow> {
    world.table(|table| {
        let requests = table.all().filter(|item| item.key.pk.starts_with("request#"));
        requests.map(|item| RequestRow::read(item).unwrap()).collect()
    })
}

pub fn breaker(world: &World) -> Option<Breaker> {
    let key = breaker_key(&BreakerName::of(target()));
    world.table(|table| table.get(&key).map(|item| BreakerRow::read(item).unwrap().breaker))
}

/// Puts the breaker into a state, as if it had come there.
pub fn put_breaker(world: &World, config: &Arc<TargetConfig>, state: BreakerState) {
    let breaker = Breaker { epoch: 5, state, openings: 1, ..Breaker::new(config, world.now()) };
    let row = BreakerRow { version: 0, breaker: breaker.clone(), writer: 0 };
    let Write::Put { item, .. } = row.replace(&BreakerName::of(target()), breaker, 1) else { return };
    world.edit(|table| table.put(item));
}
