//! Event buses in memory, with the semantics of EventBridge: rules with patterns, targets that get an event
//! at least once and in any order.
//!
//! Targets are queues and functions, which are invoked asynchronously ([`super::invocations`]). Both get the
//! whole event. Not modelled: input transformers, archives, targets of other kinds, delivery that fails for
//! good.

mod rules;

pub use rules::{BusRule, BusSettings, RuleTarget, Rules};
