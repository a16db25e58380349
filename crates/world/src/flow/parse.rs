//! Reads a definition, and refuses what Step Functions would refuse or what the interpreter would have to
//! ignore.

mod fields;
mod graph;
mod parts;
mod rules;
mod states;
mod text;

use std::hash::BuildHasher;
use std::rc::Rc;

use jiff::SignedDuration;
use rustc_hash::FxBuildHasher;

use super::definition::Scope;
use fields::FieldReader;
pub use fields::{DefinitionFault, MachineError};
use parts::LONGEST;

/// What there is of a machine besides its name.
#[derive(Debug)]
pub(super) struct MachineDefinition {
    pub scope: Rc<Scope>,
    pub timeout: SignedDuration,
    pub digest: u64,
}

/// An execution ends after a year (developer guide, "Step Functions service quotas").
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Reads a definition in which `${Name}` stands for what `substitutions` says.
pub(super) fn definition(
    text: &str,
    substitutions: &[(&str, &str)],
) -> Result<MachineDefinition, MachineError> {
    let text = text::substituted(text, substitutions)?;
    let value = text::json(&text)?;
    let mut fields = FieldReader::of(&value, "")?;
    if let Some(version) = fields.text("Version")?
        && version != "1.0"
    {
        return Err(fields.wrong("Version", "\"1.0\""));
    }
    fields.query_language()?;
    let timeout = fields.whole("TimeoutSeconds", 1..=LONGEST)?;
    let timeout = timeout.map_or(YEAR, |seconds| SignedDuration::from_secs(i64::from(seconds)));
    let scope = states::scope(&mut fields)?;
    fields.finish()?;
    graph::check_names(&scope)?;
    let digest = FxBuildHasher.hash_one(&text);
    Ok(MachineDefinition { scope: Rc::new(scope), timeout: timeout.min(YEAR), digest })
}

#[cfg(test)]
#[allow(clippy::needless_pass_by_value, reason = "values are made where they are given")]
mod tests;
