//! Sequences over queues: what is generated, and how it is run on both sides.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use jiff::SignedDuration;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use tenfold_aws::queue::SqsQueue;
use tenfold_ports::Queue;
use tenfold_ports::queue::Depth;
use tenfold_world::{QueueId, QueueSettings, World};

use crate::both::{Both, ask, in_quiet_world};
use crate::messages::{Batch, Held, Kind, Message, Odd, Step};
use crate::suite::{Compared, Failure};
use crate::tables::compare;

/// So long that it does not end while a sequence runs.
const LONG: u64 = 300;
/// What a settling world lets pass, and LocalStack is waited for: more than any short time, far from a long.
const SETTLING: SignedDuration = SignedDuration::from_secs(2);
/// How long LocalStack may take to make visible what is due; it looks once a second.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(200);

/// A queue and what is done with it.
#[derive(Debug, Clone)]
pub struct Sequence {
    fifo: bool,
    /// Whether received messages come back by themselves soon.
    short: bool,
    /// The delay of a FIFO queue, in seconds.
    delay: u64,
    redrive: Option<u32>,
    steps: Vec<Step>,
}

pub fn standard() -> impl Strategy<Value = Sequence> {
    let delays = prop_oneof![5 => Just(0), 1 => Just(1), 1 => Just(900)];
    let steps = vec(step(message(Just(0), delays, Just(None)), 10), 4..14);
    (steps, prop::bool::weighted(0.3)).prop_map(|(steps, short)| {
        let steps = begun(steps, 3);
        Sequence { fifo: false, short, delay: 0, redrive: None, steps }
    })
}

pub fn fifo() -> impl Strategy<Value = Sequence> {
    // Of several groups, which comes first is open; so they are all received together.
    let kind =
        (any::<bool>(), prop::bool::weighted(0.25), prop_oneof![8 => Just(0), 2 => Just(1), 1 => Just(900)]);
    kind.prop_flat_map(|(groups, short, delay)| {
        let group = if groups { 0..3_u8 } else { 0..1_u8 };
        let again = option::weighted(0.2, 0..10_usize);
        let max = if groups { 10..11_usize } else { 1..11 };
        let step = step_of(
            message(group, Just(0), again).boxed(),
            max,
            vec(select(Odd::ALL.to_vec()), 0..3).boxed(),
        );
        vec(step, 4..14).prop_map(move |steps| {
            let steps = begun(steps, 3);
            Sequence { fifo: true, short, delay, redrive: None, steps }
        })
    })
}

pub fn redrive() -> impl Strategy<Value = Sequence> {
    (any::<bool>(), 1..4_u32).prop_flat_map(|(fifo, receives)| {
        let group = if fifo { 0..2_u8 } else { 0..1 };
        let message = message(group, Just(0), Just(None)).boxed();
        let all = || Batch { which: u16::MAX, odd: Vec::new() };
        let step = prop_oneof![
            3 => vec(message, 1..4).prop_map(Step::Send),
            5 => Just(Step::Receive { max: 10, letters: false }),
            4 => Just(Step::Hide(all(), 0)),
            1 => any::<u16>().prop_map(|which| Step::Hide(Batch { which, odd: Vec::new() }, 0)),
            1 => any::<u16>().prop_map(|which| Step::Delete(Batch { which, odd: Vec::new() })),
            2 => Just(Step::Receive { max: 10, letters: true }),
        ];
        vec(step, 6..16).prop_map(move |steps| Sequence {
            fifo,
            short: false,
            delay: 0,
            redrive: Some(receives),
            steps,
        })
    })
}

pub fn partial() -> impl Strategy<Value = Sequence> {
    any::<bool>().prop_flat_map(|fifo| {
        let body = || prop_oneof![4 => Just(None), 1 => select(vec!["", "\u{b}", "\u{fffe}", "\t\r\n"]).prop_map(Some)];
        let message = (body(), prop::bool::weighted(0.15));
        let message = message.prop_map(|(body, astray)| Message { body, astray, ..Message::default() });
        let batch = prop_oneof![6 => 1..7_usize, 1 => Just(11)].prop_flat_map(move |n| vec(message.clone(), n));
        let odd = || vec(select(Odd::ALL.to_vec()), 0..4);
        let step = prop_oneof![
            3 => batch.prop_map(Step::Send),
            3 => Just(Step::Receive { max: 10, letters: false }),
            2 => (any::<u16>(), odd()).prop_map(|(which, odd)| Step::Delete(Batch { which, odd })),
            2 => (any::<u16>(), odd(), select(vec![0, LONG]))
                .prop_map(|(which, odd, seconds)| Step::Hide(Batch { which, odd }, seconds)),
        ];
        vec(step, 4..14).prop_map(move |steps| {
            let steps = begun(steps, 4);
            Sequence { fifo, short: false, delay: 0, redrive: None, steps }
        })
    })
}

/// The steps after a few messages were sent and received, so that there is something to go on with.
fn begun(steps: Vec<Step>, messages: usize) -> Vec<Step> {
    let first = [Step::Send(vec![Message::default(); messages]), Step::Receive { max: 10, letters: false }];
    first.into_iter().chain(steps).collect()
}

fn message(
    group: impl Strategy<Value = u8>,
    delay: impl Strategy<Value = u64>,
    again: impl Strategy<Value = Option<usize>>,
) -> impl Strategy<Value = Message> {
    (group, delay, again).prop_map(|(group, delay, again)| Message {
        group,
        delay,
        again,
        ..Message::default()
    })
}

