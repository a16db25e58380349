//! Who goes on next: a run of the world, step by step.

use std::rc::Rc;

use super::actor::Stage;
use super::limits::Order;
use super::options::{Move, MoveKind, options};
use super::state::RunState;
use super::stop::{RunOutcome, Stop};
use super::world::World;
use crate::kernel::actor::{Actor, NOBODY};
use crate::kernel::call::{CallAnswer, Input, Measured};
use crate::kernel::memory::{Histories, Live};
use crate::kernel::report::Report;

/// How many calls and beginnings there may be in a run before it is taken to be endless.
const MOST_STEPS: usize = 100_000;

impl World {
    /// Runs until every invocation has ended or died.
    ///
    /// # Errors
    /// The run is over: hand it on with `?`.
    pub fn run(&self) -> RunOutcome {
        let phase = self.phase.replace(self.phase.get() + 1);
        let mut state = self.state.borrow_mut();
        let mut search = self.search.borrow_mut();
        if search.skip(phase, &mut state) {
            return Ok(());
        }
        let mut resumed = search.resume(phase, &mut state);
        let mut steps = 0;
        loop {
            let options = options(&state);
            if options.is_empty() {
                let Some(due) = state.next_due() else { break };
                state.now = state.now.max(due);
                state.run_machines(&mut search.memory);
                continue;
            }
            if !resumed && search.been_here(phase, &mut state) {
                return Err(Stop::Seen);
            }
            resumed = false;
            self.step(&mut state, &mut search.memory, &options);
            state.run_machines(&mut search.memory);
            if let Some(what) = state.table.broken() {
                return Err(Stop::Broken(what));
            }
            steps += 1;
            if steps > MOST_STEPS {
                return Err(Stop::Broken(format!("{MOST_STEPS} calls, and no end to it")));
            }
        }
        search.ended(&mut state);
        if let Some(ends) = &mut *self.ends.borrow_mut() {
            ends.push(state.settled());
        }
        Ok(())
    }

    /// Chooses what happens next and lets it happen.
    fn step(&self, state: &mut RunState, memory: &mut Histories<RunState>, options: &[Move]) {
        let can_go_on = options.first().is_some_and(|choice| state.last == Some(choice.actor));
        // Going on means the oldest call: taking another one of the same invocation first interrupts it too.
        let most = if can_go_on && state.switches_left == 0 { 1 } else { options.len() };
        let picked = state.choices.pick(most);
        let Move { actor, what } = options[picked];
        if can_go_on && picked > 0 {
            state.switches_left = state.switches_left.saturating_sub(1);
        }
        state.last = Some(actor).filter(|actor| *actor != NOBODY);
        let (call, answer) = match what {
            MoveKind::Delivery(source) => {
                state.last = None;
                return state.deliver(memory, source);
            }
            MoveKind::TimeUp => {
                state.time_is_up(actor);
                return self.over(state, memory, actor, None);
            }
            MoveKind::Time => {
                let due = state.next_due().unwrap_or(state.now);
                state.now = state.now.max(due);
                return;
            }
            MoveKind::Beginning => {
                state.now = state.now.max(state.actors[actor].asked.start);
                let now = state.now;
                state.actors[actor].began = now;
                (None, Some(CallAnswer::new(())))
            }
            MoveKind::Call(at) => {
                let waiting = state.waiting.remove(at);
                state.now = state.now.max(waiting.not_before);
                let Some(waiting) = state.still_waits(waiting) else { return };
                if let Some(answer) = waiting.answer {
                    let input = Input { call: Some(waiting.call.id), now: state.now, answer };
                    return self.take_in(state, memory, actor, input);
                }
                if actor == NOBODY {
                    state.make(&waiting, None);
                    return;
                }
                let fault = state.fault(waiting.call.site);
                let answer = state.make(&waiting, fault);
                if let Some(answer) = answer.as_ref().filter(|_| state.limits.order == Order::Timed) {
                    return state.comes_back(waiting, answer.clone());
                }
                (Some(waiting.call.id), answer)
            }
        };
        match answer {
            Some(answer) => {
                let input = Input { call, now: state.now, answer };
                self.take_in(state, memory, actor, input);
            }
            None => {
                // Its death: the calls that it waits for are nobody's any more.
                self.over(state, memory, actor, None);
            }
        }
    }

    /// Lets something come to a handler: from memory, where it has come before.
    fn take_in(&self, state: &mut RunState, memory: &mut Histories<RunState>, actor: Actor, input: Input) {
        let before = state.actors[actor].node;
        let known = if state.trace.is_some() { None } else { memory.after(before, &input) };
        let node = known.unwrap_or_else(|| {
            let mut lives = self.lives.borrow_mut();
            if lives.len() <= actor {
                lives.resize_with(actor + 1, || None);
            }
            let live = match &mut lives[actor] {
                Some(live) if live.node == before => live,
                other => {
                    let begin = &state.actors[actor].asked.begin;
                    let live = other.insert(Live::new(before, |mailbox| begin(actor, mailbox)));
                    memory.revive(live, before);
                    live
                }
            };
            memory.discover(live, input)
        });
        let after = memory.node(node);
        if !after.gone.is_empty() {
            state.withdraw(|w| w.actor == actor && after.gone.contains(&w.call.id));
        }
        for report in &after.reports {
            state.report(actor, report);
        }
        for Measured { dimensions, metrics, at } in &after.measured {
            state.measure(dimensions, metrics, *at);
        }
        if after.ended {
            let returned = after.returned.clone();
            self.over(state, memory, actor, returned.as_ref());
        } else {
            state.goes_to(actor, node, Stage::Runs);
            state.waits_for(actor, node, &after.made);
        }
    }

    fn over(
        &self,
        state: &mut RunState,
        memory: &mut Histories<RunState>,
        actor: Actor,
        returned: Option<&Report>,
    ) {
        // How it came to its end is of no consequence any more.
        state.goes_to(actor, 0, Stage::Over);
        state.withdraw(|w| w.actor == actor);
        if state.last == Some(actor) {
            state.last = None;
        }
        if let Some(live) = self.lives.borrow_mut().get_mut(actor) {
            *live = None;
        }
        let asked = Rc::clone(&state.actors[actor].asked);
        if let Some((job, _)) = &asked.job {
            state.finish(memory, job, returned);
        }
    }
}
