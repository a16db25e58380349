//! A walk that goes on.

use std::mem;
use std::rc::Rc;

use super::walk::{Forked, Phase, TaskCall, Walk, WalkContext};
use crate::flow::error::{TIMEOUT, TaskError};

impl Walk {
    /// Goes on until a task is to be called, or nothing is left to do for now.
    pub fn advance(&mut self, moment: &mut WalkContext<'_>) -> Option<TaskCall> {
        let scope = Rc::clone(&self.scope);
        loop {
            let state = scope.states.get(self.at)?;
            let went = match mem::replace(&mut self.phase, Phase::Entering) {
                Phase::Entering => self.enter(state, moment),
                Phase::Waiting(until) if until <= moment.now => self.pass_on(state, moment),
                Phase::Resting(until) if until <= moment.now => {
                    moment.book.transition().and_then(|()| self.work(state, moment))
                }
                Phase::Calling { deadline, .. } if deadline <= moment.now => Err(TaskError::new(TIMEOUT, "")),
                Phase::Answered(answer) => answer.and_then(|result| self.complete(state, result, moment)),
                Phase::Forked(mut fork) => match fork.advance(moment) {
                    Forked::Ended(result) => result.and_then(|result| self.complete(state, result, moment)),
                    Forked::Goes(call) => {
                        self.phase = Phase::Forked(fork);
                        return call;
                    }
                },
                phase @ (Phase::Waiting(_) | Phase::Resting(_) | Phase::Calling { .. } | Phase::Ended(_)) => {
                    self.phase = phase;
                    return None;
                }
            };
            match went {
                Ok(None) => {}
                Ok(call) => return call,
                Err(error) => self.fail(state, error, moment),
            }
        }
    }
}
