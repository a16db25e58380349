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
mod parse;
mod path;
mod policy;
mod resource;
mod template;
mod wait;

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::SignedDuration;
use smol_str::SmolStr;

pub use error::TaskError;
pub use execution::{Execution, Outcome, Step, TaskId};
pub use history::{Event, Happening};
pub use json::Json;
pub use parse::{Fault, MachineError};
pub use resource::Resource;

use definition::Scope;
use parse::Definition;

/// A state machine. A clone shares the definition.
///
/// It is made for one thread, as a run of the world is: what is to be used by all threads is its text.
#[derive(Debug, Clone)]
pub struct Machine {
    name: SmolStr,
    definition: Rc<Definition>,
}

impl Machine {
    /// Reads a definition, with `${Name}` replaced by what `substitutions` says for it, as SAM's
    /// `DefinitionSubstitutions` are.
    ///
    /// # Errors
    /// The first thing that Step Functions would refuse, or that is not supported here, with its place.
    pub fn parse(text: &str, substitutions: &[(&str, &str)]) -> Result<Self, MachineError> {
        let definition = Rc::new(parse::definition(text, substitutions)?);
        Ok(Self { name: SmolStr::new_static("machine"), definition })
    }

    /// The same machine by this name, which is part of its executions' `$$.Execution.Id`.
    #[must_use]
    pub fn named(self, name: impl Into<SmolStr>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Its name: `machine`, unless it was named.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn scope(&self) -> Rc<Scope> {
        Rc::clone(&self.definition.scope)
    }

    fn timeout(&self) -> SignedDuration {
        self.definition.timeout
    }
}

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.definition.digest).hash(state);
    }
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value, reason = "values are made where they are given")]
mod tests;
