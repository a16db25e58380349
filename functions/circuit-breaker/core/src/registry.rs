//! What one environment knows of the fleet's breakers, and how it takes part in them.
//!
//! **Reading.** A target's configuration and breakers are read in one call. What is older than a TTL is read anew, but
//! after the answer: nobody waits for it. Only what is not known, or older than ten TTLs, is read before the call.
//!
//! **Counting.** An environment collects the calls that it has not yet reported, and reports them, with one
//! conditional write after an answer, when it matters ([`report`](crate::decide::report)): failures that may trip the
//! breaker within half a second, all others together.
//!
//! So nothing is written while all goes well, and no call waits for a report. What is done after an answer has its end too
//! ([`TEND_MOST`]): a table that hangs keeps no invocation.
//!
//! **Without the table.** An environment goes on with what it read last, however old. Its own calls count on
//! top, so it trips by itself; nobody probes, since a permit cannot be had. A target that it has never read
//! cannot be called at all.
//!
//! **Lost answers.** Each write carries a random `writer`. A conflict with one's own write is a success.
//! Where somebody else has written since, it may have been applied: calls are then not reported again, and what sees
//! its own traces (a permit, a result, a trip) is decided anew.

mod breakers;
mod by_hand;
mod kept;
mod left;
mod memory;
mod permit;
mod tend;
mod unreported;
mod untended;

pub use breakers::Registry;
pub use permit::{Admission, Permit, Settled};
pub use tend::TEND_MOST;
