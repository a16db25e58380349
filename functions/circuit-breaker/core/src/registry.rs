//! What one environment knows of the fleet's breakers, and how it takes part in them.
//!
//! **Reading.** A target's configuration and breakers are read in one call and kept for a TTL, so a closed
//! breaker costs at most one read a TTL and environment.
//!
//! **Counting.** An environment collects the calls that it has not yet reported, and reports them, with one
//! conditional write, when it matters:
//! 1. at once after a call that failed or was slow;
//! 2. with a read, at most once a TTL, while the fleet's window holds any such call.
//!
//! So nothing is written while all goes well, every failure reaches the fleet at once however thin the
//! traffic is spread, and the fleet's failure rate can only be too high: by the good calls that other
//! environments have made since their last read, a TTL at most, or before anyone's first failure.
//!
//! **Without the table.** An environment goes on with what it read last, however old. Its own calls count on
//! top, so it trips by itself; nobody probes, since a permit cannot be had. A target that it has never read
//! cannot be called at all.
//!
//! **Lost answers.** Each write carries a random `writer`. A conflict with one's own write is a success.
//! Where somebody else has written since, it may have been applied: calls are then not reported again, and what sees
//! its own traces (a permit, a result, a trip) is decided anew.

mod breakers;
mod memory;
mod permit;

pub use breakers::Registry;
pub(crate) use breakers::WhenUnclear;
pub use permit::{Admission, Permit, Settled};
