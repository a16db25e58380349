//! What invokes the functions of a run.

use std::rc::Rc;

use tenfold_ports::queue::Delivery;
use tenfold_ports::stream::Record;

use crate::aws::invocations::InvocationPayload;
use crate::aws::stream::MappingSettings;
use crate::kernel::ids::QueueId;
use crate::run::env::Env;
use crate::run::invocation::{FailedIds, invocation, reporting};
use crate::run::source::{EventSource, SourceKind};
use crate::run::world::World;

impl World {
    /// Invokes a function with batches of a queue's messages, as an event source mapping of Lambda does, at
    /// most two invocations at once. What the handler does not name as failed is deleted; the rest, and
    /// everything where it answers `None` (an error) or dies, is seen again when its visibility ends.
    pub fn consume<A: Into<Option<FailedIds>>, F: Future<Output = A> + 'static>(
        &self,
        queue: QueueId,
        batch: usize,
        role: &'static str,
        handler: impl Fn(Env, Vec<Delivery>) -> F + 'static,
    ) {
        let kind = SourceKind::Queue { queue, batch, handler: reporting(role, handler) };
        self.state.borrow_mut().sources.push(EventSource { role, most: 2, kind });
    }

    /// Invokes a function with batches of the table's stream. The handler gives the sequences that failed, or
    /// `None` (an error).
    pub fn follow<A: Into<Option<FailedIds>>, F: Future<Output = A> + 'static>(
        &self,
        settings: MappingSettings,
        role: &'static str,
        handler: impl Fn(Env, Vec<Rc<Record>>) -> F + 'static,
    ) {
        let mapping = self.add_mapping(settings);
        let kind = SourceKind::Stream { mapping, handler: reporting(role, handler) };
        self.state.borrow_mut().sources.push(EventSource { role, most: usize::MAX, kind });
    }

    /// Invokes a function with what services send it asynchronously: ticks, alarms, events. The handler says
    /// whether all was well.
    pub fn serve<F: Future<Output = bool> + 'static>(
        &self,
        function: usize,
        role: &'static str,
        handler: impl Fn(Env, InvocationPayload) -> F + 'static,
    ) {
        let kind = SourceKind::Asynchronous { function, handler: invocation(role, handler) };
        self.state.borrow_mut().sources.push(EventSource { role, most: 2, kind });
    }
}
