//! Sequences of changes of a table, and a function that follows its stream.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tenfold_ports::table::{Condition, Item, Key, Update, Write};

use super::script::{Fate, fate};

/// What is written, how the stream is mapped, and how the function answers.
#[derive(Debug, Clone)]
pub struct Plan {
    pub changes: Vec<Change>,
    /// The most records of a batch.
    pub batch: usize,
    /// Patterns of filter criteria; a record is wanted that passes one, all are where there is none.
    pub filters: Vec<&'static str>,
    pub bisect: bool,
    pub retries: u32,
    /// What becomes of the records, in the order in which the function sees them first. Of the rest all is well.
    pub fates: Vec<Fate>,
}

/// A write to one of the keys.
#[derive(Debug, Clone)]
pub enum Change {
    /// A whole item; often it is there already, and that makes no record.
    Put { key: usize, n: i64, kind: &'static str },
    /// Adds to its number; of 0 it makes no record where the item is there.
    Add { key: usize, n: i64 },
    /// Deletes the item; that makes no record where there is none.
    Delete { key: usize },
}

const KEYS: [(&str, &str); 4] = [("p", "a"), ("p", "b"), ("q", "a"), ("q", "last")];
const FILTERS: [&str; 9] = [
    r#"{"eventName": ["INSERT", "REMOVE"]}"#,
    r#"{"eventName": [{"anything-but": ["INSERT"]}]}"#,
    r#"{"dynamodb": {"Keys": {"sk": {"S": [{"prefix": "a"}]}}}}"#,
    r#"{"dynamodb": {"NewImage": {"kind": {"S": ["log"]}}}}"#,
    r#"{"eventName": ["MODIFY"], "dynamodb": {"OldImage": {"kind": {"S": ["job"]}}}}"#,
    r#"{"dynamodb": {"NewImage": {"n": {"N": ["1", "2"]}}}}"#,
    r#"{"dynamodb": {"NewImage": {"on": {"BOOL": [true]}}}}"#,
    r#"{"dynamodb": {"OldImage": {"kind": {"S": [{"exists": false}]}}}}"#,
    r#"{"dynamodb": {"NewImage": {"kind": {"S": [{"exists": true}]}}, "Keys": {"pk": {"S": ["q"]}}}}"#,
];

pub fn plan() -> impl Strategy<Value = Plan> {
    let key = || 0..KEYS.len();
    let change = prop_oneof![
        5 => (key(), 0..3_i64, select(vec!["log", "job"])).prop_map(|(key, n, kind)| Change::Put { key, n, kind }),
        3 => (key(), 0..3_i64).prop_map(|(key, n)| Change::Add { key, n }),
        2 => key().prop_map(|key| Change::Delete { key }),
    ];
    let filters = prop_oneof![3 => Just(Vec::new()), 2 => vec(select(FILTERS.to_vec()), 1..3)];
    let settings = (1..6_usize, filters, prop::bool::weighted(0.3), 0..3_u32);
    (vec(change, 3..13), settings, vec(fate(), 0..10)).prop_map(
        |(changes, (batch, filters, bisect, retries), fates)| {
            let mut plan = Plan { changes, batch, filters, bisect, retries, fates };
            if batch > 1 && (bisect || !plan.filters.is_empty()) {
                plan.survives();
            }
            plan
        },
    )
}

impl Plan {
    /// Lets so few invocations fail that no batch is given up, however batches are cut.
    ///
    /// DIFFERENCES.md: LocalStack splits no batch that failed; and it cuts batches first and filters then, which
    /// AWS leaves open.
    fn survives(&mut self) {
        let mut left = self.retries;
        for fate in &mut self.fates {
            fate.times = fate.times.min(left);
            left -= fate.times;
        }
    }

    /// The writes, in their order.
    pub fn writes(&self) -> impl Iterator<Item = Write> {
        self.changes.iter().map(Change::write)
    }
}

impl Change {
    fn write(&self) -> Write {
        let key = |key: &usize| Key::new(KEYS[*key].0, KEYS[*key].1);
        let condition = Condition::Always;
        match self {
            Self::Put { key: at, n, kind } => {
                let item = Item::new(key(at)).with("n", *n).with("kind", *kind).with("on", *n > 1);
                Write::Put { item, condition }
            }
            Self::Add { key: at, n } => {
                Write::Update { key: key(at), updates: vec![("n".into(), Update::Add(*n))], condition }
            }
            Self::Delete { key: at } => Write::Delete { key: key(at), condition },
        }
    }
}
