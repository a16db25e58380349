//! Ports that refuse some calls, and a runtime whose metrics are seen.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tenfold_ports::flow::Started;
use tenfold_ports::metrics::{Dimension, Metric};
use tenfold_ports::queue::{Delivery, Depth, Outgoing, Rejected};
use tenfold_ports::table::{Cursor, Item, Key, Page, Query, Read, TransactError, Write, WriteError};
use tenfold_ports::topic::Notice;
use tenfold_ports::{CallError, Clock, Flow, Metrics, Queue, Rng, SmolStr, Table, Topic};
use tenfold_world::Env;

/// The service that a metric is of, its name and its value.
type Measurement = (Option<SmolStr>, &'static str, f64);

/// The runtime, whose metrics are seen.
#[derive(Clone)]
pub struct Measuring {
    env: Env,
    measured: Rc<RefCell<Vec<Measurement>>>,
}

impl Measuring {
    pub fn of(env: &Env) -> Self {
        Self { env: env.clone(), measured: Rc::default() }
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
        self.env.now()
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

/// A table that refuses some calls.
#[derive(Clone)]
pub struct Refusing {
    pub env: Env,
    pub calls: &'static [&'static str],
}

impl Refusing {
    fn call(&self, call: &str) -> Result<(), CallError> {
        if self.calls.contains(&call) { Err(CallError::Throttled) } else { Ok(()) }
    }
}

impl Table for Refusing {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        self.call("get")?;
        self.env.get(key, read).await
    }

    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        self.call("get_many")?;
        self.env.get_many(keys, read).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        self.call("write")?;
        self.env.write(write).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        self.call("transact")?;
        self.env.transact(writes).await
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        self.call(if query.index.is_some() { "index" } else { "query" })?;
        self.env.query(query).await
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        self.call("count")?;
        self.env.count(query).await
    }
}

/// Where the publisher sends to, which refuses what mentions one of these words.
#[derive(Clone, Copy)]
pub struct Choosy(pub &'static [&'static str]);

impl Choosy {
    fn refuses(self, text: &str) -> bool {
        self.0.iter().any(|word| text.contains(word))
    }

    fn refused<'a>(self, texts: impl Iterator<Item = &'a str>) -> Rejected {
        texts.enumerate().filter(|(_, text)| self.refuses(text)).map(|(at, _)| at).collect()
    }
}

impl Topic for Choosy {
    async fn publish(&self, notices: Vec<Notice>) -> Result<Rejected, CallError> {
        Ok(self.refused(notices.iter().map(|notice| notice.body.as_str())))
    }
}

impl Flow for Choosy {
    async fn start(&self, _: &str, input: &str) -> Result<Started, CallError> {
        if self.refuses(input) { Err(CallError::Throttled) } else { Ok(Started::Running) }
    }
}

impl Queue for Choosy {
    async fn send(&self, messages: Vec<Outgoing>) -> Result<Rejected, CallError> {
        Ok(self.refused(messages.iter().map(|message| message.body.as_str())))
    }

    async fn receive(&self, _: usize, _: Duration) -> Result<Vec<Delivery>, CallError> {
        Ok(Vec::new())
    }

    async fn delete(&self, _: Vec<SmolStr>) -> Result<Rejected, CallError> {
        Ok(Rejected::default())
    }

    async fn hide(&self, _: Vec<SmolStr>, _: Duration) -> Result<Rejected, CallError> {
        Ok(Rejected::default())
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        Err(CallError::Unavailable)
    }
}
