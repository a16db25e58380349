//! Draining one target from a loop of one's own, without a message.

use circuit_breaker_core::park::Look;
use circuit_breaker_core::retry_processor::RunSummary;
use jiff::SignedDuration;
use tenfold_ports::Context;

use crate::lab::{Lab, lab};
use crate::refusing::{RETRIES, minutes, park};
use crate::world::target;

fn drained(lab: &Lab<'_>) -> RunSummary {
    let stack = lab.stack;
    let context = Context::until(lab.world.now() + SignedDuration::from_secs(60));
    lab.ask(move |env, own| async move {
        stack.processor(&env, &own).drain_target(&target(), Look::Due, &context).await.unwrap()
    })
}

#[test]
fn a_loop_delivers_what_is_due_without_a_message() {
    lab(RETRIES, |lab| {
        park(lab, "a");
        park(lab, "b");
        lab.lose_messages();
        lab.world.pass(minutes(1));
        let summary = drained(lab);
        assert_eq!((summary.targets, summary.delivered), (1, 2));
        assert_eq!(drained(lab).delivered, 0, "nothing waits");
    });
}
