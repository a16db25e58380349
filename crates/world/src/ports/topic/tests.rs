use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::Value as Json;
use tenfold_ports::queue::Fifo;

use super::*;
use crate::aws::topic::Filter;
use crate::{Bounds, QueueId, QueueSettings, exhaust};

fn quiet(run: impl Fn(&World)) {
    let run = |world: &World| {
        run(world);
        Ok(())
    };
    crate::quiet(run).unwrap();
}

fn publish(world: &World, topic: TopicId, notices: Vec<Notice>) -> Result<Rejected, CallError> {
    world.ask(move |env| async move { env.topic(topic).publish(notices).await }).unwrap().unwrap()
}

fn bodies(world: &World, queue: QueueId) -> Vec<String> {
    world.queue(queue, |messages| messages.bodies().map(str::to_owned).collect())
}

fn queue(world: &World) -> QueueId {
    world.add_queue("q", QueueSettings::default())
}

fn raw(queue: QueueId, filter: &str) -> QueueSubscription {
    QueueSubscription::of(queue).raw().filtered(Filter::parse(filter).unwrap())
}

fn notice(body: &str) -> Notice {
    Notice::new(body.to_owned())
}

fn ordered(body: &str, group: &str, id: &str) -> Notice {
    Notice { fifo: Some(Fifo { group: group.into(), deduplication: id.into() }), ..notice(body) }
}

