//! The generated files: where they are, and what they hold.

use std::path::{Path, PathBuf};

use saga_core::definition::{DefinitionError, asl, choreography};
use saga_core::trip;

/// Each file and its text.
pub fn all() -> Result<Vec<(PathBuf, String)>, DefinitionError> {
    let trip = trip::definition()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../statemachines");
    Ok(vec![
        (folder.join("saga.asl.json"), asl::machine(&trip, "Saga")),
        (folder.join("saga.subscriptions.json"), choreography::subscriptions(&trip)),
    ])
}
