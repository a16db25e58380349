//! Messages of a queue, and a function that takes them in batches: what is generated, and how it is run.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use smol_str::SmolStr;
use tenfold_aws::queue::SqsQueue;
use tenfold_ports::Queue;
use tenfold_ports::queue::{Delivery, Depth, Fifo, Outgoing};
use tenfold_world::{FailedIds, QueueId, QueueSettings, World};

use super::relay::{self, PATIENCE, TIMEOUT, reaches};
use super::script::{ALWAYS, How, whole};
use crate::both::{Both, ask, in_quiet_world};
use crate::queues::reached;
use crate::suite::{Compared, Failure};
use crate::tables::compare;

/// As many as a batch can hold.
const MOST: usize = 10;

/// The messages, how their queue is mapped, and how the function answers.
#[derive(Debug, Clone)]
pub struct Plan {
    fifo: bool,
    batch: usize,
    /// After how many receives a message is a dead letter.
    redrive: Option<u32>,
    messages: Vec<Message>,
    /// How a batch fails as a whole when its messages come for the first time, for the second, and so on.
    whole: Vec<How>,
}

#[derive(Debug, Clone)]
struct Message {
    group: u8,
    /// How often it fails.
    fails: u32,
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let kind = (any::<bool>(), option::weighted(0.6, 1..4_u32), prop::bool::weighted(0.3));
    kind.prop_flat_map(|(fifo, redrive, as_a_whole)| {
        // What fails forever ends only where it becomes a dead letter.
        let often = if redrive.is_some() { vec![2, ALWAYS] } else { vec![2] };
        let fails = prop_oneof![3 => Just(0), 2 => Just(1), 2 => select(often)];
        // DIFFERENCES.md: in LocalStack a group that fails as a whole keeps those received with it from the
        // function.
        let groups = if fifo && !as_a_whole { 2_u8 } else { 1 };
        let message = (0..groups, fails).prop_map(|(group, fails)| Message { group, fails });
        // Where a message hangs on the others of its batch, all are in one: see below.
        let batch = if as_a_whole || fifo { MOST..MOST + 1 } else { 1..6 };
        let rounds = if as_a_whole { 1..3_usize } else { 0..1 };
        let all = (batch, vec(message, 1..8), vec(select(How::WHOLE.to_vec()), rounds));
        all.prop_map(move |(batch, messages, whole)| Plan { fifo, batch, redrive, messages, whole })
    })
}

/// A message, as the function sees it.
struct Seen {
    id: SmolStr,
    body: String,
    count: u32,
}

/// What the function has noted of each message: with which receive count it came, and what became of it.
type Notes = BTreeMap<String, Vec<(u32, Note)>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Taken,
    Fails,
    /// With its whole batch.
    FailsWith(How),
    /// It came without those that it came with before.
    Apart,
}

impl Plan {
    /// Answers an invocation. It depends on each message and its receive count only, but for batches that fail
    /// as a whole: all their messages have the same count, as they were all received at once.
    fn answer(&self, batch: &[Seen], notes: &mut Notes) -> Option<FailedIds> {
        let round = batch.first().map_or(0, |seen| seen.count.saturating_sub(1) as usize);
        let fails_whole = self.whole.get(round);
        let (mut failed, mut stopped) = (FailedIds::new(), Vec::new());
        for Seen { id, body, count } in batch {
            let (group, fails) = self.message(body).map_or((0, 0), |message| (message.group, message.fails));
            // On a FIFO queue what follows a message that failed has to wait for it.
            let fails = *count <= fails || self.fifo && stopped.contains(&group);
            let note = match fails_whole {
                Some(_) if *count != batch[0].count => Note::Apart,
                Some(how) => Note::FailsWith(*how),
                None if fails => Note::Fails,
                None => Note::Taken,
            };
            notes.entry(body.clone()).or_default().push((*count, note));
            if fails {
                stopped.push(group);
                failed.push(id.clone());
            }
        }
        fails_whole.map_or(Some(failed), |how| whole(*how))
    }

    fn message(&self, body: &str) -> Option<&Message> {
        self.messages.get(body.parse::<usize>().ok()?)
    }

    /// All messages; each body is its message's place.
    fn outgoing(&self) -> Vec<Outgoing> {
        let message = |(i, message): (usize, &Message)| Outgoing {
            fifo: self.fifo.then(|| Fifo {
                group: format!("group-{}", message.group).into(),
                deduplication: format!("id-{i}").into(),
            }),
            ..Outgoing::new(i.to_string())
        };
        self.messages.iter().enumerate().map(message).collect()
    }
}

/// What became of the messages.
struct Became {
    notes: Notes,
    left: String,
    /// The bodies of the dead letters, and how often they were received.
    letters: Vec<String>,
}

pub fn run(both: &Both, plan: &Plan) -> Compared {
    in_quiet_world(|world| {
        let name = Both::name();
        let here = here(world, plan)?;
        let there = there(both, plan, &name, &here)?;
        if let Some(what) = late(&there.notes) {
            return Err(Failure::Unanswered(what.to_owned()));
        }
        compare(0, &format!("{:#?}", there.notes), &format!("{:#?}", here.notes))?;
        compare(1, &there.left, &here.left)?;
        compare(2, &format!("{:?}", there.letters), &format!("{:?}", here.letters))?;
        Ok(count(&here.notes) + here.letters.len())
    })
}

