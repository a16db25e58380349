//! What a team configures of a target: parsed once, at the edge, with every fault named.
//!
//! The names are resilience4j's. Ranges are chosen so that every stored row stays small and every call fits
//! into an API Gateway request.

mod parse;
mod target;

pub use parse::object;
pub use target::{Idempotency, RetryConfig, TargetConfig};
