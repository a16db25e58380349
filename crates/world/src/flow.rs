//! State machines in the Amazon States Language, run by whoever holds them.
//!
//! The world runs the very definition that is deployed. This module owns the language: reading a definition,
//! the states, their data, retries, catches and time-outs. It calls nothing, knows no clock and no chance: an
//! [`Execution`] says what is to be called and until when to wait, and is told what came of it.
//!
//! Rules are from the Amazon States Language specification ("States Language" in comments,
//! <https://states-language.net>), and where Step Functions differs from it or says more, from the AWS Step
//! Functions developer guide. What is supported is the part that needs no JSONata: `Task` (Lambda functions,
//! and four integrations in [`Resource`]), `Choice`, `Pass`, `Wait`, `Parallel`, `Map` (inline), `Fail`,
//! `Succeed`. Everything else in a definition is an error when it is read, so that nothing is silently
//! ignored.
//!
//! Not here: who carries out calls, and when. Heartbeats, task tokens, `.sync`, variables, distributed maps.

mod choice;
mod context;
mod definition;
pub mod error;
mod execution;
mod history;
mod intrinsic;
mod json;
mod machine;
mod outcome;
mod parse;
mod path;
mod policy;
mod resource;
mod template;
mod wait;

pub use error::TaskError;
pub use execution::{Execution, ExecutionStep};
pub use history::{Happening, HistoryEvent};
pub use json::SharedJson;
pub use machine::AslMachine;
pub use outcome::{ExecutionOutcome, TaskId};
pub use parse::{DefinitionFault, MachineError};
pub use resource::Resource;

#[cfg(test)]
#[allow(clippy::needless_pass_by_value, reason = "values are made where they are given")]
mod tests;
