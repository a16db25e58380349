//! Secrets in memory: each read sees what was put last, as those of Systems Manager and Secrets Manager do.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use tenfold_ports::secrets::{Secret, SecretError, SecretSource};

/// The secrets of a run.
#[derive(Debug, Clone, Default, Hash)]
pub struct SecretStore {
    all: BTreeMap<SecretSource, SmolStr>,
    /// Why none can be had; none: all can.
    pub refuses: Option<SecretError>,
    /// How often each was asked for.
    pub reads: BTreeMap<SecretSource, u32>,
}

impl SecretStore {
    pub(crate) fn put(&mut self, source: SecretSource, text: &str) {
        self.all.insert(source, text.into());
    }

    pub(crate) fn read(&mut self, source: &SecretSource) -> Result<Secret, SecretError> {
        *self.reads.entry(source.clone()).or_default() += 1;
        if let Some(error) = self.refuses {
            return Err(error);
        }
        self.all.get(source).map(|text| Secret::new(text.as_str())).ok_or(SecretError::NotFound)
    }
}
