//! What LocalStack cannot be held against: where it differs from AWS's documentation, or would take minutes.

use jiff::SignedDuration;
use tenfold_ports::queue::Fifo;

use super::*;
use crate::Bounds;

fn quiet(run: impl Fn(&World)) {
    let run = |world: &World| {
        run(world);
        Ok(())
    };
    crate::quiet(run).unwrap();
}

fn ask<R: 'static, F: Future<Output = R> + 'static>(
    world: &World,
    queue: QueueId,
    call: impl FnOnce(QueueOf) -> F + 'static,
) -> R {
    world.ask(move |env| call(env.queue(queue))).unwrap().unwrap()
}

fn send(world: &World, queue: QueueId, messages: Vec<Outgoing>) -> Rejected {
    ask(world, queue, |q| async move { q.send(messages).await }).unwrap()
}

fn receive(world: &World, queue: QueueId, max: usize) -> Vec<Delivery> {
    ask(world, queue, move |q| async move { q.receive(max, Duration::ZERO).await }).unwrap()
}

fn delete(world: &World, queue: QueueId, delivery: &Delivery) -> bool {
    let receipts = vec![delivery.receipt.clone()];
    ask(world, queue, |q| async move { q.delete(receipts).await }).unwrap().is_empty()
}

fn hide(world: &World, queue: QueueId, delivery: &Delivery, seconds: u64) -> bool {
    let receipts = vec![delivery.receipt.clone()];
    let visibility = Duration::from_secs(seconds);
    ask(world, queue, move |q| async move { q.hide(receipts, visibility).await }).unwrap().is_empty()
}

fn plain(body: &str) -> Outgoing {
    Outgoing::new(body.to_owned())
}

fn grouped(body: &str, group: &str, id: &str) -> Outgoing {
    Outgoing { fifo: Some(Fifo { group: group.into(), deduplication: id.into() }), ..plain(body) }
}

fn bodies(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|d| str::from_utf8(&d.body).unwrap()).collect()
}

const FIFO: fn() -> QueueSettings = || QueueSettings { fifo: true, ..QueueSettings::default() };

#[test]
fn an_older_receipt_of_a_message_deletes_nothing_and_hides_nothing() {
    quiet(|world| {
        let queue = world.add_queue("q", QueueSettings::default());
        send(world, queue, vec![plain("a")]);
        let first = receive(world, queue, 1).remove(0);
        world.pass(SignedDuration::from_secs(30));
        assert!(!hide(world, queue, &first, 9), "it is in nobody's hands");
        let second = receive(world, queue, 1).remove(0);
        assert_eq!((first.id == second.id, second.receive_count), (true, 2));
        assert!(!hide(world, queue, &first, 0));
        assert!(delete(world, queue, &first), "SQS says yes");
        assert_eq!(world.queue(queue, |m| m.bodies().count()), 1, "but does not delete");
        world.pass(SignedDuration::from_secs(30));
        assert!(delete(world, queue, &second), "the newest deletes although its time is up");
        assert_eq!(world.queue(queue, |m| m.bodies().count()), 0);
        assert!(delete(world, queue, &second), "again");
        assert!(!hide(world, queue, &second, 0), "there is nothing to hide");
    });
}

#[test]
fn receipts_of_a_fifo_queue_expire() {
    quiet(|world| {
        let queue = world.add_queue("q", FIFO());
        send(world, queue, vec![grouped("a", "g", "1")]);
        let first = receive(world, queue, 1).remove(0);
        world.pass(SignedDuration::from_secs(30));
        assert!(!delete(world, queue, &first));
        let second = receive(world, queue, 1).remove(0);
        assert!(!delete(world, queue, &first));
        assert!(delete(world, queue, &second));
    });
}

