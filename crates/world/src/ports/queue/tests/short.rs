//! Receives that come back with less than there is.

use std::cell::RefCell;
use std::collections::BTreeSet;

use tenfold_ports::Queue;
use tenfold_ports::queue::Outgoing;

use super::*;
use crate::exhaust;

/// How many messages a receive may deliver of so many.
fn received(stale_reads: bool, messages: usize, max: usize, wait: Duration) -> BTreeSet<usize> {
    let seen = RefCell::new(BTreeSet::new());
    let report = exhaust(Bounds { faults: 0, stale_reads, ..Bounds::default() }, |world: &World| {
        let queue = world.add_queue("q", QueueSettings::default());
        world.spawn("test", (), move |env, ()| async move {
            let all = (0..messages).map(|n| Outgoing::new(n.to_string())).collect();
            env.queue(queue).send(all).await.unwrap();
            let some = env.queue(queue).receive(max, wait).await.unwrap();
            env.report(some.len());
        });
        world.run()?;
        seen.borrow_mut().extend(world.reports::<usize>());
        Ok(())
    });
    assert!(report.whole);
    seen.take()
}

#[test]
fn a_receive_may_deliver_less_than_there_is() {
    assert_eq!(received(true, 5, 10, Duration::ZERO), [0, 1, 5].into());
    assert_eq!(received(true, 5, 3, Duration::ZERO), [0, 1, 3].into());
    assert_eq!(received(true, 1, 10, Duration::ZERO), [0, 1].into());
}

#[test]
fn a_receive_that_waits_delivers_something_of_what_is_there() {
    assert_eq!(received(true, 5, 10, Duration::from_secs(1)), [1, 5].into());
    assert_eq!(received(true, 1, 10, Duration::from_secs(1)), [1].into());
}

#[test]
fn a_receive_delivers_all_where_reads_are_not_stale() {
    assert_eq!(received(false, 5, 10, Duration::ZERO), [5].into());
}
