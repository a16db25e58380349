//! A list that only grows and is cheap to copy: copies share what they have in common.

use std::rc::Rc;

use super::fingerprint::fingerprint;
use super::report::Report;

/// What happened so far, the newest first in memory.
#[derive(Debug)]
pub(crate) struct Trail<T>(Option<Rc<Link<T>>>);

#[derive(Debug)]
struct Link<T> {
    item: T,
    before: Trail<T>,
}

impl<T> Clone for Trail<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Trail<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Trail<T> {
    pub fn push(&mut self, item: T) {
        let before = std::mem::take(self);
        self.0 = Some(Rc::new(Link { item, before }));
    }

    /// The items, the newest first.
    pub fn backward(&self) -> impl Iterator<Item = &T> {
        std::iter::successors(self.0.as_deref(), |link| link.before.0.as_deref()).map(|link| &link.item)
    }
}

impl<T: Clone> Trail<T> {
    /// The items in their order.
    pub fn all(&self) -> Vec<T> {
        let mut all: Vec<T> = self.backward().cloned().collect();
        all.reverse();
        all
    }
}

impl<T> Drop for Trail<T> {
    fn drop(&mut self) {
        // One link after the other: a long trail would not fit the stack.
        let mut rest = self.0.take();
        while let Some(mut link) = rest.and_then(|link| Rc::try_unwrap(link).ok()) {
            rest = link.before.0.take();
        }
    }
}

impl Trail<Report> {
    pub fn fingerprint(&self) -> u64 {
        let fingerprints: Vec<u64> = self.backward().map(|report| report.fingerprint()).collect();
        fingerprint(&fingerprints)
    }
}
