//! What every Tenfold Lambda function shares.
//!
//! A binary's `main` is one call of [`run()`]: it reads its configuration ([`environment`]), builds its ports once and
//! serves with a handler; the rest is here: events ([`api`], [`sqs`], [`sns`], [`stream`], [`kinesis`], [`schedule`],
//! [`alarm`], [`s3`]) with the trace and the correlation id that they carry, log lines ([`telemetry`]), metrics
//! ([`metrics`]), and errors under the names that state machines catch ([`error`]).
//!
//! The shapes of events are those of `aws_lambda_events`; each module is a thin view of one, which parses what there is
//! text, and says where that crate takes more or less than AWS sends.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use tenfold_lambda::{Boot, run};
//! use tenfold_ports::api::Response;
//!
//! fn main() -> ExitCode {
//!     run("greeter", "hello", async |Boot { env, start, .. }| {
//!         let greeting = env.text("GREETING").or("Hello".to_owned());
//!         let greeting = env.finish(greeting)?;
//!         start.serve_api(async move |_request, _context| Response::json(200, &greeting)).await
//!     })
//! }
//! ```
//!
//! Not here: what calls AWS (`tenfold-aws`) and anything that a pattern decides.

pub mod alarm;
pub mod api;
pub mod environment;
pub mod error;
pub mod kinesis;
pub mod metrics;
pub mod run;
pub mod s3;
pub mod schedule;
pub mod sns;
pub mod sqs;
pub mod stream;
pub mod telemetry;

pub use environment::{ConfigError, Environment};
pub use error::{ErrorType, InitError};
pub use lambda_runtime::Diagnostic;
pub use metrics::Emf;
pub use run::{Boot, Start, run};
