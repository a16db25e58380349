//! The port `Table` on Amazon DynamoDB.
//!
//! Table: partition key `pk` and sort key `sk`, both text. Index: a text partition key and a number sort key,
//! whose attributes [`DynamoTable::index`] names; it projects at least what its readers look at.

mod expression;
mod number;
mod read;
mod value;
mod write;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{
    Cursor, Item, Key, Page, Query, Read, Scan, SendTable, TableScan, TransactError, Write, WriteError,
};

pub use value::{Attributes, read_item, take_key};

use crate::MethodActions;
use crate::system::SystemRng;

/// The IAM actions behind each method, on the table; `query` and `count` of an index need theirs on
/// `<table>/index/<index>`.
pub const ACTIONS: &[MethodActions] = &[
    ("get", &["dynamodb:GetItem"]),
    ("get_many", &["dynamodb:BatchGetItem"]),
    ("write", WRITES),
    ("transact", WRITES),
    ("query", &["dynamodb:Query"]),
    ("count", &["dynamodb:Query"]),
    ("scan", &["dynamodb:Scan"]),
];

/// One for each variant of `Write`: put, update, delete, check. A function needs those that it makes.
const WRITES: &[&str] =
    &["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"];

/// A table of DynamoDB. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    client: Client,
    name: SmolStr,
    indexes: Vec<Index>,
    rng: Arc<SystemRng>,
}

/// The key attributes of an index.
#[derive(Debug, Clone, Copy)]
struct Index {
    name: &'static str,
    partition: &'static str,
    sort: &'static str,
}

impl DynamoTable {
    /// The table `name` (a name or an ARN), without indexes.
    pub fn new(client: Client, name: impl Into<SmolStr>) -> Self {
        Self { client, name: name.into(), indexes: Vec::new(), rng: Arc::default() }
    }

    /// The table with one index more: its name, its partition key attribute (text) and its sort key attribute
    /// (number). A query of an index that was not registered is refused without a call.
    #[must_use]
    pub fn index(mut self, name: &'static str, partition: &'static str, sort: &'static str) -> Self {
        self.indexes.push(Index { name, partition, sort });
        self
    }
}

// The SDK's futures take kilobytes and nest deep. In a box they do neither to those who wait for them.
impl SendTable for DynamoTable {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        Box::pin(self.get_item(key, read)).await
    }

    async fn get_many(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        Box::pin(self.batch_get(keys, read)).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        Box::pin(self.write_one(write)).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        Box::pin(self.transact_all(writes)).await
    }

    async fn query(&self, query: Query) -> Result<Page, CallError> {
        Box::pin(self.query_page(&query)).await
    }

    async fn count(&self, query: Query) -> Result<(u64, Option<Cursor>), CallError> {
        Box::pin(self.count_page(&query)).await
    }
}

impl TableScan for DynamoTable {
    async fn scan(&self, scan: Scan) -> Result<Page, CallError> {
        Box::pin(self.scan_page(&scan)).await
    }
}
