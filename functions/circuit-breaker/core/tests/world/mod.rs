//! What the breaker's runs in the world have in common: wiring, traffic, settling and invariants.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test code, which Clippy does not see in an included module")]

pub mod costs;
pub mod workloads;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use circuit_breaker_core::breaker::{Breaker, State};
use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::gateway::Gateway;
use circuit_breaker_core::guard::Guards;
use circuit_breaker_core::monitor::HealthMonitor;
use circuit_breaker_core::names::{BreakerName, TargetName};
use circuit_breaker_core::retry::RetryProcessor;
use circuit_breaker_core::rows::{BreakerRow, RequestRow, Status, Target, breaker_key, target_item};
use jiff::{SignedDuration, Timestamp};
use tenfold_ports::api::Request;
use tenfold_ports::table::{Item, Write};
use tenfold_world::queue::Messages;
use tenfold_world::table::Items;
use tenfold_world::{Env, QueueId, QueueOf, QueueSettings, RunOutcome, World, request};

pub const TTL: Duration = Duration::from_secs(1);
const RETENTION: Duration = Duration::from_hours(24);
const ORPHAN_AFTER: Duration = Duration::from_mins(5);
/// How long an invocation may take.
const INVOCATION: SignedDuration = SignedDuration::from_secs(29);

/// A run's queues.
#[derive(Clone, Copy)]
pub struct Stack {
    queue: QueueId,
    dead_letters: QueueId,
}

/// A key and the status that its sender was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Answered(pub String, pub u16);

/// A path and the status that another call of the API was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Called(pub String, pub u16);

/// What was answered so far, in the order of the answers.
pub fn answers(world: &World) -> Vec<Answered> {
    world.reports()
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
        let created = world.now();
        world.edit(|table| {
            table.put(target_item(&target(), Target { config: Arc::clone(config), created, deleted: None }));
            table.watch(every_change);
        });
        Self { queue, dead_letters }
    }

    pub fn dead_letters<R>(&self, world: &World, look: impl FnOnce(Vec<&str>) -> R) -> R {
        world.queue(self.dead_letters, |messages| look(messages.bodies().collect()))
    }

    pub fn gateway(&self, env: &Env) -> Gateway<Env, QueueOf, Env, Env> {
        Gateway {
            table: env.clone(),
            queue: env.queue(self.queue),
            dead_letters: env.queue(self.dead_letters),
            downstream: env.clone(),
            host: env.clone(),
            guards: Guards::new(TTL),
            retention: RETENTION,
        }
    }

    pub fn processor(&self, env: &Env) -> RetryProcessor<Env, QueueOf, Env, Env> {
        RetryProcessor {
            table: env.clone(),
            queue: env.queue(self.queue),
            dead_letters: env.queue(self.dead_letters),
            downstream: env.clone(),
            host: env.clone(),
            guards: Guards::new(TTL),
            retention: RETENTION,
            orphan_after: ORPHAN_AFTER,
        }
    }

    /// Invocations of one gateway environment, one request after the other.
    pub fn spawn_requests(self, world: &World, start: Timestamp, skew: SignedDuration, requests: Vec<Post>) {
        world.spawn_at(start, skew, "gateway", requests, move |env, requests| async move {
            let gateway = self.gateway(&env);
            for post in requests {
                let now = tenfold_ports::Clock::now(&env);
                let response = gateway.handle(&post.request(), now + INVOCATION).await;
                env.report(Answered(post.key.to_owned(), response.status));
            }
        });
    }

    /// One call of the API by an environment of its own.
    pub fn spawn_call(self, world: &World, method: &'static str, path: &str, body: &'static str) {
        let input = (method, path.to_owned(), body);
        world.spawn("gateway", input, move |env, (method, path, body)| async move {
            let gateway = self.gateway(&env);
            let request = request(method, &path, body);
            let now = tenfold_ports::Clock::now(&env);
            let response = gateway.handle(&request, now + INVOCATION).await;
            env.report(Called(request.path.to_string(), response.status));
        });
    }

    pub fn spawn_request(self, world: &World, key: &'static str) {
        self.spawn_requests(world, world.now(), SignedDuration::ZERO, vec![Post::new(key)]);
    }

    pub fn spawn_processor(self, world: &World, start: Timestamp) {
        world.spawn_at(start, SignedDuration::ZERO, "retry-processor", (), move |env, ()| async move {
            let now = tenfold_ports::Clock::now(&env);
            let _ = self.processor(&env).run(now + SignedDuration::from_secs(90)).await;
        });
    }

    pub fn spawn_monitor(world: &World, start: Timestamp, event: circuit_breaker_core::monitor::Event) {
        world.spawn_at(start, SignedDuration::ZERO, "health-monitor", event, |env, event| async move {
            let guards = Guards::new(TTL);
            let (table, downstream, host) = (env.clone(), env.clone(), env.clone());
            let monitor = HealthMonitor { table, downstream, host, guards };
            let now = tenfold_ports::Clock::now(&env);
            let _ = monitor.run(&event, now + SignedDuration::from_mins(1)).await;
        });
    }

    /// Ends a run: once the schedule has settled everything in quiescence, what holds of the end, for every workload
    /// and for this one. A state that another run has come to is not settled anew.
    pub fn finish(&self, world: &World, also: impl Fn(&World) -> RunOutcome) -> RunOutcome {
        if world.settled_before() {
            return Ok(());
        }
        world.quiesce();
        self.run_schedule(world)?;
        promises_are_kept(world, self)?;
        also(world)
    }

    /// Lets the schedule run until no request waits, without the minutes in which nothing can happen.
    pub fn run_schedule(&self, world: &World) -> RunOutcome {
        let due = |world: &World| {
            let waits = |r: &&RequestRow| matches!(r.status, Status::Queued | Status::Dying);
            let wake = rows(world).iter().filter(waits).map(|r| r.wake).min()?;
            let minute = world.now() + SignedDuration::from_mins(1);
            let message = world.queue(self.queue, Messages::next_visible);
            let sweep = wake + ORPHAN_AFTER + SignedDuration::from_secs(1);
            Some(message.map_or(sweep, |at| at.min(sweep)).max(minute))
        };
        world.settle(due, |world| self.spawn_processor(world, world.now()), "requests wait for ever")
    }
}

