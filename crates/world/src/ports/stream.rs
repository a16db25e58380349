//! The stream of a run's table.

use crate::aws::stream::{Batch, BatchOutcome, MappingSettings, Stream};
use crate::run::world::World;

impl World {
    /// Gives the table a stream of so many shards, with all changes from now on.
    pub fn add_stream(&self, shards: usize) {
        let table = &mut self.state.borrow_mut().table;
        let mut stream = Stream::new(shards);
        if table.is_scaled() {
            stream.keep_only_wanted();
        }
        table.stream = Some(stream.into());
    }

    /// Adds an event source mapping to the table's stream: a new one of one shard where it has none.
    pub fn add_mapping(&self, settings: MappingSettings) -> usize {
        let mut state = self.state.borrow_mut();
        let stream = state.table.stream.get_or_insert_with(|| Stream::new(1).into());
        stream.map(settings)
    }

    /// Looks at the table's stream; an empty one where it has none.
    pub fn stream<R>(&self, look: impl FnOnce(&Stream) -> R) -> R {
        match &self.state.borrow().table.stream {
            Some(stream) => look(stream),
            None => look(&Stream::new(1)),
        }
    }

    /// The next batch of a shard for a mapping's function; none while another one is on its way, or when
    /// there is nothing to do. The batch is on its way until [`World::finish_batch`].
    #[must_use]
    pub fn next_batch(&self, mapping: usize, shard: usize) -> Option<Batch> {
        self.state.borrow_mut().batch(mapping, shard)
    }

    /// Says what came of a batch: the checkpoint moves, the batch comes again, or it is given up.
    pub fn finish_batch(&self, batch: &Batch, outcome: &BatchOutcome) {
        self.state.borrow_mut().finish_batch(batch, outcome);
    }
}

#[cfg(test)]
mod tests;
