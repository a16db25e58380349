//! What invokes functions by itself: pollers of queues and of the table's stream, and schedules.

use std::time::Duration;

use smol_str::SmolStr;
use tenfold_ports::queue::Delivery;

use super::agenda::{Going, Happening, Nanos, PolledBatch, SECOND};
use super::function::{Event, Purpose};
use super::simulation::{FunctionId, Simulation};
use super::sources::{QueuePollers, Source, SourceKind};
use crate::aws::queue::receive::MAX_WAIT;
use crate::aws::stream::{Batch, BatchOutcome, MappingSettings};
use crate::kernel::ids::QueueId;
use crate::run::invocation::FailedIds;

impl Simulation {
    /// Lambda polls a queue for a function: batches of so many, at most so many at once.
    pub fn consume(&mut self, queue: QueueId, function: FunctionId, batch: usize, most: Option<u32>) {
        let pollers = QueuePollers {
            queue: queue.index,
            batch,
            most: most.map_or(f64::INFINITY, f64::from),
            busy: 0,
            behind: None,
        };
        self.queues.entry(queue.index).or_default().sources.push(self.sources.len());
        self.sources.push(Source { function: function.0, kind: SourceKind::Queue(pollers) });
    }

    /// Lambda polls the table's stream for a function.
    pub fn follow(&mut self, settings: MappingSettings, function: FunctionId) {
        let mapping = self.world.add_mapping(settings);
        self.sources.push(Source { function: function.0, kind: SourceKind::Stream { mapping } });
    }

    /// A schedule invokes a function.
    pub fn schedule(&mut self, every: Duration, function: FunctionId) {
        let every = every.as_nanos() as Nanos;
        self.sources.push(Source { function: function.0, kind: SourceKind::Schedule { every } });
    }

    pub(super) fn begin_sources(&mut self) {
        for source in 0..self.sources.len() {
            match &self.sources[source].kind {
                SourceKind::Queue(_) => {}
                SourceKind::Stream { .. } => {
                    let shards = self.world.stream(crate::aws::stream::Stream::shards);
                    let pause = self.pause_of_polls();
                    for shard in 0..shards {
                        let at = pause * shard as Nanos / shards as Nanos;
                        self.agenda.add(at, Happening::Poll { source, shard });
                    }
                }
                SourceKind::Schedule { every } => {
                    let late = *every;
                    self.agenda.add(late, Happening::Tick { source, attempt: 0 });
                }
            }
        }
    }

    fn pause_of_polls(&self) -> Nanos {
        (SECOND as f64 / self.figures.most("poll.stream_polls").clamp(0.1, 1_000.0)) as Nanos
    }

    /// Whether a queue has a message to give.
    pub(super) fn has_message(&mut self, queue: usize) -> bool {
        let state = self.state();
        state.queues[queue].next_visible().is_some_and(|at| at <= state.now)
    }

    /// A receive waits for a message.
    pub(super) fn wait_for(&mut self, queue: usize, going: Going, wait: Nanos) {
        let interest = self.queues.entry(queue).or_default();
        let id = interest.next;
        interest.next += 1;
        interest.waiting.push_back((id, going));
        self.agenda.add(self.now + wait, Happening::Waited { queue, id });
        self.look_at(queue);
    }

    /// A receive has waited long enough.
    pub(super) fn waited(&mut self, queue: usize, id: u64) {
        let Some(interest) = self.queues.get_mut(&queue) else { return };
        let Some(at) = interest.waiting.iter().position(|(waits, _)| *waits == id) else { return };
        if let Some((_, going)) = interest.waiting.remove(at) {
            self.tell_time();
            self.make(going);
        }
    }

    pub(super) fn due(&mut self, queue: usize) {
        self.tell_time();
        if let Some(interest) = self.queues.get_mut(&queue) {
            interest.looks = None;
        }
        self.look_at(queue);
    }

    /// A call was made: who waits for what it may have brought.
    pub(super) fn look_around(&mut self) {
        let mut from = 0;
        while let Some((&queue, _)) = self.queues.range(from..).next() {
            self.look_at(queue);
            from = queue + 1;
        }
        self.begin_executions();
    }

    /// Gives a queue's messages to who waits for them.
    fn look_at(&mut self, queue: usize) {
        loop {
            let next = self.world.state.get_mut().queues[queue].next_visible();
            let Some(next) = next else { return };
            let now = self.world.state.get_mut().now;
            if next > now {
                let at = self.nanos(next);
                return self.look_later(queue, at);
            }
            let Some(interest) = self.queues.get_mut(&queue) else { return };
            if let Some((_, going)) = interest.waiting.pop_front() {
                self.agenda.add(self.now, Happening::Apply(going));
                // It takes some of them; whoever comes next looks again.
                return;
            }
            let sources = interest.sources.clone();
            if sources.is_empty() {
                return;
            }
            let took = sources.into_iter().filter(|source| self.take_messages(*source)).count();
            if took == 0 {
                // More pollers, or one that is done, will.
                return self.look_later(queue, self.now + SECOND);
            }
        }
    }

