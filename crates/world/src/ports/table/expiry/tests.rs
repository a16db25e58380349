use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::SignedDuration;
use tenfold_ports::Table;
use tenfold_ports::table::{Condition, Item, Read, Write};

use super::*;
use crate::aws::table::expiry::TOO_OLD;
use crate::stream::MappingSettings;
use crate::{Bounds, exhaust, replay};
use tenfold_ports::table::Query;

fn key() -> Key {
    Key::new("p", "a")
}

/// Whether three reads, one after the other, find an item that has expired so many seconds ago.
fn reads(seconds: i64) -> BTreeSet<[bool; 3]> {
    let seen = RefCell::new(BTreeSet::new());
    let report = exhaust(Bounds { faults: 0, ..Bounds::default() }, |world: &World| {
        let expires = world.now().as_second();
        world.edit(|items| {
            items.expire_by("expires");
            items.put(Item::new(key()).with("expires", expires));
            items.put(Item::new(Key::new("p", "b")).with("expires", expires + 10 * TOO_OLD));
            items.put(Item::new(Key::new("p", "c")).with("expires", "never"));
        });
        world.pass(SignedDuration::from_secs(seconds));
        world.spawn("test", (), |env, ()| async move {
            let got = env.get(&key(), Read::Consistent).await.unwrap().is_some();
            let of_many = env.get_many(&[key()], Read::Consistent).await.unwrap()[0].is_some();
            let page = env.query(Query::partition("p".into())).await.unwrap();
            env.report([got, of_many, page.items.len() == 3]);
        });
        world.run()?;
        seen.borrow_mut().extend(world.reports::<[bool; 3]>());
        Ok(())
    });
    assert!(report.whole);
    seen.take()
}

#[test]
fn an_item_whose_time_is_over_may_be_there_or_not_and_does_not_come_back() {
    assert_eq!(reads(0), [[true; 3]].into());
    let either = [[true; 3], [true, true, false], [true, false, false], [false; 3]];
    assert_eq!(reads(1), either.into());
    assert_eq!(reads(TOO_OLD), [[true; 3]].into());
}

#[test]
fn a_write_may_come_upon_an_expired_item_or_upon_none() {
    let seen = RefCell::new(BTreeSet::new());
    exhaust(Bounds { faults: 0, ..Bounds::default() }, |world: &World| {
        world.edit(|items| {
            items.expire_by("expires");
            items.put(Item::new(key()).with("expires", 1_799_999_999));
        });
        world.spawn("test", (), |env, ()| async move {
            let created = env.write(Write::create(Item::new(key()))).await.is_ok();
            let check = Write::Check { key: key(), condition: Condition::Without("expires") };
            let checked = env.transact(vec![check]).await.is_ok();
            env.report((created, checked));
        });
        world.run()?;
        seen.borrow_mut().extend(world.reports::<(bool, bool)>());
        Ok(())
    });
    // It was gone by the first write, or by the second, or by none.
    assert_eq!(*seen.borrow(), [(true, true), (false, true), (false, false)].into());
}

#[test]
fn a_stream_tells_of_a_deletion_that_nobody_asked_for() {
    let run = |world: &World| {
        world.add_stream(1);
        world.add_mapping(MappingSettings::default());
        world.edit(|items| {
            items.expire_by("expires");
            items.put(Item::new(key()).with("expires", 1_799_999_999));
        });
        assert!(world.expire(&key()) && !world.expire(&key()));
        let record = &world.next_batch(0, 0).unwrap().records[0];
        assert!(record.expired && record.new.is_none());
        Ok(())
    };
    replay(Bounds::default(), run, &[]).0.unwrap();
}

#[test]
fn nothing_expires_where_no_attribute_says_when() {
    let run = |world: &World| {
        world.edit(|items| items.put(Item::new(key()).with("expires", 1)));
        assert!(!world.expire(&key()));
        Ok(())
    };
    replay(Bounds::default(), run, &[]).0.unwrap();
}
