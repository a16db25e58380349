//! What a call of the retry processor and each of its drains remember while they last.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use jiff::Timestamp;
use tenfold_ports::Context;

use super::groups::Groups;
use crate::decide::wake::SWEEP_EVERY;
use crate::park::Look;

/// Requests that are due within so many seconds of each other are looked at together.
const TOGETHER_SECONDS: i64 = 10;

/// Until when an invocation works, and what it has under way.
#[derive(Debug)]
pub(super) struct Invocation<'a> {
    pub(super) context: &'a Context,
    /// No call begins after this.
    pub(super) end: Timestamp,
    /// The calls under way, of all its drains.
    pub(super) calls: Cell<usize>,
}

/// What a drain remembers while it lasts.
#[derive(Debug)]
pub(super) struct Drain<'a> {
    pub(super) invocation: &'a Invocation<'a>,
    pub(super) groups: Groups,
    /// Whether a breaker has closed: what was put off while it was open is worth a look.
    pub(super) closed: Cell<bool>,
    /// By when a call has to have ended: then the lease does, or the invocation.
    pub(super) calls_end: Cell<Timestamp>,
    /// The look that it is at.
    pub(super) look: Cell<Look>,
    /// How many requests were put off because of their tenant's breaker.
    pub(super) put_off: Cell<u32>,
    /// Whether a dead letter could not be sent: no other is tried.
    pub(super) no_letters: Cell<bool>,
    /// Since when it is known that there is no such target. What was sent before that is given up without another read.
    pub(super) gone: Cell<Option<Timestamp>>,
    /// When something is due that is not dealt with, by stretches of time.
    next: RefCell<BTreeMap<i64, Timestamp>>,
}

impl<'a> Drain<'a> {
    pub(super) fn new(invocation: &'a Invocation<'a>) -> Self {
        Self {
            invocation,
            groups: Groups::default(),
            closed: Cell::new(false),
            calls_end: Cell::new(Timestamp::UNIX_EPOCH),
            look: Cell::new(Look::Due),
            put_off: Cell::new(0),
            no_letters: Cell::new(false),
            gone: Cell::new(None),
            next: RefCell::new(BTreeMap::new()),
        }
    }

    /// Notes that something is due then.
    pub(super) fn due_again(&self, due: Timestamp) {
        let mut next = self.next.borrow_mut();
        let first = next.entry(due.as_second().div_euclid(TOGETHER_SECONDS)).or_insert(due);
        *first = due.min(*first);
    }

    /// Returns when the target is to be looked at again: the first time, and those of the next minute.
    pub(super) fn looks(&self, now: Timestamp) -> Vec<Timestamp> {
        let next = self.next.borrow();
        next.values()
            .enumerate()
            .filter(|(n, due)| *n == 0 || **due <= now + SWEEP_EVERY)
            .map(|(_, due)| *due)
            .collect()
    }
}
