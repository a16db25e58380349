//! Views: what the log is turned into, so that a question is answered by one read.
//!
//! * [`position`]: a place in the log that readers can wait for.
//! * [`view`]: what a team writes of a view, and where views are kept.
//! * [`mod@catch_up`]: brings the view of one aggregate up to the log.
//! * [`parked`]: what a view could not take in.
//! * [`control`]: which generation of a projection answers, and which is being built; [`building`]: how far that has come.
//! * [`orders`]: the projection of orders.
//!
//! A view is kept for each aggregate by itself, with the version that it has seen. It takes the next version in and no
//! other, in one conditional write. So it does not matter in which order news of commits come, how often, or whether some
//! are lost: whoever hears of one reads what is missing from the log.

pub mod building;
pub mod catch_up;
pub mod control;
pub mod orders;
pub mod parked;
pub mod position;
pub mod view;

pub use catch_up::{CatchUpError, CaughtUp, catch_up};
pub use position::Position;
pub use view::{Generations, Poison, Projection, Saved, Seen, StoreError, ViewStore};