fn here(world: &World, plan: &Plan) -> Result<Became, Failure> {
    let settings = QueueSettings { fifo: plan.fifo, ..QueueSettings::visible_after(TIMEOUT) };
    let letters = world.add_queue("letters", settings);
    let redrive = plan.redrive.map(|receives| (letters, receives));
    let queue = world.add_queue("queue", QueueSettings { redrive, ..settings });
    let outgoing = plan.outgoing();
    let sent = ask(world, move |env| async move { env.queue(queue).send(outgoing).await });
    compare(0, "Ok([])", &format!("{sent:?}"))?;
    let notes = Arc::new(Mutex::new(Notes::new()));
    let (answers, noting) = (plan.clone(), Arc::clone(&notes));
    world.consume(queue, plan.batch, "function", move |_, deliveries| {
        let batch: Vec<Seen> = deliveries.iter().map(seen).collect();
        let answer = answers.answer(&batch, &mut noting.lock().unwrap_or_else(PoisonError::into_inner));
        async move { answer }
    });
    world.run().map_err(|why| Failure::Differs(format!("the world's run ends with {why:?}")))?;
    let depth = |queue: QueueId| ask(world, move |env| async move { env.queue(queue).depth().await });
    let left = format!("{:?}", depth(queue).map_err(|why| Failure::Differs(why.to_string()))?);
    let dead = ask(world, move |env| async move { env.queue(letters).receive(MOST, Duration::ZERO).await });
    let letters = dead.map_err(|why| Failure::Differs(why.to_string()))?;
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Became { notes, left, letters: told(&letters) })
}

fn seen(delivery: &Delivery) -> Seen {
    let body = String::from_utf8_lossy(&delivery.body).into_owned();
    Seen { id: delivery.id.clone(), body, count: delivery.receive_count }
}

fn seen_in(record: &Value) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let count = text(&record["attributes"]["ApproximateReceiveCount"]).parse().unwrap_or(0);
    Seen { id: text(&record["messageId"]).into(), body: text(&record["body"]), count }
}

fn told(letters: &[Delivery]) -> Vec<String> {
    let mut told: Vec<String> =
        letters.iter().map(seen).map(|seen| format!("{} for the {}. time", seen.body, seen.count)).collect();
    told.sort_unstable();
    told
}

/// Runs the plan on LocalStack, until it has come as far as the world has and no message is left.
fn there(both: &Both, plan: &Plan, name: &str, expected: &Became) -> Result<Became, Failure> {
    let dead = format!("{name}-letters");
    let fifo = || plan.fifo.then(|| (Attribute::FifoQueue, "true".to_owned()));
    let (dead_letters, dead_url) = both.create_queue(&dead, fifo().into_iter().collect())?;
    let mut attributes: HashMap<_, _> = fifo().into_iter().collect();
    attributes.insert(Attribute::VisibilityTimeout, TIMEOUT.as_secs().to_string());
    if let Some(receives) = plan.redrive {
        let target = Both::queue_arn(&dead, plan.fifo);
        let policy = json!({ "deadLetterTargetArn": target, "maxReceiveCount": receives });
        attributes.insert(Attribute::RedrivePolicy, policy.to_string());
    }
    let made = both.create_queue(name, attributes);
    let result = made.and_then(|(queue, url)| {
        let source = Both::queue_arn(name, plan.fifo);
        let result = follow(both, plan, &queue, &source, (&dead_letters, expected));
        both.delete_queue(&url);
        result
    });
    both.delete_queue(&dead_url);
    result
}

fn follow(
    both: &Both,
    plan: &Plan,
    queue: &SqsQueue,
    source: &str,
    (dead_letters, expected): (&SqsQueue, &Became),
) -> Result<Became, Failure> {
    let sent = both.local(queue.send(plan.outgoing()));
    if sent.as_ref().is_ok_and(|rejected| !rejected.is_empty()) || sent.is_err() {
        return Err(Failure::Unanswered(format!("send messages: {sent:?}")));
    }
    let notes = Arc::new(Mutex::new(Notes::new()));
    let (answers, noting) = (plan.clone(), Arc::clone(&notes));
    let script = move |records: &[Value]| {
        let batch: Vec<Seen> = records.iter().map(seen_in).collect();
        answers.answer(&batch, &mut noting.lock().unwrap_or_else(PoisonError::into_inner))
    };
    let mapping = relay::map(both, source, Arc::new(script), json!({ "BatchSize": plan.batch }))?;
    let held = || notes.lock().unwrap_or_else(PoisonError::into_inner);
    // LocalStack's depth alone says little: a message that comes back is for a moment nowhere.
    reaches(both, count(&expected.notes), || count(&held()));
    let (mut letters, mut failed) = (Vec::new(), None);
    reaches(both, expected.letters.len(), || match both.local(dead_letters.receive(MOST, Duration::ZERO)) {
        Ok(more) => {
            letters.extend(more);
            letters.len()
        }
        Err(why) => {
            failed = Some(why);
            usize::MAX
        }
    });
    if let Some(why) = failed {
        return Err(Failure::Unanswered(format!("receive dead letters: {why}")));
    }
    let left = both.local(reached(queue, Depth::default(), PATIENCE));
    drop(mapping);
    let notes = held().clone();
    Ok(Became { notes, left, letters: told(&letters) })
}

/// What shows that LocalStack was too slow for what is compared: AWS promises neither that a message comes once
/// only nor that it reaches the function each time.
fn late(notes: &Notes) -> Option<&'static str> {
    if notes.values().any(|notes| notes.iter().rev().skip(1).any(|(_, note)| *note == Note::Taken)) {
        return Some("delete a message before its visibility ends");
    }
    if notes.values().any(|notes| notes.iter().zip(1..).any(|((count, _), place)| *count != place)) {
        return Some("invoke a function within its time-out");
    }
    notes
        .values()
        .any(|notes| notes.iter().any(|(_, note)| *note == Note::Apart))
        .then_some("receive together what comes back together")
}

/// How many times messages were seen.
fn count(notes: &Notes) -> usize {
    notes.values().map(Vec::len).sum()
}
