use std::collections::BTreeSet;

use smol_str::SmolStr;
use tenfold_ports::stream::Kind;
use tenfold_ports::table::{Condition, Item, Key, Table, Update, Write};

use super::*;
use crate::{Bounds, QueueSettings, exhaust, replay};

fn key(n: usize) -> Key {
    Key::new("p", SmolStr::from(n.to_string()))
}

#[test]
fn a_record_tells_of_each_change_and_of_nothing_else() {
    let run = |world: &World| {
        world.add_stream(1);
        world.add_mapping(MappingSettings::default());
        world.edit(|items| items.put(Item::new(key(9))));
        world.ask(|env| async move {
            let item = || Item::new(key(1)).with("n", 1);
            let put = |item| Write::Put { item, condition: Condition::Always };
            let add = |n| Write::Update {
                key: key(1),
                updates: vec![("n".into(), Update::Add(n))],
                condition: Condition::Always,
            };
            let delete = || Write::Delete { key: key(1), condition: Condition::Always };
            env.write(put(item())).await.unwrap();
            env.write(put(item())).await.unwrap();
            env.transact(vec![add(2), put(Item::new(key(2)))]).await.unwrap();
            env.write(add(0)).await.unwrap();
            env.write(delete()).await.unwrap();
            env.write(delete()).await.unwrap();
        })?;
        let batch = world.next_batch(0, 0).unwrap();
        let seen = batch.records.iter().map(|record| (record.kind(), record.key.sk.as_str()));
        let expected = [(Kind::Insert, "1"), (Kind::Modify, "1"), (Kind::Insert, "2"), (Kind::Remove, "1")];
        assert_eq!(seen.collect::<Vec<_>>(), expected);
        let n = |item: &Option<Item>| item.as_ref().unwrap().number("n").unwrap();
        assert_eq!((n(&batch.records[1].old), n(&batch.records[1].new)), (1, 3));
        Ok(())
    };
    replay(Bounds::default(), run, &[]).0.unwrap();
}

#[test]
fn a_batch_may_be_short_and_may_come_again_as_often_as_allowed() {
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let report = exhaust(Bounds { faults: 0, ..Bounds::default() }, |world: &World| {
        world.add_stream(1);
        world.add_mapping(MappingSettings { duplicates: 1, short: 1, ..MappingSettings::default() });
        world.spawn("test", (), |env, ()| async move {
            for n in 1..=2 {
                env.write(Write::create(Item::new(key(n)))).await.unwrap();
            }
        });
        world.run()?;
        let mut sizes = Vec::new();
        while let Some(batch) = world.next_batch(0, 0) {
            world.finish_batch(&batch, &BatchOutcome::Answered(Vec::new()));
            sizes.push(batch.records.len());
        }
        seen.borrow_mut().insert(sizes);
        Ok(())
    });
    assert!(report.whole);
    let expected = [vec![1, 1], vec![1, 1, 1], vec![2], vec![2, 2]];
    assert_eq!(seen.into_inner(), BTreeSet::from(expected));
}

#[test]
fn what_is_given_up_is_told_to_the_worlds_queue() {
    let run = |world: &World| {
        let queue = world.add_queue("failures", QueueSettings::default());
        world.add_stream(1);
        let settings =
            MappingSettings { max_retries: Some(0), on_failure: Some(queue), ..Default::default() };
        world.add_mapping(settings);
        world.ask(|env| async move { env.write(Write::create(Item::new(key(1)))).await.unwrap() })?;
        let batch = world.next_batch(0, 0).unwrap();
        world.finish_batch(&batch, &BatchOutcome::Failed);
        assert!(world.queue(queue, |m| m.bodies().any(|body| body.contains("DDBStreamBatchInfo"))));
        Ok(())
    };
    replay(Bounds::default(), run, &[]).0.unwrap();
}
