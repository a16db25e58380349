use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;
use crate::{Bounds, exhaust};

/// All versions that a reader may get after what `change` does.
fn seen(stale_reads: bool, change: impl Fn(&World)) -> BTreeSet<Option<u64>> {
    let seen = RefCell::new(BTreeSet::new());
    let report = exhaust(Bounds { faults: 0, stale_reads, ..Bounds::default() }, |world: &World| {
        change(world);
        world.spawn("test", (), |env, ()| async move {
            let flag = Flags::read(&env, "mode").await.unwrap();
            env.report(flag.map(|flag| flag.version));
        });
        world.run()?;
        seen.borrow_mut().extend(world.reports::<Option<u64>>());
        Ok(())
    });
    assert!(report.whole);
    seen.take()
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

#[test]
fn a_document_that_was_never_made_is_none() {
    assert_eq!(seen(true, |world| world.set_flag("other", "on")), [None].into());
}

#[test]
fn a_change_may_be_missed_for_one_poll_interval() {
    let after = |n| {
        move |world: &World| {
            world.set_flag("mode", "on");
            world.set_flag("mode", "off");
            world.pass(seconds(n));
        }
    };
    assert_eq!(seen(true, after(0)), [Some(1), Some(2)].into());
    assert_eq!(seen(true, after(29)), [Some(1), Some(2)].into());
    assert_eq!(seen(true, after(30)), [Some(2)].into());
    assert_eq!(seen(false, after(0)), [Some(2)].into());
    let longer = |world: &World| {
        world.poll_flags_every(seconds(60));
        after(59)(world);
    };
    assert_eq!(seen(true, longer), [Some(1), Some(2)].into());
}

#[test]
fn every_version_of_the_last_interval_may_be_seen() {
    let change = |world: &World| {
        for _ in 0..10 {
            world.set_flag("mode", "on");
            world.pass(seconds(12));
        }
    };
    // The newest is 12 s old, those before it were the newest until 12, 24 and 36 s ago.
    assert_eq!(seen(true, change), [Some(8), Some(9), Some(10)].into());
}