#[test]
fn each_queue_gets_what_its_filter_lets_through() {
    quiet(|world| {
        let topic = world.add_topic("events", TopicSettings::default());
        let [all, done, large, failed] = std::array::from_fn(|_| queue(world));
        world.subscribe(topic, QueueSubscription::of(all).raw());
        world.subscribe(topic, raw(done, r#"{"event": [{"suffix": ".done"}], "style": ["choreographed"]}"#));
        world.subscribe(topic, raw(large, r#"{"price": [{"numeric": [">=", 100]}]}"#));
        world.subscribe(topic, raw(failed, r#"{"error": [{"exists": true}]}"#));
        let notices = vec![
            notice("a").with("event", "flight.done").with("style", "choreographed").with("price", 100),
            notice("b").with("event", "flight.done").with("style", "orchestrated").with("price", 99),
            notice("c").with("event", "hotel.failed").with("error", "SoldOut").with("price", "100"),
        ];
        assert_eq!(publish(world, topic, notices), Ok(vec![]));
        assert_eq!(bodies(world, all), ["a", "b", "c"]);
        assert_eq!(bodies(world, done), ["a"]);
        assert_eq!(bodies(world, large), ["a"], "text is no number");
        assert_eq!(bodies(world, failed), ["c"]);
    });
}

#[test]
fn without_raw_delivery_the_body_is_in_an_envelope_with_its_attributes() {
    quiet(|world| {
        let (topic, queue) = (world.add_topic("events", TopicSettings::default()), queue(world));
        world.subscribe(topic, QueueSubscription::of(queue));
        publish(world, topic, vec![notice("{\"n\":1}").with("event", "paid").with("price", 5)]).unwrap();
        let envelope: Json = serde_json::from_str(&bodies(world, queue)[0]).unwrap();
        assert_eq!((&envelope["Type"], &envelope["Message"]), (&"Notification".into(), &"{\"n\":1}".into()));
        assert_eq!(envelope["MessageAttributes"]["event"]["Value"], "paid");
        assert_eq!(envelope["MessageAttributes"]["price"]["Type"], "Number");
        assert_eq!(envelope["Timestamp"], "2027-01-15T08:00:00.000Z");
    });
}

#[test]
fn a_standard_topic_may_deliver_twice_as_often_as_it_is_allowed_to() {
    let seen = RefCell::new(BTreeSet::new());
    let report = exhaust(Bounds { faults: 0, ..Bounds::default() }, |world: &World| {
        let topic = world.add_topic("events", TopicSettings { duplicates: 1, ..TopicSettings::default() });
        let (one, other) = (queue(world), queue(world));
        world.subscribe(topic, QueueSubscription::of(one).raw());
        world.subscribe(topic, QueueSubscription::of(other).raw());
        world.spawn("test", (), move |env, ()| async move {
            env.topic(topic).publish(vec![notice("a")]).await.unwrap();
        });
        world.run()?;
        seen.borrow_mut().insert((bodies(world, one).len(), bodies(world, other).len()));
        Ok(())
    });
    assert!(report.whole);
    assert_eq!(seen.into_inner(), BTreeSet::from([(1, 1), (1, 2), (2, 1)]));
}

#[test]
fn a_fifo_topic_drops_what_it_knows_for_five_minutes_and_hands_groups_on() {
    quiet(|world| {
        let topic = world.add_topic("events", TopicSettings { fifo: true, ..TopicSettings::default() });
        let fifo = world.add_queue("q", QueueSettings { fifo: true, ..QueueSettings::default() });
        let standard = queue(world);
        world.subscribe(topic, QueueSubscription::of(fifo).raw());
        world.subscribe(topic, QueueSubscription::of(standard).raw());
        publish(world, topic, vec![ordered("a", "g", "1"), ordered("b", "h", "1")]).unwrap();
        world.pass(SignedDuration::from_secs(299));
        publish(world, topic, vec![ordered("c", "g", "1")]).unwrap();
        assert_eq!((bodies(world, fifo), bodies(world, standard)), (vec!["a".into()], vec!["a".into()]));
        world.pass(SignedDuration::from_secs(1));
        publish(world, topic, vec![ordered("d", "g", "1")]).unwrap();
        assert_eq!(bodies(world, fifo), ["a", "d"]);
    });
}

#[test]
fn an_empty_notice_is_rejected_and_a_batch_that_sns_does_not_take_is_refused_whole() {
    quiet(|world| {
        let (topic, queue) = (world.add_topic("events", TopicSettings::default()), queue(world));
        world.subscribe(topic, QueueSubscription::of(queue).raw());
        assert_eq!(publish(world, topic, vec![notice("a"), notice("")]), Ok(vec![1]));
        assert_eq!(publish(world, topic, vec![]), Ok(vec![]));
        for batch in [
            vec![notice("b"); 11],
            vec![notice(&"b".repeat(131_073)); 2],
            vec![notice("b"), ordered("b", "g", "1")],
            vec![notice("b").with("event", "")],
            vec![notice("b").with("an event", "paid")],
            vec![notice("b").with("event", "paid").with("event", "sent")],
        ] {
            assert!(matches!(publish(world, topic, batch), Err(CallError::Refused(_))));
        }
        assert_eq!(bodies(world, queue), ["a"]);
    });
}

#[test]
fn raw_delivery_loses_a_notice_with_more_attributes_than_a_message_holds() {
    quiet(|world| {
        let topic = world.add_topic("events", TopicSettings::default());
        let (bare, enveloped) = (queue(world), queue(world));
        world.subscribe(topic, QueueSubscription::of(bare).raw());
        world.subscribe(topic, QueueSubscription::of(enveloped));
        let attributes = (0..11).map(|i| (format!("a{i}").into(), i.into())).collect();
        publish(world, topic, vec![Notice { attributes, ..notice("a") }]).unwrap();
        assert_eq!((bodies(world, bare).len(), bodies(world, enveloped).len()), (0, 1));
    });
}

#[test]
fn a_filter_is_flat_and_names_at_most_five_attributes() {
    assert_eq!(Filter::parse(r#"{"event": {"kind": ["paid"]}}"#).unwrap_err().at, "event.kind");
    let six = r#"{"a": [1], "b": [1], "c": [1], "$or": [{"d": [1], "a": [2]}, {"e": [1]}, {"f": [1]}]}"#;
    assert!(Filter::parse(six).unwrap_err().why.contains("names 6"));
}
