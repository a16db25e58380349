use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;
use crate::{Bounds, QueueSettings, exhaust};
use jiff::SignedDuration;
use serde_json::Value as Json;
use tenfold_ports::Bytes;

fn quiet(run: impl Fn(&World)) {
    let run = |world: &World| {
        run(world);
        Ok(())
    };
    crate::quiet(run).unwrap();
}

fn event(text: &'static str) -> InvocationPayload {
    InvocationPayload::Event(Bytes::from_static(text.as_bytes()))
}

#[test]
fn an_event_that_failed_comes_again_after_one_minute_and_after_two_more() {
    quiet(|world| {
        let letters = world.add_queue("letters", QueueSettings::default());
        let settings = FunctionSettings { on_failure: Some(letters), ..FunctionSettings::default() };
        let function = world.add_function("f", settings);
        world.invoke(function, event(r#"{"n":1}"#));
        for (attempt, minutes) in [(1, 1), (2, 2), (3, 0)] {
            let invocation = world.next_invocation(function).unwrap();
            assert_eq!(invocation.attempt, attempt);
            assert_eq!(world.next_invocation(function), None, "it is on its way");
            world.finish_invocation(&invocation, false);
            assert_eq!(world.next_invocation(function), None, "it is not due");
            world.pass(SignedDuration::from_mins(minutes));
        }
        let bodies = world.queue(letters, |m| m.bodies().map(str::to_owned).collect::<Vec<_>>());
        let sent: Json = serde_json::from_str(&bodies[0]).unwrap();
        assert_eq!(
            (&sent["requestPayload"]["n"], &sent["requestContext"]["approximateInvokeCount"]),
            (&1.into(), &3.into())
        );
        assert_eq!(world.invocations(function, |all| all.payloads().count()), 0);
    });
}

#[test]
fn retries_can_be_fewer() {
    quiet(|world| {
        let function =
            world.add_function("f", FunctionSettings { retries: 0, ..FunctionSettings::default() });
        world.invoke(function, event("{}"));
        world.finish_invocation(&world.next_invocation(function).unwrap(), false);
        assert_eq!(world.invocations(function, Invocations::next_due), None);
    });
}

#[test]
fn events_come_in_any_order_beside_each_other_and_again_as_often_as_allowed() {
    let seen = RefCell::new(BTreeSet::new());
    let report = exhaust(Bounds { faults: 0, ..Bounds::default() }, |world: &World| {
        let function =
            world.add_function("f", FunctionSettings { duplicates: 1, ..FunctionSettings::default() });
        world.invoke(function, event("1"));
        world.invoke(function, event("2"));
        let both = [world.next_invocation(function).unwrap(), world.next_invocation(function).unwrap()];
        both.iter().for_each(|invocation| world.finish_invocation(invocation, true));
        let again = world.next_invocation(function);
        assert!(world.next_invocation(function).is_none());
        let name = |invocation: &Rc<AsyncInvocation>| invocation.payload.to_json().to_string();
        seen.borrow_mut().insert((both.each_ref().map(name), again.as_ref().map(name)));
        Ok(())
    });
    assert!(report.whole);
    let orders = [["1", "2"], ["2", "1"]].map(|order| order.map(str::to_owned));
    let again = [None, Some("1".to_owned()), Some("2".to_owned())];
    let expected = orders.iter().flat_map(|order| again.iter().map(|again| (order.clone(), again.clone())));
    assert_eq!(seen.into_inner(), expected.collect());
}
