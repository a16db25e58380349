//! Runs that go by time: calls are on their way for some time, and clocks end while others work.
//!
//! Each call takes some milliseconds there and back. One that is slow counts as a fault, so a run has as many as it may:
//! it takes seconds, or longer than the SDK waits for it. Then its handler goes on, not knowing what became of it, and
//! the call is applied all the same, when others have gone on. An invocation whose time is up dies at that moment,
//! whatever it waits for.

use jiff::{SignedDuration, Timestamp};
use std::rc::Rc;

use tenfold_ports::CallError;

use super::actor::{Stage, Waiting};
use super::limits::Order;
use super::state::RunState;
use crate::kernel::actor::{Actor, NOBODY};
use crate::kernel::call::{CallAnswer, PortCall, Takes};
use crate::kernel::memory::NodeId;

/// How long a call is on its way there where nothing is slow, in milliseconds, and so long back.
const QUICK: [i64; 3] = [1, 4, 9];
/// How slow a call may be: on its way there and back, in milliseconds.
const SLOW: [(i64, i64); 6] = [(300, 0), (0, 300), (5_000, 0), (0, 5_000), (30_000, 0), (120_000, 0)];
/// How long the SDK waits for an answer (`tenfold-aws`).
const OPERATION: SignedDuration = SignedDuration::from_secs(8);
/// How much slower than usual a service that is called may be, in seconds; it is never slower than its caller waits.
const SLOWER: [i64; 3] = [1, 5, 60];

impl RunState {
    /// Whether time passes as things take it, and not only when nobody can go on.
    pub fn goes_by_time(&self) -> bool {
        self.timed.is_some() || self.limits.order == Order::Timed
    }

    /// Whether one of so many slow ways is taken; it counts as a fault.
    fn slow(&mut self, ways: usize) -> Option<usize> {
        if self.faults_left == 0 || self.quiescent {
            return None;
        }
        let way = self.choices.pick_rarely(1 + ways, 8).checked_sub(1)?;
        self.faults_left -= 1;
        Some(way)
    }

    fn quick(&mut self) -> SignedDuration {
        SignedDuration::from_millis(QUICK[self.choices.pick(QUICK.len())])
    }

    /// A handler has made a call, which is on its way from now on.
    pub fn goes_out(&mut self, actor: Actor, made_by: NodeId, call: &Rc<PortCall<Self>>) {
        let now = self.now;
        let going = |not_before, until| Waiting {
            actor,
            made_by,
            call: Rc::clone(call),
            not_before,
            until,
            answer: None,
        };
        match &call.takes {
            Takes::Service { most, .. } => {
                let slower = self.slow(SLOWER.len()).map_or(0, |way| SLOWER[way]);
                let takes = (self.service.latency + SignedDuration::from_secs(slower)).min(*most);
                self.wait(going(now + takes, now + takes));
            }
            Takes::Receive { wait, .. } => {
                let at = now + self.quick();
                self.wait(going(at, at + *wait));
            }
            Takes::NoTime => {
                let (there, back) = self.slow(SLOW.len()).map_or((0, 0), |way| SLOW[way]);
                let at = now + SignedDuration::from_millis(there) + self.quick();
                let answered = at + SignedDuration::from_millis(back);
                if answered.duration_since(now) <= OPERATION {
                    return self.wait(going(at, answered));
                }
                // Its handler hears of it no more, and it is nobody's from now on.
                let lost =
                    Waiting { answer: Some((call.fails)(CallError::Unknown)), ..going(now + OPERATION, at) };
                self.wait(lost);
                self.waiting.push(Waiting { actor: NOBODY, ..going(at, at) });
            }
        }
    }

    /// A call whose turn has come; none where it is a receive that waits on.
    pub fn still_waits(&mut self, waiting: Waiting<Self>) -> Option<Waiting<Self>> {
        let Takes::Receive { queue, .. } = waiting.call.takes else { return Some(waiting) };
        if self.limits.order != Order::Timed || waiting.answer.is_some() || waiting.actor == NOBODY {
            return Some(waiting);
        }
        let next = self.queues[queue].next_visible();
        if next.is_some_and(|at| at <= self.now) || self.now >= waiting.until {
            return Some(waiting);
        }
        // A message may come that is not there yet: it is looked for every second.
        let soon = self.now + SignedDuration::from_secs(1);
        let not_before = next.unwrap_or(soon).min(soon).min(waiting.until);
        self.wait(Waiting { not_before, ..waiting });
        None
    }

    /// A call was made, and its answer is on its way back.
    pub fn comes_back(&mut self, waiting: Waiting<Self>, answer: CallAnswer) {
        let back = if waiting.call.takes == Takes::NoTime { self.quick() } else { SignedDuration::ZERO };
        let not_before =
            (self.now + back).max(if waiting.call.takes == Takes::NoTime { waiting.until } else { self.now });
        self.wait(Waiting { not_before, answer: Some(answer), ..waiting });
    }

    /// When an invocation's time is up; none where nobody has said how long it may take.
    pub fn ends(&self, actor: Actor) -> Option<Timestamp> {
        let of = &self.actors[actor];
        let limit = self.time_limits.iter().find(|(role, _)| *role == of.asked.role)?.1;
        (of.stage == Stage::Runs).then(|| of.began + limit)
    }

    /// An invocation's time is up: what it has sent out is applied all the same, or not.
    pub fn time_is_up(&mut self, actor: Actor) {
        let end = self.ends(actor).unwrap_or(self.now);
        self.now = self.now.max(end);
        if self.choices.pick(2) == 1 {
            let out = self.waiting.iter().filter(|w| w.actor == actor && w.answer.is_none()).cloned();
            let late: Vec<_> = out.map(|w| Waiting { actor: NOBODY, ..w }).collect();
            // A service that does what it was asked after the caller's time is beyond any breaker's reach.
            self.waiting.extend(late.into_iter().filter(|w| w.call.takes == Takes::NoTime));
        }
    }
}

#[cfg(test)]
mod tests;
