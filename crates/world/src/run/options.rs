//! What may happen next in a run. Not here: choosing one of it.

use jiff::Timestamp;

use super::actor::{Stage, Waiting};
use super::limits::Order;
use super::state::RunState;
use crate::kernel::actor::{Actor, NOBODY};

/// What may happen next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Move {
    /// Who goes on; for a delivery somebody who is not there yet.
    pub actor: Actor,
    pub what: MoveKind,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum MoveKind {
    /// An invocation begins.
    Beginning,
    /// The call at this place among those that wait has its turn.
    Call(usize),
    /// This source delivers.
    Delivery(usize),
    /// Time passes.
    Time,
    /// An invocation's time is up.
    TimeUp,
}

/// What delivers and is not there yet comes after all who are, and is none of them.
const DELIVERS: Actor = Actor::MAX / 2;

/// What could happen, the invocation that went on last first.
pub(crate) fn options(state: &RunState) -> Vec<Move> {
    if state.limits.order == Order::Timed {
        return next_in_time(state);
    }
    let calls = state.waiting.iter().enumerate();
    let mut options: Vec<Move> = calls
        .map(|(at, w): (usize, &Waiting<RunState>)| Move { actor: w.actor, what: MoveKind::Call(at) })
        .collect();
    if state.limits.order == Order::Invocations {
        // Those that are late are nobody's any more, and in no order.
        options.dedup_by(|later, first| later.actor == first.actor && first.actor != NOBODY);
    }
    for (actor, at) in state.actors.iter().enumerate() {
        if at.stage == Stage::Waits {
            options.push(Move { actor, what: MoveKind::Beginning });
        }
    }
    options.extend(state.deliverable().map(|at| Move { actor: DELIVERS + at, what: MoveKind::Delivery(at) }));
    // What is late may be so late that something happens by itself before.
    if !options.is_empty()
        && options.iter().all(|choice| choice.actor == NOBODY)
        && state.next_due().is_some()
    {
        options.push(Move { actor: NOBODY, what: MoveKind::Time });
    }
    if options.len() > 1 {
        options.sort_by_key(|choice| (state.last != Some(choice.actor), choice.actor));
    }
    options
}

/// What happens next, by time; several where they happen at once.
fn next_in_time(state: &RunState) -> Vec<Move> {
    let now = state.now;
    let calls = state.waiting.iter().enumerate();
    let mut all: Vec<(Timestamp, Move)> =
        calls.map(|(at, w)| (w.not_before, Move { actor: w.actor, what: MoveKind::Call(at) })).collect();
    for (actor, of) in state.actors.iter().enumerate() {
        if of.stage == Stage::Waits {
            all.push((of.asked.start, Move { actor, what: MoveKind::Beginning }));
        }
        if let Some(ends) = state.ends(actor) {
            all.push((ends, Move { actor, what: MoveKind::TimeUp }));
        }
    }
    all.extend(
        state.deliverable().map(|at| (now, Move { actor: DELIVERS + at, what: MoveKind::Delivery(at) })),
    );
    if all.is_empty() {
        return Vec::new();
    }
    if let Some(due) = state.next_due().filter(|due| *due > now) {
        all.push((due, Move { actor: NOBODY, what: MoveKind::Time }));
    }
    let first = all.iter().map(|(at, _)| (*at).max(now)).min().unwrap_or(now);
    let mut next: Vec<Move> =
        all.into_iter().filter(|(at, _)| *at <= first).map(|(_, choice)| choice).collect();
    next.sort_by_key(|choice| choice.actor);
    next
}
