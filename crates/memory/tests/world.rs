//! The table in memory, held against that of the deterministic world, which is held against DynamoDB.

use futures_util::FutureExt;
use proptest::prelude::*;
use tenfold_memory::MemoryTable;
use tenfold_ports::table::{
    Condition, Cursor, Item, Key, Query, Range, Read, TransactError, Update, Write, WriteError,
};
use tenfold_ports::{CallError, Table};
use tenfold_world::{Bounds, World, replay};

/// The index of the world, which sorts by `wake`.
const INDEX: &str = "queue";

#[derive(Debug, Clone)]
enum Step {
    Write(Write),
    Transact(Vec<Write>),
    Get(Key),
    GetMany(Vec<Key>),
    Query(Query),
    Count(Query),
}

fn key() -> impl Strategy<Value = Key> {
    ("[pq]", "(a|ab|b|ba)").prop_map(|(pk, sk)| Key::new(pk, sk))
}

fn item() -> impl Strategy<Value = Item> {
    let fields = (
        prop::option::of(0..3_i64),
        prop::option::of("[xy]"),
        prop::option::of(-2..3_i64),
        prop::option::of(0..9_u8),
    );
    (key(), fields).prop_map(|(key, (n, queue, wake, doc))| {
        let item = Item::new(key);
        let item = n.into_iter().fold(item, |item, n| item.with("n", n));
        let item = queue.into_iter().fold(item, |item, queue| item.with(INDEX, queue.as_str()));
        let item = wake.into_iter().fold(item, |item, wake| item.with("wake", wake));
        doc.into_iter().fold(item, Item::with_doc)
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        Just(Condition::Absent),
        Just(Condition::Present),
        Just(Condition::Without("n")),
        (0..3_i64).prop_map(|n| Condition::Is("n", n.into())),
        (0..3_i64).prop_map(|n| Condition::AtLeast("n", n)),
        (0..3_i64).prop_map(|n| Condition::Below("n", n)),
    ];
    let all = prop::collection::vec(leaf.clone(), 1..3).prop_map(Condition::All);
    let any = prop::collection::vec(leaf.clone(), 1..3).prop_map(Condition::Any);
    prop_oneof![4 => leaf, 1 => all, 1 => any]
}

fn write() -> impl Strategy<Value = Write> {
    let may = || prop_oneof![1 => Just(Condition::Always), 2 => condition()];
    let update = prop_oneof![
        (0..3_i64).prop_map(|n| Update::Set(n.into())),
        (-1..2_i64).prop_map(Update::Add),
        Just(Update::Remove),
    ];
    let updates = (update, prop::option::of("[xy]")).prop_map(|(n, queue)| {
        let queue = queue.map(|queue| (INDEX.into(), Update::Set(queue.as_str().into())));
        std::iter::once(("n".into(), n)).chain(queue).collect()
    });
    prop_oneof![
        3 => (item(), may()).prop_map(|(item, condition)| Write::Put { item, condition }),
        2 => (key(), updates, may()).prop_map(|(key, updates, condition)| Write::Update { key, updates, condition }),
        1 => (key(), may()).prop_map(|(key, condition)| Write::Delete { key, condition }),
        1 => (key(), condition()).prop_map(|(key, condition)| Write::Check { key, condition }),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let of_table =
        ("[pq]", prop_oneof![Just(Range::All), "(a|ab|b|c)".prop_map(|p| Range::Prefix(p.into()))])
            .prop_map(|(partition, range)| (None, partition, range));
    let of_index = ("[xy]", prop_oneof![Just(Range::All), (-2..3_i64).prop_map(Range::AtMost)])
        .prop_map(|(partition, range)| (Some(INDEX), partition, range));
    // A range that the sort key has none of is refused.
    let of_neither = "[xy]".prop_map(|partition| (Some(INDEX), partition, Range::Prefix("a".into())));
    (prop_oneof![4 => of_table, 4 => of_index, 1 => of_neither], 1..4_u32, any::<bool>()).prop_map(
        |((index, partition, range), limit, backward)| {
            let of_all = Query::partition(partition.into());
            Query { index, range, limit, backward, ..of_all }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => write().prop_map(Step::Write),
        2 => prop::collection::vec(write(), 0..4).prop_map(Step::Transact),
        1 => key().prop_map(Step::Get),
        1 => prop::collection::vec(key(), 0..4).prop_map(Step::GetMany),
        2 => query().prop_map(Step::Query),
        1 => query().prop_map(Step::Count),
    ]
}

/// What a table answers to a step. Of what is refused only that it is: the words are a service's own.
#[derive(Debug, PartialEq)]
enum Answer {
    Refused,
    Written(Result<(), WriteError>),
    Transacted(Result<(), TransactError>),
    Items(Vec<Option<Item>>),
    Pages(Vec<Vec<Item>>),
    Counted(u64, Option<Cursor>),
}

async fn answers(table: &impl Table, steps: Vec<Step>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for step in steps {
        answers.push(answer(table, step).await.unwrap_or(Answer::Refused));
    }
    answers
}

async fn answer(table: &impl Table, step: Step) -> Result<Answer, CallError> {
    Ok(match step {
        Step::Write(write) => match table.write(write).await {
            Err(WriteError::Call(error)) => return Err(error),
            answer => Answer::Written(answer),
        },
        Step::Transact(writes) => match table.transact(writes).await {
            Err(TransactError::Call(error)) => return Err(error),
            answer => Answer::Transacted(answer),
        },
        Step::Get(key) => Answer::Items(vec![table.get(&key, Read::Consistent).await?]),
        Step::GetMany(keys) => Answer::Items(table.get_many(&keys, Read::Consistent).await?),
        Step::Query(query) => Answer::Pages(pages(table, query).await?),
        Step::Count(query) => {
            let (items, next) = table.count(query).await?;
            Answer::Counted(items, next)
        }
    })
}

/// All pages of a query.
async fn pages(table: &impl Table, mut query: Query) -> Result<Vec<Vec<Item>>, CallError> {
    let mut pages = Vec::new();
    loop {
        let page = table.query(query.clone()).await?;
        pages.push(page.items);
        query.after = page.next;
        if query.after.is_none() {
            return Ok(pages);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_answers_as_the_worlds_table_does(steps in prop::collection::vec(step(), 1..25)) {
        let table = MemoryTable::new().index(INDEX, INDEX, "wake");
        let here = answers(&table, steps.clone()).now_or_never().unwrap();
        let there = std::cell::RefCell::new(Vec::new());
        let run = |world: &World| {
            let steps = steps.clone();
            let answered = world.ask(|env| async move { answers(&env, steps).await })?;
            *there.borrow_mut() = answered.unwrap_or_default();
            Ok(())
        };
        let bounds = Bounds { faults: 0, stale_reads: false, ..Bounds::default() };
        prop_assert!(replay(bounds, run, &[]).0.is_ok());
        for ((step, here), there) in steps.iter().zip(&here).zip(&*there.borrow()) {
            prop_assert_eq!(here, there, "{:?}", step);
        }
    }
}
