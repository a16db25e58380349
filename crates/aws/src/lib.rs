//! The ports of Tenfold on the AWS SDK for Rust: one module and one cargo feature a service, so that a
//! function links only what it uses.
//!
//! | module | feature | port |
//! |---|---|---|
//! | [`table`] | `dynamodb` | `Table` |
//! | [`queue`] | `sqs` | `Queue` |
//! | [`topic`] | `sns` | `Topic` |
//! | [`flow`] | `sfn` | `Flow` |
//! | [`downstream`] | `http` | `Downstream` |
//! | [`secrets`] | `secrets` | `Secrets` |
//! | [`signer`] | `signing` | `Signer` |
//! | [`system`] | | `Clock`, `Rng` |
//!
//! [`client::Aws`] builds the SDK's clients once, from what Lambda puts into the environment.
//!
//! Three rules hold for every adapter:
//!
//! * An error says what is known of the effect, and the SDK's own retries may not blur that: a write is
//!   repeated only while it is certain that nothing was applied (see [`retry`]).
//! * Every attempt that leaves for AWS is counted ([`calls::CallCounter`]).
//! * Every port method names the IAM actions that it needs (`ACTIONS` in its module).

#[cfg(any(feature = "sqs", feature = "sns"))]
mod batch;
pub mod calls;
#[cfg(feature = "sdk")]
pub mod client;
#[cfg(feature = "http")]
pub mod downstream;
#[cfg(feature = "http")]
pub mod egress;
#[cfg(feature = "sdk")]
pub mod error;
#[cfg(feature = "sfn")]
pub mod flow;
#[cfg(feature = "sqs")]
pub mod queue;
#[cfg(feature = "sdk")]
pub mod retry;
mod runtime;
#[cfg(feature = "secrets")]
pub mod secrets;
#[cfg(feature = "signing")]
pub mod signer;
pub mod system;
#[cfg(feature = "dynamodb")]
pub mod table;
#[cfg(feature = "sns")]
pub mod topic;

pub use calls::CallCounter;
#[cfg(feature = "sdk")]
pub use client::Aws;
pub use runtime::SystemRuntime;
pub use system::{SystemClock, SystemRng};

/// A port method and the IAM actions that its adapter needs on the resource it is bound to.
pub type MethodActions = (&'static str, &'static [&'static str]);