/// A request to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Post {
    pub key: &'static str,
    pub ordering: Option<&'static str>,
    pub tenant: Option<&'static str>,
    pub body: &'static str,
}

impl Post {
    pub const fn new(key: &'static str) -> Self {
        Self { key, ordering: None, tenant: None, body: "{}" }
    }

    pub const fn ordered(key: &'static str, ordering: &'static str) -> Self {
        Self { ordering: Some(ordering), ..Self::new(key) }
    }

    fn request(&self) -> Request {
        let mut request = request("POST", "/requests/pay", self.body);
        request.set_header("idempotency-key", self.key);
        if let Some(ordering) = self.ordering {
            request.set_header("ordering-key", ordering);
        }
        if let Some(tenant) = self.tenant {
            request.set_header("tenant", tenant);
        }
        request
    }
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

/// The breaker that an item holds.
pub fn breaker_of(item: &Item) -> Option<Breaker> {
    item.key.pk.starts_with("breaker#").then(|| BreakerRow::read(item).unwrap().breaker)
}

/// Puts the breaker into a state, as if it had come there.
pub fn put_breaker(world: &World, config: &Arc<TargetConfig>, state: State) {
    let breaker = Breaker { epoch: 5, state, openings: 1, ..Breaker::new(config, world.now()) };
    let row = BreakerRow { version: 0, breaker: breaker.clone(), writer: 0 };
    let Write::Put { item, .. } = row.replace(&BreakerName::of(target()), breaker, 1) else { return };
    world.edit(|table| table.put(item));
}

/// What holds of every change of a row, whatever happens.
fn every_change(_: &Items, before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
    epochs_only_grow(before, after)?;
    delivered_is_final(before, after)
}

/// The epoch never shrinks, and grows with every change of state.
fn epochs_only_grow(before: &Item, after: &Item) -> Result<(), String> {
    let (Some(old), Some(new)) = (breaker_of(before), breaker_of(after)) else { return Ok(()) };
    let (last, was, epoch, is) = (old.epoch, old.state.name(), new.epoch, new.state.name());
    if epoch < last || (epoch == last && was != is) {
        return Err(format!("{} went from {was} in epoch {last} to {is} in {epoch}", after.key));
    }
    if was == "open" && is == "closed" {
        return Err(format!("{} went from open to closed without a probe", after.key));
    }
    Ok(())
}

/// What the target has answered is never queued, tried or given up again.
fn delivered_is_final(before: &Item, after: &Item) -> Result<(), String> {
    let status = |item: &Item| item.text("status").ok().cloned().unwrap_or_default();
    if before.key.pk.starts_with("request#") && status(before) == "delivered" {
        return Err(format!("{} was delivered and then written over as {}", before.key, status(after)));
    }
    Ok(())
}

/// Every 202 ends delivered or dead, never both and never lost, and what is delivered had its effect.
pub fn promises_are_kept(world: &World, stack: &Stack) -> Result<(), String> {
    let rows = rows(world);
    for Answered(key, status) in answers(world).iter().filter(|answer| answer.1 == 202) {
        let row = rows.iter().find(|r| r.data.key == key.as_str());
        let row = row.ok_or_else(|| format!("{key} was promised ({status}) and is lost"))?;
        let effects = world.service(|s| s.effects.iter().filter(|e| *e == key).count());
        match row.status {
            Status::Delivered
                if row.data.answer.as_ref().is_some_and(|a| a.status == 200) && effects == 0 =>
            {
                return Err(format!("{key} is called delivered, and the target never had it"));
            }
            Status::Delivered => {}
            Status::Dead => {
                let id = row.id.to_string();
                if stack.dead_letters(world, |letters| !letters.iter().any(|l| l.contains(&id))) {
                    return Err(format!("{key} is dead without a dead letter"));
                }
            }
            other => return Err(format!("{key} was promised and ended {other:?}")),
        }
    }
    Ok(())
}
