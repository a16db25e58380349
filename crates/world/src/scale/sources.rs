//! What is known of what invokes functions by itself.

use std::collections::VecDeque;

use super::agenda::Going;
use super::nanos::{Nanos, SECOND};

/// Something that invokes a function.
pub(super) struct Source {
    pub function: usize,
    pub kind: SourceKind,
}

pub(super) enum SourceKind {
    Queue(QueuePollers),
    Stream { mapping: usize },
    Schedule { every: Nanos, next: Nanos },
}

/// Lambda's pollers of a queue.
pub(super) struct QueuePollers {
    pub queue: usize,
    pub batch: usize,
    /// `MaximumConcurrency`.
    pub most: f64,
    pub busy: u32,
    /// How many batches Lambda lets be on their way, as of when.
    pub pollers: f64,
    pub counted: Nanos,
    /// Whether there are more messages than they take: then they become more, and otherwise less.
    pub behind: bool,
}

/// How many pollers there are at first, how many more and less a second, and how many at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct PollerLimits {
    pub start: f64,
    pub growth: f64,
    pub decline: f64,
    pub most: f64,
}

impl QueuePollers {
    /// Lambda adds pollers while they are all busy, and takes them back when there is nothing to do.
    pub fn count(&mut self, limits: PollerLimits, now: Nanos) {
        let change = if self.behind { limits.growth } else { -limits.decline };
        // Where it is not limited, all that may be there are.
        let passed = (now - self.counted) as f64 / SECOND as f64;
        let change = if passed > 0.0 { change * passed } else { 0.0 };
        self.counted = now;
        let least = limits.start.max(if self.behind { 0.0 } else { f64::from(self.busy) });
        self.pollers = (self.pollers + change).max(least).min(limits.most.min(self.most));
    }

    /// Whether one of them is free.
    pub fn is_free(&self) -> bool {
        f64::from(self.busy + 1) <= self.pollers
    }
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
