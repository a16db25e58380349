//! Queues, the stream, topics, buses and schedules: what brings something to a function, and when.

use tenfold_ports::blob::{Blob, PutIf};
use tenfold_ports::bus::{Bus, BusEvent};
use tenfold_ports::flags::Flags;
use tenfold_ports::queue::{Fifo, Outgoing};
use tenfold_ports::table::{Item, Key, Write};
use tenfold_ports::topic::{Notice, Topic};
use tenfold_ports::{Bytes, Downstream, Queue, Table};

use super::*;
use crate::aws::bus::{BusRule, BusSettings, RuleTarget};
use crate::aws::queue::QueueSettings;
use crate::aws::stream::MappingSettings;
use crate::aws::topic::{QueueSubscription, TopicSettings};
use crate::kernel::ids::QueueId;
use crate::pattern::EventPattern;
use crate::scale::host::{OutsideService, ServiceSettings};
use crate::scale::scenario::{Becomes, ChangedFunction};
use crate::scale::sources::{PollerLimits, QueuePollers, SourceKind};

#[test]
fn a_queue_is_drained_by_as_many_at_once_as_its_mapping_has() {
    let mut simulation = simulation(1.0, 0.0, &[]);
    let queue = simulation.world().add_queue("queue", QueueSettings::visible_after(Duration::from_secs(30)));
    let sender = simulation.function(SETTINGS, move |env| {
        Rc::new(move |_, _| {
            let env = env.clone();
            Box::pin(async move {
                for _ in 0..20 {
                    let batch = (0..10).map(|_| Outgoing::new("x".to_owned())).collect();
                    let _ = env.queue(queue).send(batch).await;
                }
                InvocationOutcome::Done(true)
            })
        })
    });
    simulation.schedule(Duration::from_secs(50), sender);
    let settings = LambdaSettings { role: "consumer", ..SETTINGS };
    let consumer = simulation.function(settings, |env| {
        Rc::new(move |_, _| {
            let env = env.clone();
            Box::pin(async move {
                let _ = Downstream::call(&env, call(Duration::from_secs(2))).await;
                InvocationOutcome::Batch(Some(Vec::new()))
            })
        })
    });
    simulation.consume(queue, consumer, 10, Some(3));
    run(&mut simulation, 60);
    let counts = simulation.functions[consumer.0].counts;
    assert_eq!((counts.most_busy, simulation.world().queue(queue, crate::aws::queue::Messages::len)), (3, 0));
    assert!(counts.invocations >= 20);
}

#[test]
fn a_stream_brings_each_change_to_its_function_once() {
    let mut simulation = simulation(50.0, 5.0, &[]);
    simulation.world().add_stream(2);
    serve(&mut simulation, SETTINGS, |env, request| async move {
        let item = Item::new(Key::new(format!("row#{}", request.path), "x"));
        env.write(Write::create(item)).await.map_or(500, |()| 200)
    });
    simulation.visitors(|number, _| Request { path: number.to_string().into(), ..Request::default() });
    let seen = Rc::new(std::cell::Cell::new(0));
    let counted = Rc::clone(&seen);
    let follower = simulation.function(LambdaSettings { role: "follower", ..SETTINGS }, move |_| {
        let counted = Rc::clone(&counted);
        Rc::new(move |event, _| {
            if let Event::Records(records) = &event {
                counted.set(counted.get() + records.len() as u64);
            }
            Box::pin(async { InvocationOutcome::Batch(Some(Vec::new())) })
        })
    });
    simulation.follow(MappingSettings { batch: 10, ..Default::default() }, follower);
    run(&mut simulation, 10);
    assert_eq!(seen.get(), simulation.recorder.came);
}

#[test]
fn a_receive_waits_until_there_is_a_message() {
    let mut simulation = simulation(1.0, 0.0, &[]);
    let queue = simulation.world().add_queue("queue", QueueSettings::visible_after(Duration::from_secs(30)));
    let times = Rc::new(std::cell::RefCell::new(Vec::new()));
    let heard = Rc::clone(&times);
    let receiver =
        simulation.function(LambdaSettings { timeout: Duration::from_secs(30), ..SETTINGS }, move |env| {
            let heard = Rc::clone(&heard);
            Rc::new(move |_, _| {
                let (env, heard) = (env.clone(), Rc::clone(&heard));
                Box::pin(async move {
                    let begun = tenfold_ports::Clock::now(&env);
                    let late =
                        vec![Outgoing { delay: Duration::from_secs(5), ..Outgoing::new("x".to_owned()) }];
                    let _ = env.queue(queue).send(late).await;
                    for _ in 0..2 {
                        let got = env
                            .queue(queue)
                            .receive(10, Duration::from_secs(10))
                            .await
                            .map_or(9, |all| all.len());
                        heard
                            .borrow_mut()
                            .push((got, tenfold_ports::Clock::now(&env).duration_since(begun).as_secs()));
                    }
                    InvocationOutcome::Done(true)
                })
            })
        });
    simulation.schedule(Duration::from_secs(50), receiver);
    run(&mut simulation, 90);
    assert_eq!(*times.borrow(), [(1, 5), (0, 15)]);
}

