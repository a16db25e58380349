//! Single writes under conditions, and transactions.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use smol_str::SmolStr;
use tenfold_ports::table::{
    Cancelled, Condition, Doc, Item, Key, Query, Read, Table, TransactError, Update, Value, Write, WriteError,
};
use tenfold_ports::{Bytes, CallError};
use tenfold_world::World;

use crate::both::{Both, ask, in_quiet_world};
use crate::suite::{Compared, Failure};

/// A call; its partitions are still to be put into those of the sequence.
#[derive(Debug, Clone)]
pub enum Call {
    Get(Key),
    GetMany(Vec<Key>),
    Write(Write),
    Transact(Vec<Write>),
}

pub fn conditions() -> impl Strategy<Value = Vec<Call>> {
    let write = write(true).prop_map(Call::Write);
    let call = prop_oneof![8 => write, 1 => key().prop_map(Call::Get), 1 => vec(key(), 0..5).prop_map(Call::GetMany)];
    vec(call, 4..16)
}

pub fn transactions() -> impl Strategy<Value = Vec<Call>> {
    // DIFFERENCES.md: DynamoDB Local takes two writes of one item in a transaction.
    let transact = vec(write(false), 0..6).prop_map(|mut writes| {
        let mut keys = Vec::new();
        writes.retain(|write| {
            !keys.contains(write.key()) && {
                keys.push(write.key().clone());
                true
            }
        });
        Call::Transact(writes)
    });
    let write = write(true).prop_map(Call::Write);
    vec(prop_oneof![3 => transact, 1 => write], 4..12)
}

/// Makes the calls on both sides, and looks at the whole of the partitions in the end.
pub fn run(both: &Both, calls: &[Call]) -> Compared {
    let prefix = Both::name();
    let local = both.table();
    let operations = calls.len() + PARTITIONS.len();
    in_quiet_world(|world| {
        for (i, call) in calls.iter().enumerate() {
            let call = call.clone().within(&prefix);
            compare(i, &both.local(call.clone().make(&local)), &ask(world, |env| call.make_owned(env)))?;
        }
        for (i, partition) in PARTITIONS.iter().enumerate() {
            let query = Query::partition(format!("{prefix}{partition}").into());
            let [here, there] = whole(both, world, &local, &query);
            compare(calls.len() + i, &there, &here)?;
        }
        Ok(operations)
    })
}

fn whole(both: &Both, world: &World, local: &impl Table, query: &Query) -> [String; 2] {
    let show = |page: Result<tenfold_ports::table::Page, CallError>| match page {
        Ok(page) => page.items.iter().map(item).collect::<Vec<_>>().join("; "),
        Err(error) => failed(&error),
    };
    let there = show(both.local(local.query(query.clone())));
    let query = query.clone();
    [show(ask(world, |env| async move { env.query(query).await })), there]
}

/// Compares what LocalStack and the world answered to call `i`.
pub fn compare(i: usize, there: &str, here: &str) -> Result<(), Failure> {
    if there.contains(UNANSWERED) {
        return Err(Failure::Unanswered(there.to_owned()));
    }
    if there == here {
        return Ok(());
    }
    Err(Failure::Differs(format!("call {i}\n  world:      {here}\n  LocalStack: {there}")))
}

const UNANSWERED: &str = "(no answer)";

/// What a failed call looks like on both sides: why DynamoDB refuses is in other words than ours.
pub fn failed(error: &CallError) -> String {
    match error {
        CallError::Refused(_) => "refused".to_owned(),
        other => format!("{other} {UNANSWERED}"),
    }
}

impl Call {
    fn within(mut self, prefix: &str) -> Self {
        let place = |key: &mut Key| key.pk = format!("{prefix}{}", key.pk).into();
        let write = |write: &mut Write| match write {
            Write::Put { item, .. } => place(&mut item.key),
            Write::Update { key, .. } | Write::Delete { key, .. } | Write::Check { key, .. } => place(key),
        };
        match &mut self {
            Self::Get(key) => place(key),
            Self::GetMany(keys) => keys.iter_mut().for_each(place),
            Self::Write(one) => write(one),
            Self::Transact(all) => all.iter_mut().for_each(write),
        }
        self
    }

    async fn make_owned(self, table: impl Table) -> String {
        self.make(&table).await
    }

    /// Makes the call and says what came of it.
    async fn make(self, table: &impl Table) -> String {
        match self {
            Self::Get(key) => match table.get(&key, Read::Consistent).await {
                Ok(found) => maybe(found.as_ref()),
                Err(error) => failed(&error),
            },
            Self::GetMany(keys) => match table.get_many(&keys, Read::Consistent).await {
                Ok(found) => found.iter().map(|i| maybe(i.as_ref())).collect::<Vec<_>>().join("; "),
                Err(error) => failed(&error),
            },
            Self::Write(write) => match table.write(write).await {
                Ok(()) => "written".to_owned(),
                Err(WriteError::Conflict { current }) => format!("conflict with {}", maybe(current.as_ref())),
                Err(WriteError::Call(error)) => failed(&error),
            },
            Self::Transact(writes) => match table.transact(writes).await {
                Ok(()) => "written".to_owned(),
                Err(TransactError::Cancelled(reasons)) => {
                    let show = |reason: &Cancelled| match reason {
                        Cancelled::No => "fine".to_owned(),
                        Cancelled::Condition(current) => format!("conflict with {}", maybe(current.as_ref())),
                        Cancelled::Busy => format!("busy {UNANSWERED}"),
                    };
                    reasons.iter().map(show).collect::<Vec<_>>().join(", ")
                }
                Err(TransactError::Call(error)) => failed(&error),
            },
        }
    }
}

