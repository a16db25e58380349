//! The table in memory, with DynamoDB's semantics: conditional writes, transactions with reasons, pages,
//! what DynamoDB refuses, eventually consistent reads that may miss the last write, an index that may lag
//! behind, expiry that never comes.

pub(crate) mod change;
pub(crate) mod expiry;
pub(crate) mod items;
mod page;
mod plan;
pub(crate) mod refusal;
pub(crate) mod row;
pub(crate) mod scaled;
mod scaling;
mod scan;
pub(crate) mod size;
pub(crate) mod valid;

pub use items::{Items, Watch};

#[cfg(test)]
mod tests;
