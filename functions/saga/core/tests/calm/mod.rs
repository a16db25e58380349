//! Handlers in a world in which nothing goes wrong.

#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::RefCell;
use std::rc::Rc;

use tenfold_world::{Bounds, Env, World, exhaust};

/// Runs one invocation.
pub fn run<F: Future<Output = ()> + 'static>(body: impl Fn(Env) -> F) {
    calls_of(body);
}

/// Runs one invocation; gives the calls that it made.
pub fn calls_of<F: Future<Output = ()> + 'static>(body: impl Fn(Env) -> F) -> Vec<&'static str> {
    let calls: Rc<RefCell<Vec<&'static str>>> = Rc::default();
    let report = exhaust(Bounds { faults: 0, ..Bounds::default() }, |world: &World| {
        let ended = Rc::new(RefCell::new(false));
        let (at_end, body) = (Rc::clone(&ended), &body);
        world.spawn("test", |env| {
            let body = body(env);
            async move {
                body.await;
                *at_end.borrow_mut() = true;
            }
        });
        world.run();
        assert!(*ended.borrow(), "the test did not come to its end");
        *calls.borrow_mut() = world.calls().iter().map(|(site, _)| site.call).collect();
        Ok(())
    });
    assert!(report.violation.is_none());
    calls.take()
}
