//! What decisions cost in process: ours as the functions make them, beside what other crates offer.
//!
//! A [`Case`] is one decision, made by one implementation. `benches/times.rs` times all cases with Criterion;
//! `benches/allocations.rs` counts what they allocate, in a program of its own since counting takes time.
//! `make bench` runs both and makes a table of them.
//!
//! Ours are the paths of production, with ports in [`memory`]: the clock is the system's, so what was read is read
//! again every TTL; documents become JSON as the adapter makes it; no log and no metric is written. The others are
//! asked in the same order by the same loop. Settings are everyone's defaults, but for what a decision needs (a
//! breaker that is open for an hour, one that stays closed while calls fail).
//!
//! This is a workspace of its own: other crates' features must not reach the build of the functions, and `make test`
//! need not build them. `make check` lints it with the rest, so it cannot rot. It shares the root's `target`.

mod breaker;
mod explorer;
mod gateway;
mod memory;
mod others;
mod saga;

use std::fmt::Debug;

use futures_util::FutureExt;

/// The name of our own implementation.
pub const OURS: &str = "Tenfold";

/// One decision, made by one implementation.
pub struct Case {
    /// What is decided.
    pub decision: &'static str,
    /// Who decides.
    pub of: &'static str,
    /// How many decisions one operation holds.
    pub units: u64,
    run: Box<dyn FnMut(u64)>,
}

impl Case {
    fn new(decision: &'static str, of: &'static str, mut operation: impl FnMut() + 'static) -> Self {
        // The loop is in here, so that nothing is measured of the call through the box.
        let run = Box::new(move |times| (0..times).for_each(|_| operation()));
        Self { decision, of, units: 1, run }
    }

    /// Makes the operation so many times.
    pub fn run(&mut self, times: u64) {
        (self.run)(times);
    }
}

/// Returns all cases, ours first.
#[must_use]
pub fn cases() -> Vec<Case> {
    let breaker =
        [breaker::closed(), breaker::written(), breaker::tenant(), breaker::failing(), breaker::open()];
    let ours = [gateway::key_at_target(), gateway::key_at_gateway(), saga::step(), explorer::step()];
    let others = [others::failsafe(), others::recloser(), others::tower()].into_iter().flatten();
    // Those of one decision take turns: what else the machine does changes from one second to the next.
    let mut cases: Vec<Case> = breaker.into_iter().chain(others).chain(ours).collect();
    let order: Vec<&str> = cases.iter().map(|case| case.decision).collect();
    cases.sort_by_key(|case| order.iter().position(|decision| *decision == case.decision));
    cases
}

/// The percentage of failures from which on a breaker opens that is to stay closed while calls fail.
const STAYS_CLOSED: f64 = 99.5;

/// Says whether a call goes well of a breaker whose calls fail: the first and then one in 50, so that it stays closed.
fn goes_well(calls: &mut u64) -> bool {
    let well = calls.is_multiple_of(50);
    *calls += 1;
    well
}

/// Runs a future that has nothing to wait for.
fn at_once<F: Future>(future: F) -> F::Output {
    future.now_or_never().unwrap_or_else(|| unreachable!("what is in memory never waits"))
}

/// Takes what a set-up that is right cannot fail to give.
fn sure<T, E: Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| unreachable!("a case is set up wrong: {error:?}"))
}
