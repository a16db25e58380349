//! What the breaker's runs in the world have in common: the wiring, and a look at what is stored.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test code, which Clippy does not see in an included module")]

pub mod bodies;
pub mod costs;
mod draining;
mod invariants;
mod refusals;
mod secrets;
mod traffic;
pub mod workloads;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::credentials::Credentials;
use circuit_breaker_core::decide::breaker::{Breaker, BreakerState};
use circuit_breaker_core::gateway::Gateway;
use circuit_breaker_core::health_monitor::HealthMonitor;
use circuit_breaker_core::names::{BreakerName, TargetName};
use circuit_breaker_core::park::{DeadLetters, INDEX_LAG, Wakes};
use circuit_breaker_core::registry::Registry;
use circuit_breaker_core::retry_processor::{Behind, RetryProcessor, RunSummary, WakeMessage};
use circuit_breaker_core::rows::{BreakerRow, RequestRow, TargetRow, breaker_key, target_item};
use jiff::SignedDuration;
use tenfold_ports::queue::Delivery;
use tenfold_ports::table::{Table, Write};
use tenfold_ports::{Context, Downstream, Queue, Runtime, Secrets, Signer};
use tenfold_world::downstream::Health;
use tenfold_world::{Env, QueueId, QueueOf, QueueSettings, RunOutcome, World};

pub use invariants::promises_are_kept;
pub use traffic::{Answered, Called, Post, answers};

pub const TTL: Duration = Duration::from_secs(1);
const RETENTION: Duration = Duration::from_hours(24);
const AGE_ALARM: Duration = Duration::from_mins(15);
/// Of shards there are few, so that every order of what happens can be tried.
const SHARDS: u16 = 1;
/// How many batches a test's event source brings at most.
const ROUNDS: usize = 20;

/// What there is of an environment besides AWS.
pub trait Outside: Downstream + Secrets + Signer + 'static {}

impl<O: Downstream + Secrets + Signer + 'static> Outside for O {}

/// A run's queues.
#[derive(Clone, Copy)]
pub struct Stack {
    pub queue: QueueId,
    pub dead_letters: QueueId,
    /// Over how many partitions of the index requests are spread.
    pub shards: u16,
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
            // Credentials go over TLS only.
            let scheme = if text.contains(r#""credentials""#) { "https" } else { "http" };
            let body = format!(r#"{{"url":"{scheme}://pay.example/"{text}}}"#);
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
            table.put(target_item(&target(), TargetRow::new(Arc::clone(config), created)));
            table.watch(invariants::every_change);
        });
        Self { queue, dead_letters, shards: SHARDS }
    }

    pub fn dead_letters<R>(&self, world: &World, look: impl FnOnce(Vec<&str>) -> R) -> R {
        world.queue(self.dead_letters, |messages| look(messages.bodies().collect()))
    }

    /// A gateway whose time, chance, metrics and way to the targets are `own`.
    pub fn gateway<O: Clone + Runtime + Outside>(&self, env: &Env, own: &O) -> Gateway<Env, QueueOf, O, O> {
        Gateway {
            table: env.clone(),
            queue: env.queue(self.queue),
            dead_letters: DeadLetters(env.queue(self.dead_letters)),
            downstream: own.clone(),
            credentials: credentials(own),
            runtime: own.clone(),
            registry: registry(env, own),
            answer_retention: RETENTION,
            dead_retention: RETENTION,
            shards: self.shards,
            wakes: Wakes::default(),
        }
    }

    pub fn processor<O: Clone + Runtime + Outside>(
        &self,
        env: &Env,
        own: &O,
    ) -> RetryProcessor<Env, QueueOf, O, O> {
        RetryProcessor {
            table: env.clone(),
            queue: env.queue(self.queue),
            dead_letters: DeadLetters(env.queue(self.dead_letters)),
            downstream: own.clone(),
            credentials: credentials(own),
            runtime: own.clone(),
            registry: registry(env, own),
            answer_retention: RETENTION,
            dead_retention: RETENTION,
            age_alarm: AGE_ALARM,
            shards: self.shards,
            behind: Behind::default(),
        }
    }

    /// What the retry processor does in a minute: a sweep, and then what the event source of its queue brings. Gives what
    /// was done; none where the sweep failed.
    pub async fn minute<O: Clone + Runtime + Outside>(
        &self,
        env: &Env,
        own: &O,
        context: &Context,
    ) -> Option<RunSummary> {
        let processor = self.processor(env, own);
        let swept = processor.handle_schedule(context).await;
        let drained = deliver(&processor, context).await;
        swept.ok().map(|mut summary| {
            summary.add(&drained);
            summary
        })
    }

    pub fn monitor<O: Clone + Runtime + Outside>(
        &self,
        env: &Env,
        own: &O,
    ) -> HealthMonitor<Env, QueueOf, O, O> {
        HealthMonitor {
            table: env.clone(),
            queue: env.queue(self.queue),
            downstream: own.clone(),
            credentials: credentials(own),
            runtime: own.clone(),
            registry: registry(env, own),
        }
    }
}

