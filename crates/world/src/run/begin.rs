//! How invocations begin.

use std::cell::RefCell;
use std::rc::Rc;

use crate::kernel::actor::Actor;
use crate::kernel::call::Mailbox;
use crate::kernel::memory::HandlerFuture;

/// Begins an invocation: with the actor that it is, with a mailbox.
pub(crate) type Begin<S> = Rc<dyn Fn(Actor, Rc<RefCell<Mailbox<S>>>) -> HandlerFuture>;

/// Makes an invocation of what is delivered.
pub(crate) type Handler<I, S> = Rc<dyn Fn(I) -> Begin<S>>;