fn queue_of(simulation: &Simulation, settings: QueueSettings) -> QueueId {
    simulation.world().add_queue("queue", settings)
}

fn hidden_for(seconds: u64) -> QueueSettings {
    QueueSettings::visible_after(Duration::from_secs(seconds))
}

/// A function that does something once, a minute after the begin and a little.
fn once<F: Future<Output = ()> + 'static>(
    simulation: &mut Simulation,
    act: impl Fn(Env) -> F + Clone + 'static,
) {
    let function = does(simulation, SETTINGS, move |env, _| {
        let acts = act(env);
        async move {
            acts.await;
            InvocationOutcome::Done(true)
        }
    });
    simulation.schedule(Duration::from_mins(1), function);
}

fn event() -> BusEvent {
    BusEvent { source: "s".into(), detail_type: "d".into(), detail: "{}".to_owned() }
}

async fn send(env: Env, queue: QueueId, many: usize) {
    for _ in 0..many.div_ceil(10) {
        let batch = (0..many.min(10)).map(|_| Outgoing::new("x".to_owned())).collect();
        let _ = env.queue(queue).send(batch).await;
    }
}

#[test]
fn a_batch_that_is_too_much_is_tried_again_before_its_messages_are_seen_again() {
    let mut simulation = simulation(1.0, 0.0, &[]);
    let queue = queue_of(&simulation, hidden_for(600));
    once(&mut simulation, move |env| send(env, queue, 1));
    let settings = LambdaSettings { role: "consumer", reserved: Some(0), ..SETTINGS };
    let (consumer, seen) = notes(&mut simulation, settings, all_done);
    simulation.consume(queue, consumer, 10, None);
    let free = Becomes::Function(ChangedFunction { role: "consumer".into(), reserved: None });
    simulation.script = vec![(100 * SECOND, free)];
    run(&mut simulation, 119);
    let seen = seen.borrow();
    assert!(seen.len() == 1 && (100.0..103.0).contains(&seen[0].1), "{seen:?}");
}

#[test]
fn pollers_become_more_while_there_is_more_than_they_take_and_then_less() {
    let limits = PollerLimits { start: 5.0, growth: 5.0, decline: 5.0, most: 100.0 };
    let mut pollers =
        QueuePollers { queue: 0, batch: 10, most: 60.0, busy: 0, pollers: 0.0, counted: 0, behind: false };
    let mut after = |seconds: u64, busy, behind| {
        (pollers.busy, pollers.behind) = (busy, behind);
        pollers.count(limits, seconds * SECOND);
        pollers.pollers as u32
    };
    assert_eq!(after(100, 0, false), 5, "an idle queue has five");
    assert_eq!(after(104, 5, true), 25);
    assert_eq!(after(200, 25, true), 60, "no more than the mapping has");
    assert_eq!(after(202, 10, false), 50);
    assert_eq!(after(220, 10, false), 10, "as many as are at work");
}

#[test]
fn a_backlog_that_is_taken_away_does_not_send_pollers_home() {
    let mut simulation = simulation(1.0, 0.0, &[]);
    let queue = queue_of(&simulation, hidden_for(600));
    once(&mut simulation, move |env| send(env, queue, 5_000));
    let settings = LambdaSettings { role: "consumer", ..SETTINGS };
    let consumer = does(&mut simulation, settings, |env, _| async move {
        let _ = Downstream::call(&env, call(Duration::from_secs(2))).await;
        all_done()
    });
    simulation.consume(queue, consumer, 10, None);
    run(&mut simulation, 119);
    let SourceKind::Queue(pollers) = &simulation.sources[1].kind else { panic!("a queue") };
    assert!(!pollers.behind && simulation.world().queue(queue, crate::aws::queue::Messages::is_empty));
    assert!(simulation.functions[1].counts.most_busy >= 5);
}

