//! What a team configures of a target: parsed once, at the edge, with every fault named.
//!
//! The names are resilience4j's. Ranges are chosen so that every stored row stays small and every call fits
//! into an API Gateway request.
//!
//! What is stored of it is read by its names: unknown fields are left alone, and one that comes to be has a default.

mod credentials;
mod forward;
mod parse;
mod statuses;
mod target;
mod url;

pub use credentials::{CredentialsConfig, HEADERS_MOST, OAuthConfig, SERVICES_OF_OUR_OWN};
pub use parse::{CONCURRENCY_MOST, MAX_AGE_MOST, TIMEOUT_MOST};
pub use statuses::is_always_failure;
pub use target::{Forward, Idempotency, RetryConfig, TargetConfig, USUAL_CONCURRENCY};
