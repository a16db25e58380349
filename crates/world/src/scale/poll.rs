//! Pollers of queues, and receives that wait for messages.

use smol_str::SmolStr;

use super::agenda::{Going, Happening, PolledBatch};
use super::function::{Event, MessageBatch, Purpose};
use super::nanos::{Nanos, SECOND};
use super::simulation::{FunctionId, Simulation};
use super::sources::{QueuePollers, Source, SourceKind};
use crate::aws::queue::Posted;
use crate::aws::queue::receive::{MAX_WAIT, has_message};
use crate::kernel::ids::QueueId;

impl Simulation {
    /// Lambda polls a queue for a function: batches of so many, at most so many at once.
    pub fn consume(&mut self, queue: QueueId, function: FunctionId, batch: usize, most: Option<u32>) {
        let pollers = QueuePollers {
            queue: queue.index,
            batch,
            most: most.map_or(f64::INFINITY, f64::from),
            busy: 0,
            pollers: 0.0,
            counted: 0,
            behind: false,
        };
        self.queues.entry(queue.index).or_default().sources.push(self.sources.len());
        self.sources.push(Source { function: function.0, kind: SourceKind::Queue(pollers) });
    }

    /// A function receives from this queue by itself: what is in it is work that waits.
    pub fn receives(&mut self, queue: QueueId) {
        self.queues.entry(queue.index).or_default();
    }

    /// What waits are rows with a place in such partitions of an index: messages only say when to look.
    pub const fn waits(&mut self, index: &'static str, partition: fn(&str) -> bool) {
        self.waits = Some((index, partition));
    }

    /// Whether a queue has a message to give.
    pub(super) fn has_message(&mut self, queue: usize) -> bool {
        let state = self.state();
        let now = state.now;
        has_message(&mut state.queues, queue, now)
    }

    /// A receive waits for a message.
    pub(super) fn wait_for(&mut self, queue: usize, going: Going, until: Nanos) {
        let interest = self.queues.entry(queue).or_default();
        let id = interest.next;
        interest.next += 1;
        interest.waiting.push_back((id, going));
        self.agenda.add(until, Happening::Waited { queue, id });
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
        let Some(interest) = self.queues.get_mut(&queue) else { return };
        // Somebody has put down an earlier look since.
        if interest.looks == Some(self.now) {
            interest.looks = None;
            self.look_at(queue);
        }
    }

    /// A call was made: who waits for what it may have brought.
    pub(super) fn look_around(&mut self) {
        self.send_off();
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
            if !self.has_message(queue) {
                self.caught_up(queue);
                let next = self.world.state.get_mut().queues[queue].next_visible();
                let Some(next) = next else { return };
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

    /// All messages of a queue are taken: what pollers it has are enough.
    fn caught_up(&mut self, queue: usize) {
        let (limits, now) = (self.pollers, self.now);
        let Some(interest) = self.queues.get(&queue) else { return };
        for source in &interest.sources {
            if let SourceKind::Queue(pollers) = &mut self.sources[*source].kind {
                pollers.count(limits, now);
                pollers.behind = false;
            }
        }
    }

    /// Takes a batch for a poller that is free. Gives whether there was one.
    fn take_messages(&mut self, source: usize) -> bool {
        let (limits, now) = (self.pollers, self.now);
        let SourceKind::Queue(pollers) = &mut self.sources[source].kind else { return false };
        pollers.count(limits, now);
        pollers.behind = !pollers.is_free();
        if pollers.behind {
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
        let hidden = now + self.world.state.get_mut().queues[queue].visibility().as_nanos() as Nanos;
        let batch = PolledBatch::Messages(MessageBatch { source, deliveries, hidden });
        self.agenda.add(now + after, Happening::Deliver(Box::new(batch)));
        true
    }

    /// What a poller has taken reaches its function.
    pub(super) fn deliver(&mut self, batch: PolledBatch) {
        match batch {
            PolledBatch::Messages(batch) => {
                let function = self.sources[batch.source].function;
                let event = Event::Messages(batch.deliveries.clone());
                if let Err((_, Purpose::Messages(batch))) =
                    self.invoke(function, event, Purpose::Messages(batch))
                {
                    self.refused(batch);
                }
            }
            PolledBatch::Records { source, batch } => {
                let function = self.sources[source].function;
                let event = Event::Records(batch.records.clone());
                if let Err((_, Purpose::Records { batch, .. })) =
                    self.invoke(function, event, Purpose::Records { source, batch })
                {
                    self.hold_back(source, batch);
                }
            }
        }
    }

    /// There are too many invocations: Lambda takes a poller back and tries the batch again for as long as nobody else
    /// sees its messages.
    fn refused(&mut self, batch: MessageBatch) {
        let again = self.now + self.pause_of_refused();
        if let SourceKind::Queue(pollers) = &mut self.sources[batch.source].kind {
            pollers.pollers -= 1.0;
        }
        if again < batch.hidden {
            self.agenda.add(again, Happening::Deliver(Box::new(PolledBatch::Messages(batch))));
        } else {
            self.poller_free(batch.source);
        }
    }

    pub(super) fn pause_of_refused(&self) -> Nanos {
        (self.figures.most("poll.refused_pause").clamp(0.01, 3_600.0) * SECOND as f64) as Nanos
    }

    fn poller_free(&mut self, source: usize) {
        self.tell_time();
        let SourceKind::Queue(pollers) = &mut self.sources[source].kind else { return };
        pollers.busy -= 1;
        let queue = pollers.queue;
        self.look_at(queue);
    }

    pub(super) fn messages_done(&mut self, batch: &MessageBatch, failed: Option<&[SmolStr]>) {
        let now = self.tell_time();
        if let (Some(failed), SourceKind::Queue(pollers)) = (failed, &self.sources[batch.source].kind) {
            let queue = pollers.queue;
            self.state().queues[queue].settle(&batch.deliveries, failed, now);
            self.recorder.call("queue.delete");
        }
        self.poller_free(batch.source);
    }

    /// A message of a topic or a bus is in its queue.
    pub(super) fn post(&mut self, message: Posted) {
        self.tell_time();
        let queue = message.queue.index;
        self.brought += 1;
        self.state().post(message);
        self.look_at(queue);
    }
}
