//! Runs of the functions for which some calls are refused.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use circuit_breaker_core::credentials::Credentials;
use circuit_breaker_core::gateway::Gateway;
use circuit_breaker_core::health_monitor::{HealthMonitor, MonitorEvent};
use circuit_breaker_core::names::TargetName;
use circuit_breaker_core::park::DeadLetters;
use circuit_breaker_core::registry::Registry;
use circuit_breaker_core::retry_processor::{RetryProcessor, RunSummary};
use circuit_breaker_core::rows::{TargetRow, target_item};
use jiff::SignedDuration;
use tenfold_ports::api::{Request, Response};
use tenfold_ports::queue::{Delivery, Depth, Outgoing, Rejected};
use tenfold_ports::table::{Cursor, Item, Key, Page, Query, Read, TransactError, Write, WriteError};
use tenfold_ports::{CallError, Clock, Context, Queue, SmolStr, Table};
use tenfold_world::{Env, QueueOf};

use crate::lab::{Lab, Watched};
use crate::world::{TTL, config, deliver};

pub const RETRIES: &str = r#","retry":{"baseDelayMs":10}"#;

/// A table or a queue that refuses some calls, by their names and by what they are about.
#[derive(Clone)]
struct Refusing<P> {
    port: P,
    calls: BTreeSet<&'static str>,
    writes: Rc<Cell<u32>>,
}

impl<P> Refusing<P> {
    fn new(port: P, calls: &BTreeSet<&'static str>) -> Self {
        Self { port, calls: calls.clone(), writes: Rc::default() }
    }

    fn call(&self, call: &str) -> Result<(), CallError> {
        if self.calls.contains(call) { Err(CallError::Throttled) } else { Ok(()) }
    }
}

impl Table for Refusing<Env> {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        self.call("get")?;
        self.port.get(key, read).await
    }

    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        let of = |prefix| keys.iter().all(|key| key.pk.starts_with(prefix));
        let call = match read {
            Read::Consistent if of("request#") => "rows",
            Read::Eventual if of("request#") => "ages",
            _ if of("breaker#") => "breakers",
            _ => "target and breaker",
        };
        self.call(call)?;
        self.port.get_many(keys, read).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        self.writes.set(self.writes.get() + 1);
        self.call("write")?;
        self.call(&format!("write {}", self.writes.get()))?;
        self.port.write(write).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        self.call("transact")?;
        self.port.transact(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        self.call(&format!("query {}", query.partition))?;
        self.port.query(query).await
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        self.port.count(query).await
    }
}

impl Queue for Refusing<QueueOf> {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Rejected, CallError> {
        self.call("send")?;
        self.port.send(messages).await
    }

    async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Delivery>, CallError> {
        self.call("receive")?;
        self.port.receive(most, wait).await
    }

    async fn delete(&self, receipts: Vec<SmolStr>) -> Result<Rejected, CallError> {
        self.call("delete")?;
        self.port.delete(receipts).await
    }

    async fn hide(&self, receipts: Vec<SmolStr>, visibility: Duration) -> Result<Rejected, CallError> {
        self.port.hide(receipts, visibility).await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        self.port.depth().await
    }
}

/// A minute of the retry processor for which these calls are refused: whether its sweep went well, and what was done of
/// the messages.
pub fn refused(lab: &Lab<'_>, calls: &[&'static str]) -> (bool, RunSummary) {
    let (stack, calls) = (lab.stack, calls.iter().copied().collect::<BTreeSet<_>>());
    lab.ask(move |env, own| async move {
        let usual = stack.processor(&env, &own);
        let table = Refusing::new(env.clone(), &calls);
        let processor = RetryProcessor {
            registry: Registry::new(table.clone(), own, TTL),
            table,
            queue: Refusing::new(usual.queue, &calls),
            dead_letters: DeadLetters(Refusing::new(usual.dead_letters.0, &calls)),
            downstream: usual.downstream,
            credentials: usual.credentials,
            runtime: usual.runtime,
            answer_retention: usual.answer_retention,
            dead_retention: usual.dead_retention,
            age_alarm: usual.age_alarm,
            shards: usual.shards,
            behind: usual.behind,
        };
        let context = Context::until(env.now() + SignedDuration::from_secs(90));
        let swept = processor.handle_schedule(&context).await.is_ok();
        (swept, deliver(&processor, &context).await)
    })
}

/// A call of the API for which these calls are refused.
pub fn asked(lab: &Lab<'_>, request: Request, calls: &[&'static str]) -> Response {
    let (stack, calls) = (lab.stack, calls.iter().copied().collect::<BTreeSet<_>>());
    lab.ask(move |env, own| async move {
        let usual = stack.gateway(&env, &own);
        let table = Refusing::new(env.clone(), &calls);
        let gateway = Gateway {
            credentials: usual.credentials,
            registry: Registry::new(table.clone(), own, TTL),
            table,
            queue: Refusing::new(usual.queue, &calls),
            dead_letters: DeadLetters(Refusing::new(usual.dead_letters.0, &calls)),
            downstream: usual.downstream,
            runtime: usual.runtime,
            answer_retention: usual.answer_retention,
            dead_retention: usual.dead_retention,
            shards: usual.shards,
            wakes: usual.wakes,
        };
        let context = Context::until(env.now() + SignedDuration::from_secs(29));
        gateway.handle(&request, &context).await
    })
}

/// A run of the health monitor for which these calls are refused; whether it went well.
pub fn monitored(lab: &Lab<'_>, event: MonitorEvent, calls: &[&'static str]) -> bool {
    monitored_for(lab, event, calls, SignedDuration::from_secs(60))
}

/// The same, with so much time.
pub fn monitored_for(
    lab: &Lab<'_>,
    event: MonitorEvent,
    calls: &[&'static str],
    time: SignedDuration,
) -> bool {
    let (stack, calls) = (lab.stack, calls.iter().copied().collect());
    lab.ask(move |env, own: Watched| async move {
        let table = Refusing::new(env.clone(), &calls);
        let usual = Registry::new(table.clone(), own.clone(), TTL);
        let queue = env.queue(stack.queue);
        let monitor = HealthMonitor {
            table,
            queue,
            downstream: own.clone(),
            credentials: Credentials::none(),
            runtime: own,
            registry: usual,
        };
        let context = Context::until(env.now() + time);
        monitor.handle(&event, &context).await.is_ok()
    })
}

/// Parks a request at a target that fails once; it is due soon.
pub fn park(lab: &Lab<'_>, key: &str) {
    lab.seen.status.set(500);
    assert_eq!(lab.post(key).status, 202);
    lab.seen.status.set(200);
}

/// Puts one more target.
pub fn other(lab: &Lab<'_>, name: &str) -> TargetName {
    let name = TargetName::parse(name).unwrap();
    let row = TargetRow::new(config(""), lab.world.now());
    lab.put(target_item(&name, row));
    name
}

pub fn sum(values: &[(Option<SmolStr>, f64)]) -> f64 {
    values.iter().map(|(_, value)| value).sum()
}

pub fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}
