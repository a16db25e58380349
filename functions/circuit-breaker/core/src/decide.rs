//! The pattern's decisions: pure functions from what was read to what shall be.
//!
//! Nothing here calls a port, reads a clock or draws a random number: the time and chance are handed in.
//! [`window`] counts calls; [`permits`], [`breaker`] and `half_open` are the state machine; [`judge`] says
//! what an answer means; [`forward`] what a target takes; [`report`] when the fleet is told of calls; [`retry`] and [`timing`] say when a parked request is tried, [`pace`] how many at a time, `order`
//! (on [`OrderGroup`](crate::rows::OrderGroup)) whose turn it is; `queue_page` what is on a page of a list.

pub mod breaker;
pub mod forward;
mod half_open;
pub mod judge;
mod order;
pub mod pace;
pub mod permits;
pub(crate) mod queue_page;
pub mod report;
pub mod retry;
pub mod timing;
pub mod wake;
pub mod window;
