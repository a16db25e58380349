//! A state machine that can be run.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::definition::Scope;
use super::parse::{self, MachineDefinition, MachineError};

/// A state machine. A clone shares the definition.
///
/// It is made for one thread, as a run of the world is: what is to be used by all threads is its text.
#[derive(Debug, Clone)]
pub struct AslMachine {
    name: SmolStr,
    definition: Rc<MachineDefinition>,
}

impl AslMachine {
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

    pub(super) fn scope(&self) -> Rc<Scope> {
        Rc::clone(&self.definition.scope)
    }

    pub(super) fn timeout(&self) -> SignedDuration {
        self.definition.timeout
    }
}

impl Hash for AslMachine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.definition.digest).hash(state);
    }
}
