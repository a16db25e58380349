//! The functions in a world in which nothing goes wrong, one after the other; what they measure and call is seen.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use circuit_breaker_core::health_monitor::{CheckSummary, MonitorEvent};
use circuit_breaker_core::retry_processor::RunSummary;
use jiff::{SignedDuration, Timestamp};
use tenfold_pattern::read::UNREADABLE_ROWS;
use tenfold_ports::api::{Request, Response};
use tenfold_ports::downstream::{Answer, Call, NoAnswer};
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::secrets::{Secret, SecretError, SecretSource};
use tenfold_ports::signer::{NotSignable, SigningScope};
use tenfold_ports::table::{Condition, Item, Key, Table, Write};
use tenfold_ports::{
    Bytes, Clock, Context, Downstream, Metrics, Queue, Rng, Secrets, Signer, SmolStr, TraceContext,
};
use tenfold_world::{Bounds, Env, QueueId, World, replay};

use crate::world::{Stack, config};

/// A world with one target, and what is seen of the functions in it.
pub struct Lab<'w> {
    pub world: &'w World,
    pub stack: Stack,
    pub seen: Rc<Seen>,
}

/// What the functions measured and called, and what the target answers.
pub struct Seen {
    /// How many rows could not be read.
    pub unreadable: Cell<usize>,
    /// All that was measured: whose it is, its name and value.
    pub measured: RefCell<Vec<(Option<SmolStr>, &'static str, f64)>>,
    /// The calls of targets.
    pub calls: RefCell<Vec<Call>>,
    /// The status that the target answers.
    pub status: Cell<u16>,
    /// What is answered before that, to whatever is called.
    pub answers: RefCell<VecDeque<Result<Answer, NoAnswer>>>,
    /// How often secrets were read, and what is read before those that are there.
    pub reads: Cell<u32>,
    pub secrets: RefCell<VecDeque<Result<Secret, SecretError>>>,
    /// How far the clocks are ahead of the world's.
    pub ahead: Cell<SignedDuration>,
    /// The headers that it answers with.
    pub headers: RefCell<Vec<(SmolStr, SmolStr)>>,
}

/// Time and chance of the world, with a look at metrics and calls.
#[derive(Clone)]
pub struct Watched {
    env: Env,
    pub seen: Rc<Seen>,
}

/// Runs a test once, with the target `pay` configured by these fields.
pub fn lab(fields: &str, test: impl Fn(&Lab<'_>)) {
    let run = |world: &World| {
        let stack = Stack::new(world, &config(fields));
        let seen = Seen {
            unreadable: Cell::default(),
            measured: RefCell::default(),
            calls: RefCell::default(),
            status: Cell::new(200),
            answers: RefCell::default(),
            reads: Cell::default(),
            secrets: RefCell::default(),
            ahead: Cell::default(),
            headers: RefCell::default(),
        };
        test(&Lab { world, stack, seen: Rc::new(seen) });
        Ok(())
    };
    replay(Bounds { faults: 0, ..Bounds::default() }, run, &[]).0.unwrap();
}

/// A request with headers.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    Request {
        method: method.into(),
        base: "/live".into(),
        path: path.into(),
        query: query.map(|(name, value)| (name.into(), value.into())).collect(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: body.into(),
        caller: None,
    }
}

impl Lab<'_> {
    pub fn ask<A: 'static, F: Future<Output = A> + 'static>(
        &self,
        calls: impl FnOnce(Env, Watched) -> F + 'static,
    ) -> A {
        let seen = Rc::clone(&self.seen);
        let answer = self.world.ask(move |env| {
            let watched = Watched { env: env.clone(), seen };
            calls(env, watched)
        });
        answer.ok().flatten().unwrap()
    }

    /// A context that belongs to this trace and piece of work.
    pub fn traced(&self, trace: &str, correlation: &str) -> Context {
        let trace = TraceContext::parse(trace).unwrap();
        let deadline = self.world.now() + SignedDuration::from_secs(90);
        Context { trace, correlation: correlation.into(), ..Context::until(deadline) }
    }

    /// A new gateway's answer.
    pub fn call(&self, request: Request) -> Response {
        self.call_in(request, Context::until(self.world.now() + SignedDuration::from_secs(29)))
    }

    /// The same, in a context.
    pub fn call_in(&self, request: Request, context: Context) -> Response {
        let stack = self.stack;
        self.ask(move |env, own| async move {
            let gateway = stack.gateway(&env, &own);
            let response = gateway.handle(&request, &context).await;
            gateway.tend().await;
            response
        })
    }

    /// The answer to a call without headers and body.
    pub fn get(&self, path: &str) -> Response {
        self.call(request("GET", path, &[], ""))
    }

    /// Sends a request to `pay`.
    pub fn post(&self, key: &str) -> Response {
        self.call(request("POST", "/requests/pay", &[("idempotency-key", key)], "{}"))
    }