#[test]
fn a_group_is_locked_while_any_of_its_messages_is_in_flight() {
    quiet(|world| {
        let queue = world.add_queue("q", FIFO());
        let all = [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")].map(|(m, g)| grouped(m, g, m));
        send(world, queue, all.to_vec());
        let held = receive(world, queue, 2);
        assert_eq!(bodies(&held), ["a1", "a2"]);
        assert!(hide(world, queue, &held[0], 0));
        assert_eq!(bodies(&receive(world, queue, 10)), ["b1"], "a2 is in flight yet");
        assert!(delete(world, queue, &held[1]));
        assert_eq!(bodies(&receive(world, queue, 10)), ["a1", "a3"]);
    });
}

#[test]
fn a_deduplication_id_is_remembered_for_five_minutes_though_its_message_is_gone() {
    quiet(|world| {
        let queue = world.add_queue("q", FIFO());
        assert_eq!(send(world, queue, vec![grouped("a", "g", "1"), grouped("b", "h", "1")]), [0_usize; 0]);
        let held = receive(world, queue, 10);
        assert_eq!(bodies(&held), ["a"]);
        delete(world, queue, &held[0]);
        world.pass(SignedDuration::from_secs(299));
        send(world, queue, vec![grouped("c", "g", "1")]);
        assert!(receive(world, queue, 10).is_empty());
        world.pass(SignedDuration::from_secs(1));
        send(world, queue, vec![grouped("d", "g", "1")]);
        assert_eq!(bodies(&receive(world, queue, 10)), ["d"]);
    });
}

#[test]
fn a_dead_letter_keeps_its_id_its_time_and_its_count() {
    quiet(|world| {
        let letters = world.add_queue("letters", QueueSettings::default());
        let queue = world.add_queue("q", QueueSettings::default().redrive(letters, 2));
        send(world, queue, vec![plain("a")]);
        let first = receive(world, queue, 1).remove(0);
        world.pass(SignedDuration::from_secs(30));
        receive(world, queue, 1);
        world.pass(SignedDuration::from_secs(30));
        assert!(receive(world, queue, 1).is_empty());
        let letter = receive(world, letters, 1).remove(0);
        assert_eq!((letter.id, letter.sent_at, letter.receive_count), (first.id, first.sent_at, 3));
    });
}

#[test]
fn the_time_of_a_dead_letter_of_a_fifo_queue_starts_anew() {
    quiet(|world| {
        let letters = world.add_queue("letters", FIFO());
        let queue = world.add_queue("q", FIFO().redrive(letters, 1));
        send(world, queue, vec![grouped("a", "g", "1")]);
        receive(world, queue, 1);
        world.pass(SignedDuration::from_secs(30));
        assert!(receive(world, queue, 1).is_empty());
        assert_eq!(receive(world, letters, 1)[0].sent_at, world.now());
    });
}

#[test]
fn a_delay_of_a_fifo_queue_holds_for_each_of_its_messages() {
    quiet(|world| {
        let queue = world.add_queue("q", QueueSettings { delay: Duration::from_secs(5), ..FIFO() });
        send(world, queue, vec![grouped("a", "g", "1")]);
        assert!(receive(world, queue, 1).is_empty());
        world.pass(SignedDuration::from_secs(5));
        assert_eq!(bodies(&receive(world, queue, 1)), ["a"]);
    });
}

#[test]
fn entries_that_sqs_does_not_take_are_rejected_one_by_one() {
    quiet(|world| {
        let queue = world.add_queue("q", QueueSettings::default());
        let late = Outgoing { delay: Duration::from_secs(901), ..plain("late") };
        let batch = vec![plain("a"), plain(""), plain("\u{b}"), late, grouped("g", "g", "1"), plain("b")];
        assert_eq!(send(world, queue, batch), [1, 2, 3, 4]);
        assert_eq!(world.queue(queue, |m| m.bodies().map(str::to_owned).collect::<Vec<_>>()), ["a", "b"]);
    });
}

#[test]
fn a_batch_that_sqs_does_not_take_is_refused_whole() {
    quiet(|world| {
        let (queue, fifo) = (world.add_queue("q", QueueSettings::default()), world.add_queue("f", FIFO()));
        let ask = |queue, batch: Vec<Outgoing>| ask(world, queue, |q| async move { q.send(batch).await });
        assert!(ask(queue, vec![plain("a"); 11]).is_err());
        assert!(ask(queue, vec![plain(&"a".repeat(600_000)); 2]).is_err());
        assert!(ask(fifo, vec![grouped("a", "g", "1"), plain("b")]).is_err());
        assert_eq!(ask(queue, Vec::new()), Ok(Vec::new()));
        assert_eq!(world.queue(queue, |m| m.bodies().count()) + world.queue(fifo, |m| m.bodies().count()), 0);
    });
}

#[test]
fn a_standard_queue_may_deliver_what_somebody_holds_as_often_as_it_is_allowed_to() {
    let bounds = Bounds { faults: 0, ..Bounds::default() };
    let run = |world: &World| {
        let queue = world.add_queue("q", QueueSettings { duplicates: 1, ..QueueSettings::default() });
        world.spawn("test", (), move |env, ()| async move {
            let queue = env.queue(queue);
            queue.send(vec![plain("a")]).await.unwrap();
            for _ in 0..3 {
                env.report(queue.receive(1, Duration::ZERO).await.unwrap().len());
            }
        });
        world.run()?;
        let n: usize = world.reports::<usize>().iter().sum();
        if n > 1 { Err(format!("delivered {n} times").into()) } else { Ok(()) }
    };
    let found = crate::exhaust(bounds, run).violation.unwrap();
    assert_eq!(found.what, "delivered 2 times");
}

/// Lets a function consume a queue of two messages, and gives with which counts it saw each.
fn consumed(
    answer: impl Fn(&[Delivery]) -> Option<crate::FailedIds> + Copy + 'static,
) -> Vec<(SmolStr, u32)> {
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let noted = std::rc::Rc::clone(&seen);
    quiet(move |world| {
        let letters = world.add_queue("letters", QueueSettings::default());
        let queue = world.add_queue("q", QueueSettings::default().redrive(letters, 2));
        send(world, queue, vec![plain("a"), plain("b")]);
        let noted = std::rc::Rc::clone(&noted);
        world.consume(queue, 10, "function", move |_, deliveries| {
            let seen =
                deliveries.iter().map(|d| (bodies(std::slice::from_ref(d))[0].into(), d.receive_count));
            noted.borrow_mut().extend(seen);
            std::future::ready(answer(&deliveries))
        });
        world.run().unwrap();
        assert_eq!(world.queue(queue, |m| m.bodies().count()), 0);
    });
    seen.take()
}

#[test]
fn a_function_sees_again_what_it_could_not_take() {
    let once = vec![("a".into(), 1), ("b".into(), 1)];
    assert_eq!(consumed(|_| Some(Vec::new())), once);
    let b_fails =
        |all: &[Delivery]| Some(all.iter().filter(|d| d.body == "b").map(|d| d.id.clone()).collect());
    assert_eq!(consumed(b_fails), [once, vec![("b".into(), 2)]].concat());
}

#[test]
fn a_function_that_errs_or_names_what_is_not_of_its_batch_has_taken_nothing() {
    let twice = ["a", "b", "a", "b"].into_iter().zip([1, 1, 2, 2]);
    let twice: Vec<(SmolStr, u32)> = twice.map(|(body, count)| (body.into(), count)).collect();
    assert_eq!(consumed(|_| None), twice);
    assert_eq!(consumed(|_| Some(vec!["another".into()])), twice);
    assert_eq!(consumed(|all| Some(vec![all[0].id.clone(), "".into()])), twice);
}
