//! The port of secrets, the secrets of a run, and a stand-in for signatures.

use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::CallError;
use tenfold_ports::downstream::Call;
use tenfold_ports::secrets::{Secret, SecretError, SecretReference, SecretSource, Secrets};
use tenfold_ports::signer::{NotSignable, Signer, SigningScope};

use crate::aws::secrets::SecretStore;
use crate::kernel::fault::Fails;
use crate::run::env::Env;
use crate::run::state::{RunState, detail};
use crate::run::world::World;

impl World {
    /// Puts a secret where a reference points to, or replaces the one that is there.
    pub fn put_secret(&self, reference: &SecretReference, text: &str) {
        self.state.borrow_mut().services.secrets.put(reference.source.clone(), text);
    }

    /// Looks at or changes the secrets of the run.
    pub fn secrets<R>(&self, look: impl FnOnce(&mut SecretStore) -> R) -> R {
        look(&mut self.state.borrow_mut().services.secrets)
    }
}

#[derive(Clone, Hash)]
struct SecretAnswer(Result<Secret, SecretError>);

impl Fails for SecretAnswer {
    fn fails(_: CallError) -> Self {
        Self(Err(SecretError::Silent))
    }
}

impl Secrets for Env {
    async fn get(&self, source: &SecretSource) -> Result<Secret, SecretError> {
        let about = match source {
            SecretSource::Parameter(_) => "parameter",
            SecretSource::Secret(_) => "secret",
        };
        let source = source.clone();
        let effect = move |state: &mut RunState| {
            let secret = state.services.secrets.read(&source);
            let what = detail(state, || format!("{source:?} -> {secret:?}"));
            (SecretAnswer(secret), what)
        };
        self.call(self.site("secrets.get", about), effect).await.0
    }
}

/// A stand-in: it says what was to be signed for, and when.
impl Signer for Env {
    fn sign(&self, mut call: Call, scope: &SigningScope, now: Timestamp) -> Result<Call, NotSignable> {
        let region = scope.region.as_deref().unwrap_or("here");
        let value = format_smolstr!("signed for {} in {region} at {}", scope.service, now.as_second());
        call.headers.push((SmolStr::new_static("authorization"), value));
        Ok(call)
    }
}