fn step(message: impl Strategy<Value = Message> + 'static, max: usize) -> BoxedStrategy<Step> {
    step_of(message.boxed(), 1..max + 1, vec(select(Odd::ALL.to_vec()), 0..3).boxed())
}

fn step_of(
    message: BoxedStrategy<Message>,
    max: std::ops::Range<usize>,
    odd: BoxedStrategy<Vec<Odd>>,
) -> BoxedStrategy<Step> {
    let batch = move || (any::<u16>(), odd.clone()).prop_map(|(which, odd)| Batch { which, odd });
    prop_oneof![
        3 => vec(message, 1..4).prop_map(Step::Send),
        4 => max.prop_map(|max| Step::Receive { max, letters: false }),
        2 => batch().prop_map(Step::Delete),
        2 => (batch(), select(vec![0, 0, 1, LONG])).prop_map(|(batch, seconds)| Step::Hide(batch, seconds)),
        1 => Just(Step::Settle),
    ]
    .boxed()
}

/// The queues of a sequence on both sides, and what each holds of their messages.
struct Running<'a> {
    both: &'a Both,
    world: &'a World,
    here: [QueueId; 2],
    there: [SqsQueue; 2],
    held_here: Held,
    held_there: Held,
    compared: usize,
}

pub fn run(both: &Both, sequence: &Sequence) -> Compared {
    let name = Both::name();
    let (letters, letters_url) = sequence.queue(both, &format!("{name}-letters"), None)?;
    let (queue, queue_url) = sequence.queue(both, &name, Some(&format!("{name}-letters")))?;
    let there = [queue, letters];
    let result = in_quiet_world(|world| {
        let letters = world.add_queue("letters", sequence.settings(None));
        let queue = world.add_queue("queue", sequence.settings(Some(letters)));
        let kind = Kind { fifo: sequence.fifo, short: sequence.short, delayed: sequence.delay > 0 };
        Running {
            both,
            world,
            here: [queue, letters],
            there: there.clone(),
            held_here: Held::new(kind),
            held_there: Held::new(kind),
            compared: 0,
        }
        .run(&sequence.steps)
    });
    both.delete_queue(&queue_url);
    both.delete_queue(&letters_url);
    result
}

impl Sequence {
    fn visibility(&self) -> u64 {
        if self.short { 1 } else { LONG }
    }

    fn queue(&self, both: &Both, name: &str, letters: Option<&str>) -> Result<(SqsQueue, String), Failure> {
        let mut attributes = HashMap::from([(Attribute::VisibilityTimeout, self.visibility().to_string())]);
        if self.fifo {
            attributes.insert(Attribute::FifoQueue, "true".to_owned());
            attributes.insert(Attribute::DelaySeconds, self.delay.to_string());
        }
        if let (Some(letters), Some(receives)) = (letters, self.redrive) {
            let letters = Both::queue_arn(letters, self.fifo);
            let policy = json!({ "deadLetterTargetArn": letters, "maxReceiveCount": receives });
            attributes.insert(Attribute::RedrivePolicy, policy.to_string());
        }
        both.create_queue(name, attributes)
    }

    fn settings(&self, letters: Option<QueueId>) -> QueueSettings {
        QueueSettings {
            visibility: Duration::from_secs(self.visibility()),
            delay: Duration::from_secs(self.delay),
            redrive: letters.zip(self.redrive),
            fifo: self.fifo,
            duplicates: 0,
            most_in_flight: usize::MAX,
        }
    }
}

impl Running<'_> {
    fn run(mut self, steps: &[Step]) -> Compared {
        for step in steps {
            // What is about to change by itself does so at other times on the two sides: first let it.
            if self.held_here.changes_soon(step) {
                self.settle()?;
            }
            match step {
                Step::Settle => self.settle()?,
                step => self.step(step)?,
            }
        }
        self.settle()?;
        Ok(self.compared)
    }

    fn step(&mut self, step: &Step) -> Result<(), Failure> {
        let queue = usize::from(matches!(step, Step::Receive { letters: true, .. }));
        let (queue_here, making) = (self.here[queue], step.clone());
        let held = std::mem::take(&mut self.held_here);
        let (held, here) =
            ask(self.world, move |env| async move { making.make(&env.queue(queue_here), held, false).await });
        self.held_here = held;
        let held = std::mem::take(&mut self.held_there);
        let (held, there) = self.both.local(step.clone().make(&self.there[queue], held, true));
        self.held_there = held;
        self.compared += 1;
        compare(self.compared, &format!("{step:?}: {there}"), &format!("{step:?}: {here}"))
    }

    /// Lets pass what is short, and compares how many messages there are then.
    fn settle(&mut self) -> Result<(), Failure> {
        self.world.pass(SETTLING);
        self.held_here.settle();
        self.held_there.settle();
        for (here, there) in self.here.into_iter().zip(&self.there) {
            let expected = ask(self.world, move |env| async move { env.queue(here).depth().await }).unwrap();
            let seen = self.both.local(reached(there, expected, PATIENCE));
            self.compared += 1;
            compare(self.compared, &format!("settled: {seen}"), &format!("settled: {expected:?}"))?;
        }
        Ok(())
    }
}

/// Asks until the queue is as deep as it should be, or patience ends.
pub async fn reached(queue: &SqsQueue, expected: Depth, patience: Duration) -> String {
    let begun = Instant::now();
    loop {
        match queue.depth().await {
            Err(error) => return format!("{error} (no answer)"),
            Ok(depth) if depth == expected || begun.elapsed() > patience => return format!("{depth:?}"),
            Ok(_) => tokio::time::sleep(POLL).await,
        }
    }
}