    /// A minute of the retry processor, as long as it likes: a sweep, and what its queue brings.
    pub fn process(&self) -> RunSummary {
        self.process_in(Context::until(self.world.now() + SignedDuration::from_secs(90)))
    }

    /// The same, in a context.
    pub fn process_in(&self, context: Context) -> RunSummary {
        let stack = self.stack;
        self.ask(move |env, own| async move { stack.minute(&env, &own, &context).await.unwrap() })
    }

    /// A run of the health monitor, by its schedule.
    pub fn monitor(&self, context: Context) -> CheckSummary {
        let stack = self.stack;
        self.ask(move |env, own| async move {
            let event = MonitorEvent::Schedule;
            stack.monitor(&env, &own).handle(&event, &context).await.unwrap()
        })
    }

    /// Sends a message as somebody else does.
    pub fn send(&self, queue: QueueId, body: String) {
        let message = tenfold_ports::queue::Outgoing::new(body);
        self.ask(move |env, _| async move { env.queue(queue).send(vec![message]).await.unwrap() });
    }

    /// The messages of a queue, hidden ones too.
    pub fn messages(&self, queue: QueueId) -> Vec<String> {
        self.world.queue(queue, |messages| messages.bodies().map(str::to_owned).collect())
    }

    /// Loses all messages of the retry queue.
    pub fn lose_messages(&self) {
        let queue = self.stack.queue;
        self.ask(move |env, _| async move {
            let queue = env.queue(queue);
            loop {
                let lost = queue.receive(10, std::time::Duration::from_secs(20)).await.unwrap();
                if lost.is_empty() {
                    break;
                }
                let receipts = lost.into_iter().map(|message| message.receipt).collect();
                assert!(queue.delete(receipts).await.unwrap().is_empty());
            }
        });
    }

    /// All that is written down.
    pub fn items(&self) -> Vec<Item> {
        self.world.table(|table| table.all().cloned().collect())
    }

    pub fn put(&self, item: Item) {
        self.world.edit(|table| table.put(item));
    }

    pub fn delete(&self, key: Key) {
        let write = Write::Delete { key, condition: Condition::Always };
        self.ask(move |env, _| async move { env.write(write).await.unwrap() });
    }

    /// The values of a metric since this was asked last, with whose each is.
    pub fn measured(&self, name: &str) -> Vec<(Option<SmolStr>, f64)> {
        let mut measured = self.seen.measured.borrow_mut();
        measured.extract_if(.., |(_, n, _)| *n == name).map(|(of, _, value)| (of, value)).collect()
    }

    /// What rows could not be read since this was asked last.
    pub fn unreadable(&self) -> usize {
        self.seen.unreadable.take()
    }
}

impl Watched {
    /// From here on the target fails.
    pub fn fail(&self) {
        self.seen.status.set(500);
    }
}

impl Clock for Watched {
    fn now(&self) -> Timestamp {
        self.env.now() + self.seen.ahead.get()
    }
}

impl Rng for Watched {
    fn next_u64(&self) -> u64 {
        self.env.next_u64()
    }
}

impl Metrics for Watched {
    fn record(&self, dimensions: &[Dimension], metrics: &[Metric]) {
        let of = dimensions.first().map(|(_, value)| value);
        let measured = metrics.iter().map(|metric| (of.cloned(), metric.name, metric.value));
        self.seen.measured.borrow_mut().extend(measured);
        let unreadable = metrics.iter().filter(|metric| metric.name == UNREADABLE_ROWS);
        let count: f64 = unreadable.map(|metric| metric.value).sum();
        self.seen.unreadable.set(self.seen.unreadable.get() + count as usize);
    }
}

impl Secrets for Watched {
    async fn get(&self, source: &SecretSource) -> Result<Secret, SecretError> {
        self.seen.reads.set(self.seen.reads.get() + 1);
        if let Some(secret) = self.seen.secrets.borrow_mut().pop_front() {
            return secret;
        }
        Secrets::get(&self.env, source).await
    }
}

impl Signer for Watched {
    fn sign(&self, call: Call, scope: &SigningScope, now: Timestamp) -> Result<Call, NotSignable> {
        self.env.sign(call, scope, now)
    }
}

impl Downstream for Watched {
    async fn call(&self, call: Call) -> Result<Answer, NoAnswer> {
        self.seen.calls.borrow_mut().push(call);
        if let Some(answer) = self.seen.answers.borrow_mut().pop_front() {
            return answer;
        }
        let body = Bytes::from_static(b"done");
        let status = self.seen.status.get();
        Ok(Answer { status, headers: self.seen.headers.borrow().clone(), body, truncated: false })
    }
}

/// The header of a call.
pub fn header<'a>(call: &'a Call, name: &str) -> Option<&'a SmolStr> {
    call.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value)
}
