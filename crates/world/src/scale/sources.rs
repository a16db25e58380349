//! What is known of what invokes functions by itself.

use std::collections::VecDeque;

use super::agenda::{Going, Nanos};

/// Something that invokes a function.
pub(super) struct Source {
    pub function: usize,
    pub kind: SourceKind,
}

pub(super) enum SourceKind {
    Queue(QueuePollers),
    Stream { mapping: usize },
    Schedule { every: Nanos },
}

/// Lambda's pollers of a queue.
pub(super) struct QueuePollers {
    pub queue: usize,
    pub batch: usize,
    /// `MaximumConcurrency`.
    pub most: f64,
    pub busy: u32,
    /// Since when there has been more than they could take.
    pub behind: Option<Nanos>,
}

/// Who waits for a queue's messages.
#[derive(Default)]
pub(super) struct QueueInterest {
    /// Receives that wait, by their ids.
    pub waiting: VecDeque<(u64, Going)>,
    pub next: u64,
    pub sources: Vec<usize>,
    /// When somebody looks at it next.
    pub looks: Option<Nanos>,
}
