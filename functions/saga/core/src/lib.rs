//! Sagas with compensating transactions, orchestrated or choreographed, from one definition.
//!
//! In reading order: [`definition`] is what a team writes, and what the state machine and the subscriptions are
//! generated from; [`event`] and [`names`] what it speaks of; [`rows`] what is stored; [`step`] how a step is done
//! and undone, and [`error`] how that fails; [`trip`] with [`inventory`] the saga that ships. Then the functions:
//! [`api`], [`publisher`], [`service`], [`coordinator`], with their [`metrics`].
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