fn maybe(found: Option<&Item>) -> String {
    found.map_or("none".to_owned(), item)
}

/// An item in words, its attributes by name: DynamoDB keeps no order.
pub fn item(item: &Item) -> String {
    let show = |value: &Value| match value {
        // A document is a map of DynamoDB on one side and a value on the other.
        Value::Doc(doc) => doc.to_json().unwrap().to_string(),
        Value::B(bytes) if bytes.len() > 50 => format!("{} bytes", bytes.len()),
        other => format!("{other:?}"),
    };
    let attributes: BTreeMap<&str, String> = item.attributes().map(|(name, v)| (name, show(v))).collect();
    format!("{} {attributes:?}", item.key)
}

const PARTITIONS: [&str; 2] = ["p", "q"];
const ATTRIBUTES: [&str; 4] = ["a", "b", "name", "data"];

fn key() -> impl Strategy<Value = Key> {
    let sort = prop_oneof![30 => select(vec!["x", "y", "z"]), 1 => Just("")];
    (select(PARTITIONS.to_vec()), sort).prop_map(|(pk, sk)| Key::new(pk, sk))
}

fn value() -> impl Strategy<Value = Value> {
    let doc = prop_oneof![
        Just(json!({})),
        (0..3_i64, ".{0,3}").prop_map(|(n, s)| json!({"n": n, "list": [n, null, s], "f": 0.5, "on": true})),
    ];
    prop_oneof![
        6 => (-3..4_i64).prop_map(Value::N),
        2 => select(vec!["", "s", "t", "ü"]).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => vec(any::<u8>(), 0..4).prop_map(|b| Value::B(Bytes::from(b))),
        1 => doc.prop_map(|doc| Value::Doc(Doc::new(doc))),
        1 => any::<i64>().prop_map(Value::N),
    ]
}

fn item_of() -> impl Strategy<Value = Item> {
    (key(), vec((select(ATTRIBUTES.to_vec()), value()), 0..4)).prop_map(|(key, attributes)| {
        let set = |item: Item, (name, value): (&'static str, Value)| item.with(name, value);
        attributes.into_iter().fold(Item::new(key), set)
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let name = || select(ATTRIBUTES.to_vec());
    let leaf = prop_oneof![
        2 => Just(Condition::Absent),
        2 => Just(Condition::Present),
        1 => name().prop_map(Condition::Without),
        2 => (name(), value()).prop_map(|(name, value)| Condition::Is(name, value)),
        2 => (name(), -2..4_i64).prop_map(|(name, n)| Condition::AtLeast(name, n)),
        2 => (name(), -2..4_i64).prop_map(|(name, n)| Condition::Below(name, n)),
        1 => select(vec![Condition::Always, Condition::All(Vec::new()), Condition::Any(Vec::new())]),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let some = vec(inner, 1..4);
        prop_oneof![some.clone().prop_map(Condition::All), some.prop_map(Condition::Any)]
    })
}

fn updates() -> impl Strategy<Value = Vec<(SmolStr, Update)>> {
    let update = prop_oneof![
        2 => value().prop_map(Update::Set),
        3 => (-3..4_i64).prop_map(Update::Add),
        1 => Just(Update::Remove),
    ];
    let names = prop_oneof![20 => select(ATTRIBUTES.to_vec()), 1 => Just("pk"), 1 => Just("sk")];
    vec((names.prop_map(SmolStr::new_static), update), 0..4)
}

/// A write. Alone, a check is a transaction of one.
fn write(alone: bool) -> impl Strategy<Value = Write> {
    let checks = if alone { 1 } else { 4 };
    // Every other write has no condition, so that there is something to read.
    let condition = || option::of(condition()).prop_map(|c| c.unwrap_or(Condition::Always));
    prop_oneof![
        6 => (item_of(), condition()).prop_map(|(item, condition)| Write::Put { item, condition }),
        6 => (key(), updates(), condition()).prop_map(|(key, updates, condition)| {
            // What comes first, a condition that does not hold or a change that cannot be, is open.
            let invalid = updates.iter().any(|(name, _)| name == "pk" || name == "sk");
            Write::Update { key, updates, condition: if invalid { Condition::Always } else { condition } }
        }),
        2 => (key(), condition()).prop_map(|(key, condition)| Write::Delete { key, condition }),
        checks => (key(), condition()).prop_map(|(key, condition)| Write::Check { key, condition }),
    ]
}