#[test]
fn dead_letters_are_no_backlog_and_do_not_wake_a_receive() {
    let mut simulation = simulation(1.0, 0.0, &[]);
    let letters = queue_of(&simulation, hidden_for(30));
    let queue = queue_of(&simulation, hidden_for(5).redrive(letters, 1));
    let got = Notes::<usize>::default();
    let heard = Rc::clone(&got);
    let begin = simulation.begin;
    let settings = LambdaSettings { timeout: Duration::from_secs(40), ..SETTINGS };
    let receiver = does(&mut simulation, settings, move |env, _| {
        let heard = Rc::clone(&heard);
        async move {
            send(env.clone(), queue, 1).await;
            for _ in 0..2 {
                let all =
                    env.queue(queue).receive(10, Duration::from_secs(15)).await.map_or(9, |all| all.len());
                heard
                    .borrow_mut()
                    .push((all, tenfold_ports::Clock::now(&env).duration_since(begin).as_secs_f64()));
            }
            InvocationOutcome::Done(true)
        }
    });
    simulation.schedule(Duration::from_mins(1), receiver);
    run(&mut simulation, 110);
    let got = got.borrow();
    assert_eq!((got[0].0, got[1].0), (1, 0));
    assert!(got[1].1 - got[0].1 > 15.0, "it has waited to its end: {got:?}");
    assert_eq!(simulation.world().queue(letters, crate::aws::queue::Messages::len), 1);
    assert!(simulation.recorder.seconds.last().unwrap().backlog < 1.0);
}

#[test]
fn records_that_nobody_has_read_are_backlog() {
    let mut simulation = simulation(50.0, 5.0, &[]);
    simulation.world().add_stream(1);
    serve(&mut simulation, SETTINGS, |env, request| async move {
        let item = Item::new(Key::new(format!("row#{}", request.path), "x"));
        env.write(Write::create(item)).await.map_or(500, |()| 200)
    });
    simulation.visitors(|number, _| Request { path: number.to_string().into(), ..Request::default() });
    let settings = LambdaSettings { role: "follower", reserved: Some(0), ..SETTINGS };
    let (follower, _) = notes(&mut simulation, settings, all_done);
    simulation.follow(MappingSettings { batch: 10, ..Default::default() }, follower);
    run(&mut simulation, 10);
    let waiting = simulation.recorder.seconds.last().unwrap().backlog;
    assert_eq!(waiting as u64, simulation.recorder.came);
}

