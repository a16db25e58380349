//! Circuit breaker with retry queue.
//!
//! In reading order: [`config`] and [`decide::window`] are what a team configures, [`decide::breaker`] the state
//! machine, [`registry`] how an environment takes part in it; [`rows`] what is stored, [`call`] what a target's answer means,
//! [`park`] how a request is put by; then the three functions, [`gateway`], [`retry_processor`] and [`health_monitor`].
pub mod call;
pub mod config;
pub mod decide;
pub mod error;
pub mod gateway;
pub mod health_monitor;
pub mod metrics;
pub mod mutant;
pub mod names;
pub mod park;
pub mod registry;
pub mod retry_processor;
pub mod rows;
pub mod targets;
