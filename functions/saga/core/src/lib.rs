//! Sagas with compensating transactions, orchestrated or choreographed, from one definition.
//!
//! In reading order: [`definition`] is what a team writes, and what the state machine and the subscriptions are
//! generated from; [`event`] and [`names`] what it speaks of; [`trip`] with [`inventory`] the saga that ships.
pub mod definition;
pub mod error;
pub mod event;
pub mod inventory;
pub mod mutant;
pub mod names;
pub mod trip;
