//! The ports that credentials need, behind one pointer.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use tenfold_ports::Downstream;
use tenfold_ports::downstream::{Answer, Call, NoAnswer};
use tenfold_ports::secrets::{Secret, SecretError, SecretSource, Secrets};
use tenfold_ports::signer::{NotSignable, Signer, SigningScope};

/// Something that comes later, to whoever waits for it.
pub(super) type Later<T> = LocalBoxFuture<'static, T>;

/// The ports.
pub(super) struct Outside<S, G, D> {
    pub(super) secrets: S,
    pub(super) signer: G,
    pub(super) token_endpoints: D,
}

/// What is asked of them. A read belongs to nobody, so that several can wait for it.
pub(super) trait Ports {
    fn secret(self: Rc<Self>, source: SecretSource) -> Later<Result<Secret, SecretError>>;
    fn call(self: Rc<Self>, call: Call) -> Later<Result<Answer, NoAnswer>>;
    fn sign(&self, call: Call, scope: &SigningScope, now: Timestamp) -> Result<Call, NotSignable>;
}

impl<S: Secrets + 'static, G: Signer + 'static, D: Downstream + 'static> Ports for Outside<S, G, D> {
    fn secret(self: Rc<Self>, source: SecretSource) -> Later<Result<Secret, SecretError>> {
        Box::pin(async move { self.secrets.get(&source).await })
    }

    fn call(self: Rc<Self>, call: Call) -> Later<Result<Answer, NoAnswer>> {
        Box::pin(async move { self.token_endpoints.call(call).await })
    }

    fn sign(&self, call: Call, scope: &SigningScope, now: Timestamp) -> Result<Call, NotSignable> {
        self.signer.sign(call, scope, now)
    }
}
