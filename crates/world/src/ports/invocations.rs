//! The functions of a run that services invoke asynchronously.

use std::rc::Rc;

use crate::aws::invocations::{AsyncInvocation, FunctionSettings, InvocationPayload, Invocations};
use crate::run::world::World;

impl World {
    /// Adds a function that services invoke asynchronously.
    pub fn add_function(&self, name: &'static str, settings: FunctionSettings) -> usize {
        let functions = &mut self.state.borrow_mut().services.functions;
        functions.push(Invocations::new(name, functions.len(), settings));
        functions.len() - 1
    }

    /// Looks at what a function has before it.
    pub fn invocations<R>(&self, function: usize, look: impl FnOnce(&Invocations) -> R) -> R {
        look(&self.state.borrow().services.functions[function])
    }

    /// Invokes a function asynchronously, as a service without a module here would.
    pub fn invoke(&self, function: usize, payload: InvocationPayload) {
        let mut state = self.state.borrow_mut();
        let now = state.now;
        state.services.functions[function].push(payload, now);
    }

    /// An event for a function that is due now; none when there is none. It is on its way until
    /// [`World::finish_invocation`]; others may be beside it.
    #[must_use]
    pub fn next_invocation(&self, function: usize) -> Option<Rc<AsyncInvocation>> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.services.functions[function].next(state.now, &mut state.choices)
    }

    /// Says whether an invocation ended well, or with an error, a crash or a time-out.
    pub fn finish_invocation(&self, invocation: &AsyncInvocation, well: bool) {
        self.state.borrow_mut().finish_invocation(invocation, well);
    }
}

#[cfg(test)]
mod tests;