    fn look_later(&mut self, queue: usize, at: Nanos) {
        let Some(interest) = self.queues.get_mut(&queue) else { return };
        if interest.waiting.is_empty() && interest.sources.is_empty() {
            return;
        }
        if interest.looks.is_none_or(|looks| at < looks) {
            interest.looks = Some(at);
            self.agenda.add(at, Happening::Due(queue));
        }
    }

    /// Takes a batch for a poller that is free. Gives whether there was one.
    fn take_messages(&mut self, source: usize) -> bool {
        let (start, growth, most) = (
            self.figures.most("poll.queue_start"),
            self.figures.most("poll.queue_growth"),
            self.figures.most("poll.queue_most"),
        );
        let now = self.now;
        let SourceKind::Queue(pollers) = &mut self.sources[source].kind else { return false };
        let since = *pollers.behind.get_or_insert(now);
        let grown = start + growth * ((now - since) / SECOND) as f64 / 60.0;
        if f64::from(pollers.busy) >= grown.min(most).min(pollers.most) {
            return false;
        }
        let (queue, batch) = (pollers.queue, pollers.batch);
        let deliveries = self.world.state.get_mut().take(queue, batch, MAX_WAIT);
        if deliveries.is_empty() {
            return false;
        }
        if let SourceKind::Queue(pollers) = &mut self.sources[source].kind {
            pollers.busy += 1;
        }
        self.recorder.call("queue.receive");
        let after = self.through_server("poll.queue") + self.draw("poll.queue");
        let delivery = PolledBatch::Messages { source, deliveries };
        self.agenda.add(now + after, Happening::Deliver(Box::new(delivery)));
        true
    }

    /// What a poller has taken reaches its function.
    pub(super) fn deliver(&mut self, delivery: PolledBatch) {
        match delivery {
            PolledBatch::Messages { source, deliveries } => {
                let function = self.sources[source].function;
                let event = Event::Messages(deliveries.clone());
                if self.invoke(function, event, Purpose::Messages { source, deliveries }).is_err() {
                    // They are seen again when their visibility ends.
                    self.poller_free(source);
                }
            }
            PolledBatch::Records { source, batch } => {
                let function = self.sources[source].function;
                let event = Event::Records(batch.records.clone());
                if let Err((_, Purpose::Records { batch, .. })) =
                    self.invoke(function, event, Purpose::Records { source, batch })
                {
                    self.records_done(source, &batch, None);
                }
            }
        }
    }

    fn poller_free(&mut self, source: usize) {
        self.tell_time();
        let now = self.now;
        let SourceKind::Queue(pollers) = &mut self.sources[source].kind else { return };
        pollers.busy -= 1;
        let queue = pollers.queue;
        if !self.has_message(queue)
            && let SourceKind::Queue(pollers) = &mut self.sources[source].kind
        {
            // It has caught up: it grows anew when it falls behind again.
            pollers.behind = Some(now);
        }
        self.look_at(queue);
    }

    pub(super) fn messages_done(
        &mut self,
        source: usize,
        deliveries: &[Delivery],
        failed: Option<&[SmolStr]>,
    ) {
        let now = self.tell_time();
        if let (Some(failed), SourceKind::Queue(pollers)) = (failed, &self.sources[source].kind) {
            let queue = pollers.queue;
            self.state().queues[queue].settle(deliveries, failed, now);
            self.recorder.call("queue.delete");
        }
        self.poller_free(source);
    }

    /// A shard of the table's stream is looked at.
    pub(super) fn poll_shard(&mut self, source: usize, shard: usize) {
        let SourceKind::Stream { mapping } = self.sources[source].kind else { return };
        self.tell_time();
        let Some(batch) = self.state().batch(mapping, shard) else {
            let at = self.now + self.pause_of_polls();
            return self.agenda.add(at, Happening::Poll { source, shard });
        };
        let after = self.through_server("poll.stream");
        let delivery = PolledBatch::Records { source, batch };
        self.agenda.add(self.now + after, Happening::Deliver(Box::new(delivery)));
    }

    pub(super) fn records_done(&mut self, source: usize, batch: &Batch, failed: Option<FailedIds>) {
        self.tell_time();
        let well = failed.as_ref().is_some_and(Vec::is_empty);
        let outcome = failed.map_or(BatchOutcome::Failed, BatchOutcome::Answered);
        self.state().finish_batch(batch, &outcome);
        // What failed comes again after a second; Lambda's own pause grows.
        let pause = if well { 0 } else { SECOND };
        self.agenda.add(self.now + pause, Happening::Poll { source, shard: batch.shard });
    }

    /// A schedule's turn.
    pub(super) fn tick(&mut self, source: usize, attempt: u32) {
        let SourceKind::Schedule { every } = self.sources[source].kind else { return };
        if attempt == 0 {
            self.agenda.add(self.now + every, Happening::Tick { source, attempt: 0 });
        }
        let function = self.sources[source].function;
        if self.invoke(function, Event::Tick, Purpose::Tick).is_err() {
            // Lambda keeps the event and tries again, a second later at first.
            let pause = SECOND << attempt.min(8);
            self.agenda.add(self.now + pause, Happening::Tick { source, attempt: attempt + 1 });
        }
    }
}
