//! Handlers in a world in which nothing goes wrong.

use tenfold_world::{Env, quiet};

/// Runs one invocation.
pub fn run<F: Future<Output = ()> + 'static>(body: impl Fn(Env) -> F + Copy + 'static) {
    calls_of(body);
}

/// Runs one invocation; gives the calls that it made.
pub fn calls_of<F: Future<Output = ()> + 'static>(
    body: impl Fn(Env) -> F + Copy + 'static,
) -> Vec<&'static str> {
    let calls = quiet(|world| {
        world.ask(body)?.ok_or("the test did not come to its end")?;
        Ok(world.calls().iter().map(|(site, _)| site.call).collect())
    });
    calls.unwrap()
}
