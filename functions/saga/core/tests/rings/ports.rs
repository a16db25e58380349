//! Ports that refuse some calls.

use std::time::Duration;

use tenfold_ports::flow::Started;
use tenfold_ports::queue::{Delivery, Depth, Outgoing, Rejected};
use tenfold_ports::table::{Cursor, Item, Key, Page, Query, Read, TransactError, Write, WriteError};
use tenfold_ports::topic::Notice;
use tenfold_ports::{CallError, Flow, Queue, SmolStr, Table, Topic};
use tenfold_world::Env;

/// The call that a table breaks down at, whatever it is.
pub const BREAKS: &str = "breaks";

/// A table that refuses some calls.
#[derive(Clone)]
pub struct Refusing {
    pub env: Env,
    pub calls: &'static [&'static str],
}

impl Refusing {
    fn call(&self, call: &str) -> Result<(), CallError> {
        assert!(!self.calls.contains(&BREAKS), "the table breaks down");
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
        // One shard of the index, by its name.
        self.call(&query.partition)?;
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
