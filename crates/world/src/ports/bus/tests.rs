use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::*;
use crate::QueueSettings;
use crate::aws::invocations::FunctionSettings;
use crate::explore::{Bounds, exhaust};
use crate::kernel::ids::QueueId;
use crate::pattern::EventPattern;

fn quiet(run: impl Fn(&World)) {
    let run = |world: &World| {
        run(world);
        Ok(())
    };
    crate::quiet(run).unwrap();
}

fn put(world: &World, bus: BusId, events: Vec<BusEvent>) -> Result<Rejected, CallError> {
    world.ask(move |env| async move { env.bus(bus).put(events).await }).unwrap().unwrap()
}

fn event(kind: &str, detail: &str) -> BusEvent {
    BusEvent { source: "shop".into(), detail_type: kind.into(), detail: detail.to_owned() }
}

fn rule(pattern: &str, targets: &[RuleTarget]) -> BusRule {
    BusRule { pattern: EventPattern::parse(pattern).unwrap(), targets: targets.to_vec() }
}

fn details(world: &World, queue: QueueId) -> Vec<i64> {
    let detail = |body: &str| serde_json::from_str::<Json>(body).unwrap()["detail"]["n"].as_i64().unwrap();
    world.queue(queue, |messages| messages.bodies().map(detail).collect())
}

#[test]
fn each_target_of_a_rule_gets_the_events_that_match() {
    quiet(|world| {
        let bus = world.add_bus("shop", BusSettings::default());
        let [paid, many] = std::array::from_fn(|_| world.add_queue("q", QueueSettings::default()));
        let function = world.add_function("f", FunctionSettings::default());
        let to = [RuleTarget::Queue(paid), RuleTarget::Function(function)];
        world.add_rule(bus, rule(r#"{"source": ["shop"], "detail-type": ["paid"]}"#, &to));
        world
            .add_rule(bus, rule(r#"{"detail": {"n": [{"numeric": [">", 1]}]}}"#, &[RuleTarget::Queue(many)]));
        let events =
            vec![event("paid", r#"{"n":1}"#), event("sent", r#"{"n":2}"#), event("paid", r#"{"n":3}"#)];
        assert_eq!(put(world, bus, events), Ok(vec![]));
        assert_eq!((details(world, paid), details(world, many)), (vec![1, 3], vec![2, 3]));
        let event = world.next_invocation(function).unwrap().payload.to_json();
        assert_eq!((&event["detail-type"], &event["detail"]["n"]), (&"paid".into(), &1.into()));
        assert_eq!(event["time"], "2027-01-15T08:00:00Z");
        assert_eq!(world.invocations(function, |all| all.payloads().count()), 2);
    });
}

#[test]
fn events_that_are_none_are_rejected_one_by_one_and_too_many_are_refused_whole() {
    quiet(|world| {
        let bus = world.add_bus("shop", BusSettings::default());
        let queue = world.add_queue("q", QueueSettings::default());
        world.add_rule(bus, rule(r#"{"detail": {"n": [{"exists": true}]}}"#, &[RuleTarget::Queue(queue)]));
        let batch = vec![
            event("paid", "{"),
            event("paid", "1"),
            event("", r#"{"n":1}"#),
            BusEvent { source: "aws.shop".into(), ..event("paid", r#"{"n":2}"#) },
            event("paid", r#"{"n":3}"#),
        ];
        assert_eq!(put(world, bus, batch), Ok(vec![0, 1, 2, 3]));
        assert!(put(world, bus, vec![event("paid", r#"{"n":4}"#); 11]).is_err());
        let large = format!(r#"{{"n":5,"text":"{}"}}"#, "x".repeat(131_072));
        assert!(put(world, bus, vec![event("paid", &large); 2]).is_err());
        assert_eq!(put(world, bus, vec![]), Ok(vec![]));
        assert_eq!(details(world, queue), [3]);
    });
}

#[test]
fn an_event_may_come_twice_as_often_as_allowed() {
    let seen = RefCell::new(BTreeSet::new());
    let report = exhaust(Bounds { faults: 0, ..Bounds::default() }, |world: &World| {
        let bus = world.add_bus("shop", BusSettings { duplicates: 1 });
        let queue = world.add_queue("q", QueueSettings::default());
        world.add_rule(bus, rule(r#"{"source": ["shop"]}"#, &[RuleTarget::Queue(queue)]));
        world.spawn("test", (), move |env, ()| async move {
            let events = vec![event("paid", r#"{"n":1}"#), event("paid", r#"{"n":2}"#)];
            env.bus(bus).put(events).await.unwrap();
        });
        world.run()?;
        seen.borrow_mut().insert(details(world, queue));
        Ok(())
    });
    assert!(report.whole);
    assert_eq!(seen.into_inner(), BTreeSet::from([vec![1, 2], vec![1, 1, 2], vec![1, 2, 2]]));
}
