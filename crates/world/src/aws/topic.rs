//! Topics in memory, with the semantics of SNS: filters, raw delivery or envelopes, FIFO topics with their
//! deduplication, and on standard topics deliveries that come twice.
//!
//! A notice is in all queues at once. That it comes to one later than to another needs no model: who receives
//! from which queue when is the schedule's, a standard queue gives its messages in any order, and a receive
//! may leave some out.
//!
//! Not modelled: subscriptions that are not queues, delivery that fails for good, and the signature in an
//! envelope.

mod filter;
mod settings;
mod subscriptions;

pub use filter::Filter;
pub use settings::{QueueSubscription, TopicSettings};
pub use subscriptions::Subscriptions;