/// What the event source of the retry queue brings, as long as there is something.
pub async fn deliver<T: Table, Q: Queue, O: Clone + Runtime + Outside>(
    processor: &RetryProcessor<T, Q, O, O>,
    context: &Context,
) -> RunSummary {
    let mut summary = RunSummary::default();
    for _ in 0..ROUNDS {
        let Ok(batch) = processor.queue.receive(10, INDEX_LAG).await else { break };
        if batch.is_empty() {
            break;
        }
        let message = |delivery: &Delivery| WakeMessage {
            id: delivery.id.clone(),
            body: String::from_utf8_lossy(&delivery.body).into_owned(),
        };
        let messages = batch.iter().map(message).collect();
        let (drained, again) = processor.handle_messages(messages, context).await;
        summary.add(&drained);
        let done = batch.into_iter().filter(|delivery| !again.contains(&delivery.id));
        let receipts: Vec<_> = done.map(|delivery| delivery.receipt).collect();
        if !receipts.is_empty() {
            _ = processor.queue.delete(receipts).await;
        }
    }
    summary
}

/// What calls of targets identify themselves by, as a new environment has it.
fn credentials<O: Clone + Outside>(own: &O) -> Credentials {
    Credentials::new(own.clone(), own.clone(), own.clone())
}

fn registry<O: Clone + Runtime>(env: &Env, own: &O) -> Registry<Env, O> {
    Registry::new(env.clone(), own.clone(), TTL)
}

/// All requests that are written down.
pub fn rows(world: &World) -> Vec<RequestRow> {
    world.table(|table| {
        let requests = table.all().filter(|item| RequestRow::id_of(&item.key).is_some());
        requests.map(|item| RequestRow::read(item).unwrap()).collect()
    })
}

pub fn breaker(world: &World) -> Option<Breaker> {
    let key = breaker_key(&BreakerName::of(target()));
    world.table(|table| table.get(&key).map(|item| BreakerRow::read(item).unwrap().breaker))
}

/// Puts the breaker into a state, as if it had come there.
pub fn put_breaker(world: &World, config: &Arc<TargetConfig>, state: BreakerState) {
    put_breaker_of(world, &BreakerName::of(target()), config, state);
}

/// The same, of a target or a tenant.
pub fn put_breaker_of(world: &World, name: &BreakerName, config: &Arc<TargetConfig>, state: BreakerState) {
    let breaker = Breaker { epoch: 5, state, openings: 1, ..Breaker::new(config, world.now()) };
    let row = BreakerRow::unwritten(breaker.clone());
    let next = row.next(name, breaker, 1, world.now());
    let Write::Put { item, .. } = row.replace(name, &next) else { return };
    world.edit(|table| table.put(item));
}

pub fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

pub fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

/// Ends a run in which no two calls of the target may have been under way at once.
pub fn one_at_once(world: &World, stack: Stack) -> RunOutcome {
    let most = world.service(|s| {
        s.health = Health::Well;
        s.most_in_flight
    });
    if most > 1 {
        return Err(format!("{most} calls at once, where one may be").into());
    }
    stack.finish(world, |_| Ok(()))
}
