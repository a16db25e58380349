//! Pollers of the table's stream.

use super::agenda::{Happening, PolledBatch};
use super::nanos::{Nanos, SECOND};
use super::simulation::{FunctionId, Simulation};
use super::sources::{Source, SourceKind};
use crate::aws::stream::{Batch, BatchOutcome, MappingSettings, Stream};
use crate::run::invocation::FailedIds;

impl Simulation {
    /// Lambda polls the table's stream for a function.
    pub fn follow(&mut self, settings: MappingSettings, function: FunctionId) {
        let mapping = self.world.add_mapping(settings);
        self.sources.push(Source { function: function.0, kind: SourceKind::Stream { mapping } });
    }

    pub(super) fn begin_polls(&mut self, source: usize) {
        let shards = self.world.stream(Stream::shards);
        let pause = self.pause_of_polls();
        for shard in 0..shards {
            let at = pause * shard as Nanos / shards as Nanos;
            self.agenda.add(at, Happening::Poll { source, shard });
        }
    }

    fn pause_of_polls(&self) -> Nanos {
        (SECOND as f64 / self.figures.most("poll.stream_polls").clamp(0.1, 1_000.0)) as Nanos
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
        self.deliver_records(source, batch, after);
    }

    fn deliver_records(&mut self, source: usize, batch: Batch, after: Nanos) {
        let batch = PolledBatch::Records { source, batch };
        self.agenda.add(self.now + after, Happening::Deliver(Box::new(batch)));
    }

    /// There are too many invocations: the same batch is tried again a little later, and that is no failure of it.
    pub(super) fn hold_back(&mut self, source: usize, batch: Batch) {
        let pause = self.pause_of_refused();
        self.deliver_records(source, batch, pause);
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
}
