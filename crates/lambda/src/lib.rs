//! What every Tenfold Lambda function shares.
//!
//! A binary's `main` reads its configuration ([`config`]), builds its ports once and hands a handler to
//! [`run()`]; the rest is here: events into the patterns' types and back ([`api`], [`sqs`], [`stream`]), log lines and
//! correlation ([`telemetry`], [`trace`]), metrics ([`metrics`]), and errors under the names that state
//! machines catch ([`error`]).
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use tenfold_lambda::{Env, run};
//! use tenfold_ports::api::Response;
//!
//! fn main() -> ExitCode {
//!     run("greeter-hello", async |start| {
//!         let env = Env::from_process();
//!         let greeting = env.text("GREETING").or("Hello".to_owned());
//!         let greeting = env.finish(greeting)?;
//!         start.serve_api(async move |_request, _invocation| Response::json(200, &greeting)).await
//!     })
//! }
//! ```
//!
//! Not here: AWS clients (`tenfold-aws`) and anything that a pattern decides.

pub mod api;
pub mod config;
pub mod error;
mod ids;
pub mod metrics;
pub mod run;
pub mod sqs;
pub mod stream;
pub mod telemetry;
pub mod trace;

pub use config::{ConfigError, Env};
pub use error::{ErrorType, InitError};
pub use lambda_runtime::Diagnostic;
pub use metrics::Emf;
pub use run::{Invocation, Start, run};
pub use trace::TraceContext;
