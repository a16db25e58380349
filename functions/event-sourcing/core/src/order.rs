//! The aggregate that ships: an order of a shop, from its placing to its shipping.
//!
//! * [`command`]: what can be asked of it, parsed at the edge.
//! * [`event`]: what can happen to it.
//! * [`state`]: what it is, and the rules by which a command becomes events.

pub mod command;
pub mod event;
pub mod state;

pub use command::{OrderCommand, OrderLine};
pub use event::OrderEvent;
pub use state::{OrderRefusal, OrderStatus, ShopOrder};
