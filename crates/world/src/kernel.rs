//! What everything else is made of: choices, values that copies share, fingerprints, faults, call sites, and
//! the memory of what handlers did.
//!
//! Owns what holds of any run. Not here: any service, and what a run consists of; the state that calls act
//! upon is a parameter (`S`).

pub(crate) mod actor;
pub(crate) mod call;
pub(crate) mod choice;
pub mod fault;
pub(crate) mod fingerprint;
pub(crate) mod ids;
pub(crate) mod memory;
pub(crate) mod report;
pub(crate) mod shared;
pub(crate) mod site;
pub(crate) mod trace;
pub(crate) mod trail;
