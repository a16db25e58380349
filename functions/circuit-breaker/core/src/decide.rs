//! The pattern's decisions: pure functions from what was read to what shall be.
//!
//! Nothing here calls a port, reads a clock or draws a random number: the time and chance are handed in.

pub mod breaker;
pub mod half_open;
pub mod judge;
mod order;
pub mod retry;
pub mod timing;
pub mod window;
