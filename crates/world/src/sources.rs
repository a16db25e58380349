//! What invokes functions: queues, the table's stream, services that invoke asynchronously, and state machines.
//!
//! A source with something to deliver is one of the things that may happen next. Its invocation is a handler
//! like any other; what it answers, or that it dies, goes back to the source. Time passes by itself only when
//! nobody can go on: then it is the time at which the next delivery, retry or time-out is due.
//!
//! How batches are made and when they come again is in [`crate::queue`], [`crate::stream`],
//! [`crate::invocations`] and [`crate::flow`].

use std::cell::RefCell;
use std::rc::Rc;

use jiff::Timestamp;
use serde_json::Value as Json;
use smol_str::SmolStr;
use tenfold_ports::queue::Delivery;
use tenfold_ports::stream::Record;

use crate::env::Env;
use crate::executor::{Actor, World};
use crate::flow::TaskError;
use crate::ids::QueueId;
use crate::invocations::{Invocation, Payload};
use crate::machines::TaskRef;
use crate::memory::{Desk, Memory, Report, Task, print};
use crate::state::{ActorState, Asked, Stage, State};
use crate::stream::{Batch, MappingSettings, Outcome};

/// Begins an invocation: with the actor that it is, at a desk.
pub(crate) type Begin = Rc<dyn Fn(Actor, Rc<RefCell<Desk>>) -> Task>;

/// Makes an invocation of what is delivered.
type Handler<I> = Rc<dyn Fn(I) -> Begin>;

/// What a queue's or a stream's function answers: the ids of what it could not take.
pub type Failed = Vec<SmolStr>;

/// Something that invokes a function.
#[derive(Clone)]
pub(crate) struct Source {
    role: &'static str,
    /// How many invocations there may be at once.
    most: usize,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Queue { queue: QueueId, batch: usize, handler: Handler<Vec<Delivery>> },
    Stream { mapping: usize, handler: Handler<Vec<Rc<Record>>> },
    Asynchronous { function: usize, handler: Handler<Payload> },
}

/// What an invocation works on, for its source to learn what came of it.
#[derive(Debug, Clone, Hash)]
pub(crate) enum Job {
    Queue { source: usize, queue: usize, deliveries: Vec<Delivery> },
    Stream { source: usize, batch: Batch },
    Asynchronous { source: usize, invocation: Rc<Invocation> },
    Task(TaskRef),
}

impl Job {
    const fn source(&self) -> Option<usize> {
        match self {
            Self::Queue { source, .. } | Self::Stream { source, .. } | Self::Asynchronous { source, .. } => {
                Some(*source)
            }
            Self::Task(_) => None,
        }
    }
}

/// An invocation whose handler gives `R`.
pub(crate) fn invocation<I: Clone + 'static, R: std::hash::Hash + std::fmt::Debug + 'static, F>(
    role: &'static str,
    handler: impl Fn(Env, I) -> F + 'static,
) -> Handler<I>
where
    F: Future<Output = R> + 'static,
{
    let handler = Rc::new(handler);
    Rc::new(move |input: I| {
        let handler = Rc::clone(&handler);
        Rc::new(move |actor, desk| {
            let env = Env::new(desk, actor, role, jiff::SignedDuration::ZERO);
            let answer = handler(env.clone(), input.clone());
            Box::pin(async move { env.returns(answer.await) })
        })
    })
}

impl World {
    /// Invokes a function with batches of a queue's messages, as an event source mapping of Lambda does, at most
    /// two invocations at once. What the handler does not name as failed is deleted; the rest, and everything
    /// where it dies, is seen again when its visibility ends.
    pub fn consume<F: Future<Output = Failed> + 'static>(
        &self,
        queue: QueueId,
        batch: usize,
        role: &'static str,
        handler: impl Fn(Env, Vec<Delivery>) -> F + 'static,
    ) {
        let kind = Kind::Queue { queue, batch, handler: invocation(role, handler) };
        self.state.borrow_mut().sources.push(Source { role, most: 2, kind });
    }

    /// Invokes a function with batches of the table's stream. The handler gives the sequences that failed.
    pub fn follow<F: Future<Output = Failed> + 'static>(
        &self,
        settings: MappingSettings,
        role: &'static str,
        handler: impl Fn(Env, Vec<Rc<Record>>) -> F + 'static,
    ) {
        let mapping = self.add_mapping(settings);
        let kind = Kind::Stream { mapping, handler: invocation(role, handler) };
        self.state.borrow_mut().sources.push(Source { role, most: usize::MAX, kind });
    }

    /// Invokes a function with what services send it asynchronously: ticks, alarms, events. The handler says
    /// whether all was well.
    pub fn serve<F: Future<Output = bool> + 'static>(
        &self,
        function: usize,
        role: &'static str,
        handler: impl Fn(Env, Payload) -> F + 'static,
    ) {
        let kind = Kind::Asynchronous { function, handler: invocation(role, handler) };
        self.state.borrow_mut().sources.push(Source { role, most: 2, kind });
    }
}