#[test]
fn a_topics_and_a_buss_messages_take_their_time_and_a_schedule_is_late() {
    let mut simulation = simulation(1.0, 0.0, &[]);
    simulation.figures.stretch("topic.delivery", 1_000.0).unwrap();
    let (queue, topic) =
        (queue_of(&simulation, hidden_for(600)), simulation.world().add_topic("t", TopicSettings::default()));
    simulation.world().subscribe(topic, QueueSubscription::of(queue));
    let bus = simulation.world().add_bus("b", BusSettings::default());
    let settings = LambdaSettings { role: "consumer", ..SETTINGS };
    let (consumer, of_queue) = notes(&mut simulation, settings, all_done);
    simulation.consume(queue, consumer, 10, None);
    let (called, of_bus) = notes(&mut simulation, settings, || InvocationOutcome::Done(true));
    let target = simulation.target_of_rules(called);
    let pattern = EventPattern::parse(r#"{"source":["s"]}"#).unwrap();
    simulation.world().add_rule(bus, BusRule { pattern, targets: vec![RuleTarget::Function(target)] });
    let sent = Notes::<()>::default();
    let (noted, begin) = (Rc::clone(&sent), simulation.begin);
    once(&mut simulation, move |env| {
        noted.borrow_mut().push(((), tenfold_ports::Clock::now(&env).duration_since(begin).as_secs_f64()));
        async move {
            let _ = env.topic(topic).publish(vec![Notice::new("x".to_owned())]).await;
            let _ = env.bus(bus).put(vec![event()]).await;
        }
    });
    run(&mut simulation, 119);
    let at = |notes: &Notes<usize>| notes.borrow().first().map_or(0.0, |(_, at)| *at);
    let sent = sent.borrow()[0].1;
    assert!(sent > 60.3, "the schedule is late: {sent}");
    assert!((sent + 0.05..sent + 2.0).contains(&at(&of_bus)), "{sent}, {}", at(&of_bus));
    assert!(at(&of_queue) > sent + 10.0, "{sent}, {}", at(&of_queue));
}

#[test]
fn an_event_whose_function_fails_comes_again_as_often_as_the_function_says() {
    for (retries, expected) in [(0, 1), (2, 3)] {
        let mut simulation = simulation(1.0, 0.0, &[]);
        let (failing, seen) =
            notes(&mut simulation, LambdaSettings { retries, ..SETTINGS }, || InvocationOutcome::Done(false));
        simulation.schedule(Duration::from_mins(10), failing);
        run(&mut simulation, 1_100);
        assert_eq!(seen.borrow().len(), expected, "{seen:?}");
        assert_eq!(simulation.functions[0].counts.given_up, 1);
    }
}

#[test]
fn services_refuse_what_is_more_than_their_rate() {
    let few = [
        ("topic.publishes", 5.0),
        ("bus.puts", 5.0),
        ("queue.fifo_calls", 5.0),
        ("flags.gets", 5.0),
        ("blob.puts_a_prefix", 5.0),
        ("blob.gets_a_prefix", 5.0),
    ];
    for which in 0..6 {
        let mut simulation = simulation(200.0, 2.0, &few);
        let fifo = queue_of(&simulation, QueueSettings { fifo: true, ..hidden_for(30) });
        let topic = simulation.world().add_topic("t", TopicSettings::default());
        let bus = simulation.world().add_bus("b", BusSettings::default());
        let bucket = simulation.world().add_bucket("c");
        serve(&mut simulation, SETTINGS, move |env, request| async move {
            let group = Fifo { group: "g".into(), deduplication: request.path.clone() };
            let well = match which {
                0 => env.topic(topic).publish(vec![Notice::new("x".to_owned())]).await.is_ok(),
                1 => env.bus(bus).put(vec![event()]).await.is_ok(),
                2 => {
                    let message = Outgoing { fifo: Some(group), ..Outgoing::new("x".to_owned()) };
                    env.queue(fifo).send(vec![message]).await.is_ok()
                }
                3 => env.read("flag").await.is_ok(),
                4 => env.blob(bucket).put("a/b", Bytes::new(), PutIf::Always).await.is_ok(),
                _ => env.blob(bucket).get("a/b").await.is_ok(),
            };
            if well { 200 } else { 503 }
        });
        simulation.visitors(|number, _| Request { path: number.to_string().into(), ..Request::default() });
        run(&mut simulation, 5);
        let through = status(&simulation, 200);
        assert!((5..=25).contains(&through), "{}: {through}", few[which].0);
        assert_eq!(simulation.world.state.borrow().timed.as_ref().unwrap().rates.refused.len(), 1);
    }
}

#[test]
fn an_event_that_is_too_old_is_given_up() {
    let mut simulation = simulation(1.0, 0.0, &[]);
    let settings = LambdaSettings {
        reserved: Some(0),
        event_age: Duration::from_secs(20),
        ..LambdaSettings::new("x", Duration::from_secs(3), 128)
    };
    let (never, seen) = notes(&mut simulation, settings, all_done);
    simulation.schedule(Duration::from_mins(1), never);
    run(&mut simulation, 110);
    let counts = simulation.functions[0].counts;
    assert_eq!((seen.borrow().len(), counts.given_up), (0, 1));
    assert!((4..=6).contains(&counts.refused), "after 1, 2, 4 and 8 s: {counts:?}");
}

#[test]
fn a_queue_gives_out_no_more_than_may_be_in_flight() {
    let mut simulation = simulation(1.0, 0.0, &[("queue.in_flight", 3.0)]);
    let queue = queue_of(&simulation, hidden_for(600));
    once(&mut simulation, move |env| send(env, queue, 20));
    let settings = LambdaSettings { role: "consumer", timeout: Duration::from_mins(5), ..SETTINGS };
    let consumer = does(&mut simulation, settings, |env, _| async move {
        let _ = Downstream::call(&env, call(Duration::from_mins(4))).await;
        all_done()
    });
    simulation
        .hosts
        .insert("pay".into(), OutsideService::new(ServiceSettings { hangs: true, ..Default::default() }));
    simulation.consume(queue, consumer, 10, None);
    run(&mut simulation, 100);
    let state = simulation.world.state.borrow();
    assert_eq!(state.queues[0].depth(state.now).in_flight, 10, "the batch with which it is full");
}
