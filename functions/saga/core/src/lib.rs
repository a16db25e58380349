//! Sagas with compensating transactions, orchestrated or choreographed, from one definition.
//!
//! In reading order:
//!
//! 1. What is spoken of: [`names`], [`state`], [`event`], [`context`], and how a step fails, [`error`].
//! 2. What a saga is: [`definition`], which a team writes, and from which the state machine and the subscriptions are
//!    generated. The saga that ships is a [`trip`] of what is in the [`inventory`].
//! 3. What is stored: [`rows`].
//! 4. What is decided: [`decide`], from what was read to what shall be; all of it is pure.
//! 5. What is done: [`steps`], the transactions that the functions share.
//! 6. The functions, one module each: [`api`], [`publisher`], [`service`] (flight, hotel and car), [`coordinator`].
//! 7. What is measured, [`metrics`], and the bugs for the tests to find, [`mutant`].
pub mod api;
pub mod context;
pub mod coordinator;
pub mod decide;
pub mod definition;
pub mod error;
pub mod event;
pub mod inventory;
pub mod metrics;
pub mod mutant;
pub mod names;
pub mod publisher;
pub mod rows;
pub mod service;
pub mod state;
pub mod steps;
pub mod trip;
