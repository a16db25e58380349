//! Event sourcing with CQRS: one log, and views that are made of it.
//!
//! In reading order:
//!
//! 1. What is spoken of: [`names`], and what a team writes, an [`aggregate`]. The one that ships is an [`order`].
//! 2. The truth: the [`log`], its commits and their histories.
//! 3. What changes it: [`execute`], which carries a command out.
//! 4. What is made of it: a [`projection`] keeps a view of each aggregate.
//! 5. The functions, one module each: [`command_service`], [`event_processor`], [`projection_manager`].
//! 6. What is measured, [`metrics`], and the bugs for the tests to find, [`mutant`].

pub mod aggregate;
pub mod command_service;
pub mod event_processor;
pub mod execute;
pub mod log;
pub mod metrics;
pub mod mutant;
pub mod names;
pub mod order;
pub mod projection;
pub mod projection_manager;