impl ActorState {
    fn works_for(&self, source: usize) -> bool {
        let job = self.asked.job.as_ref().filter(|_| self.stage != Stage::Over);
        job.is_some_and(|(job, _)| job.source() == Some(source))
    }
}

impl State {
    /// The sources that have something to deliver now.
    pub fn deliverable(&self) -> impl Iterator<Item = usize> {
        let due = |source: &usize| self.due(*source).is_some_and(|at| at <= self.now);
        (0..self.sources.len()).filter(due)
    }

    /// When the next thing happens by itself; none when nothing ever will.
    pub fn next_due(&self) -> Option<Timestamp> {
        let sources = (0..self.sources.len()).filter_map(|source| self.due(source));
        sources.chain(self.machines_due()).min()
    }

    /// When a source has something to deliver.
    fn due(&self, source: usize) -> Option<Timestamp> {
        let Source { most, kind, .. } = &self.sources[source];
        let busy = self.actors.iter().filter(|actor| actor.works_for(source));
        if *most < usize::MAX && busy.count() >= *most {
            return None;
        }
        match kind {
            Kind::Queue { queue, .. } => self.queues[queue.index].next_visible(),
            Kind::Stream { mapping, .. } => {
                let stream = self.table.stream.as_ref()?;
                stream.shard_to_read(*mapping).map(|_| self.now)
            }
            Kind::Asynchronous { function, .. } => self.services.functions[*function].next_due(),
        }
    }

    /// Lets a source deliver. It may turn out that there was nothing.
    pub fn deliver(&mut self, memory: &mut Memory, source: usize) {
        let Source { role, kind, .. } = self.sources[source].clone();
        match kind {
            Kind::Queue { queue, batch, handler } => {
                let deliveries = self.deliveries(queue.index, batch);
                if !deliveries.is_empty() {
                    let asked = print(&(role, queue, &deliveries));
                    let begin = handler(deliveries.clone());
                    let job = Job::Queue { source, queue: queue.index, deliveries };
                    self.invoke(memory, asked, begin, job);
                }
            }
            Kind::Stream { mapping, handler } => {
                if let Some(batch) = self.next_batch(mapping) {
                    let asked = print(&(role, mapping, &batch.records));
                    let begin = handler(batch.records.clone());
                    self.invoke(memory, asked, begin, Job::Stream { source, batch });
                }
            }
            Kind::Asynchronous { function, handler } => {
                let functions = &mut self.services.functions;
                if let Some(invocation) = functions[function].next(self.now, &mut self.choices) {
                    let asked = print(&(role, function, &invocation.payload));
                    let begin = handler(invocation.payload.clone());
                    self.invoke(memory, asked, begin, Job::Asynchronous { source, invocation });
                }
            }
        }
    }

    /// Adds an invocation, in the place of one that is over.
    pub fn invoke(&mut self, memory: &mut Memory, asked: u64, begin: Begin, job: Job) {
        let over = |actor: &ActorState| actor.stage == Stage::Over && actor.asked.job.is_some();
        let free = self.actors.iter().position(over);
        let actor = free.unwrap_or(self.actors.len());
        let node = memory.root(Some(print(&(asked, actor))));
        let print = print(&job);
        let asked = Rc::new(Asked { start: self.now, begin, job: Some((job, print)) });
        let new = ActorState { node, stage: Stage::Waits, asked };
        if let Some(free) = free {
            self.actors[free] = new;
        } else {
            self.actors.push(new);
        }
    }

    /// Tells a source what came of an invocation; nothing when it died.
    pub fn finish(&mut self, memory: &mut Memory, job: &Job, returned: Option<&Report>) {
        match job {
            Job::Queue { queue, deliveries, .. } => {
                let Some(failed) = returned.and_then(|r| r.any().downcast_ref::<Failed>()) else { return };
                self.settle_deliveries(*queue, deliveries, failed);
            }
            Job::Stream { batch, .. } => {
                let failed = returned.and_then(|r| r.any().downcast_ref::<Failed>());
                let outcome = failed.map_or(Outcome::Failed, |failed| Outcome::Answered(failed.clone()));
                self.finish_batch(batch, &outcome);
            }
            Job::Asynchronous { invocation, .. } => {
                let well = returned.and_then(|r| r.any().downcast_ref::<bool>()).copied().unwrap_or(false);
                self.finish_invocation(invocation, well);
            }
            Job::Task(task) => {
                let answer = returned.and_then(|r| r.any().downcast_ref::<Result<Json, TaskError>>());
                self.answer_task(memory, *task, answer.cloned());
            }
        }
    }
}
