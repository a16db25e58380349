//! What is delivered, and what comes of it: by queues, the table's stream, services that invoke
//! asynchronously, and state machines.
//!
//! A source with something to deliver is one of the things that may happen next. Its invocation is a handler
//! like any other; what it answers, or that it dies, goes back to the source. Time passes by itself only when
//! nobody can go on: then it is the time at which the next delivery, retry or time-out is due.
//!
//! How batches are made and when they come again is in [`crate::aws::queue`], [`crate::aws::stream`],
//! [`crate::aws::invocations`] and [`crate::flow`].

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value as Json;
use tenfold_ports::queue::Delivery;

use super::invocation::reported;
use super::source::{EventSource, SourceJob, SourceKind};
use super::state::RunState;
use super::timed::Transport;
use crate::aws::invocations::AsyncInvocation;
use crate::aws::queue::Posted;
use crate::aws::queue::receive::{MAX_WAIT, receive};
use crate::aws::stream::{Batch, BatchOutcome};
use crate::flow::TaskError;
use crate::kernel::fingerprint::fingerprint;
use crate::kernel::memory::Histories;
use crate::kernel::report::Report;

impl RunState {
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
        let EventSource { most, kind, .. } = &self.sources[source];
        let busy = self.actors.iter().filter(|actor| actor.works_for(source));
        if *most < usize::MAX && busy.count() >= *most {
            return None;
        }
        match kind {
            SourceKind::Queue { queue, .. } => self.queues[queue.index].next_visible(),
            SourceKind::Stream { mapping, .. } => {
                let stream = self.table.stream.as_ref()?;
                stream.shard_to_read(*mapping).map(|_| self.now)
            }
            SourceKind::Asynchronous { function, .. } => self.services.functions[*function].next_due(),
        }
    }

    /// Lets a source deliver. It may turn out that there was nothing.
    pub fn deliver(&mut self, memory: &mut Histories<Self>, source: usize) {
        let EventSource { role, kind, .. } = self.sources[source].clone();
        match kind {
            SourceKind::Queue { queue, batch, handler } => {
                let deliveries = self.take(queue.index, batch, MAX_WAIT);
                if !deliveries.is_empty() {
                    let asked = fingerprint(&(role, queue, &deliveries));
                    let begin = handler(deliveries.clone());
                    let job = SourceJob::Queue { source, queue: queue.index, deliveries };
                    self.invoke(memory, (asked, role), begin, job);
                }
            }
            SourceKind::Stream { mapping, handler } => {
                if let Some(batch) = self.next_batch(mapping) {
                    let asked = fingerprint(&(role, mapping, &batch.records));
                    let begin = handler(batch.records.clone());
                    self.invoke(memory, (asked, role), begin, SourceJob::Stream { source, batch });
                }
            }
            SourceKind::Asynchronous { function, handler } => {
                let functions = &mut self.services.functions;
                if let Some(invocation) = functions[function].next(self.now, &mut self.choices) {
                    let asked = fingerprint(&(role, function, &invocation.payload));
                    let begin = handler(invocation.payload.clone());
                    self.invoke(memory, (asked, role), begin, SourceJob::Asynchronous { source, invocation });
                }
            }
        }
    }

    /// Tells a source what came of an invocation; nothing when it died.
    pub fn finish(&mut self, memory: &mut Histories<Self>, job: &SourceJob, returned: Option<&Report>) {
        match job {
            SourceJob::Queue { queue, deliveries, .. } => {
                let Some(failed) = reported(returned) else { return };
                let now = self.now;
                self.queues[*queue].settle(deliveries, failed, now);
            }
            SourceJob::Stream { batch, .. } => {
                let failed = reported(returned);
                let outcome =
                    failed.map_or(BatchOutcome::Failed, |failed| BatchOutcome::Answered(failed.clone()));
                self.finish_batch(batch, &outcome);
            }
            SourceJob::Asynchronous { invocation, .. } => {
                let well = returned.and_then(|r| r.any().downcast_ref::<bool>()).copied().unwrap_or(false);
                self.finish_invocation(invocation, well);
            }
            SourceJob::Task(task) => {
                let answer = returned.and_then(|r| r.any().downcast_ref::<Result<Json, TaskError>>());
                self.answer_task(memory, *task, answer.cloned());
            }
        }
    }

    /// What comes of an asynchronous invocation.
    pub fn finish_invocation(&mut self, invocation: &AsyncInvocation, well: bool) {
        let function = &mut self.services.functions[invocation.function];
        if let Some(letter) = function.finish(invocation, well, self.now, &mut self.choices) {
            self.post(letter);
        }
    }

    /// The next batch of a shard of the stream.
    pub fn batch(&mut self, mapping: usize, shard: usize) -> Option<Batch> {
        self.table.stream.as_mut()?.next_batch(mapping, shard, self.now, &mut self.choices)
    }

    /// The next batch of any shard.
    fn next_batch(&mut self, mapping: usize) -> Option<Batch> {
        let shard = self.table.stream.as_ref()?.shard_to_read(mapping)?;
        self.batch(mapping, shard)
    }

    /// What comes of a batch of the stream.
    pub fn finish_batch(&mut self, batch: &Batch, outcome: &BatchOutcome) {
        let Some(stream) = &mut self.table.stream else { return };
        if let Some(letter) = stream.finish(batch, outcome, self.now, &mut self.choices) {
            self.post(letter);
        }
    }

    /// Brings a message of a topic or a bus to its queue: at once, or where time matters when it is there.
    pub fn bring(&mut self, transport: Transport, message: Posted) {
        match &mut self.timed {
            None => self.post(message),
            Some(timed) => timed.to_queues.push((transport, message)),
        }
    }

    /// Puts a message of another service into its queue.
    pub fn post(&mut self, posted: Posted) {
        let now = self.now;
        self.queues[posted.queue.index].accept(posted, now);
    }

    /// Receives what can be received of a queue now.
    pub fn take(&mut self, queue: usize, max: usize, wait: Duration) -> Vec<Delivery> {
        let max = if self.limits.stale_reads {
            self.queues[queue].perhaps_short(max, wait, self.now, &mut self.choices)
        } else {
            max
        };
        receive(&mut self.queues, queue, max, self.now, &mut self.choices)
    }
}
