//! The guard in a stack of tower's.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tenfold_ports::Runtime;
use tenfold_ports::table::SendTable;
use tower_layer::Layer;
use tower_service::Service;

use super::{Classify, Guard, GuardError};

/// A service behind a guard, as the guard makes it where it is used as a [`Layer`].
///
/// Its futures may go to other threads, so its table's may: it is a [`SendTable`]. (Around a table whose futures may not,
/// [`Guard::call`] works on one thread.) To be ready is to have an inner service that is; that is no call, and an error of
/// it does not count. The inner service's readiness does not stand for the target's: the breaker is asked with each call.
///
/// ```
/// # use std::{convert::Infallible, sync::Arc, time::Duration};
/// # use circuit_breaker_core::{config::TargetConfig, names::TargetName, registry::Registry, rows};
/// use circuit_breaker_core::guard::{Classification, Guard};
/// # use tenfold_memory::{ManualRuntime, MemoryTable};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let target = TargetName::parse("pay").unwrap();
/// # let config = TargetConfig::parse(br#"{"url": "https://pay.example"}"#).unwrap();
/// # let (table, runtime) = (MemoryTable::new(), ManualRuntime::new());
/// # table.put(rows::target_item(&target, rows::TargetRow::new(Arc::new(config), Default::default())));
/// # let registry = Arc::new(Registry::new(table, runtime, Duration::from_secs(1)));
/// let guard = Guard::new(registry, target, tokio::time::sleep);
/// // An HTTP client's answer would be classified by its status.
/// let guard = guard.classified_by(|status: &Result<u16, Infallible>| match status {
///     Ok(500..) => Classification::Failure { retry_after: None },
///     _ => Classification::Success,
/// });
/// let client = service_fn(async |_: &'static str| Ok::<u16, Infallible>(200));
/// let guarded = ServiceBuilder::new().layer(guard).service(client);
/// assert_eq!(guarded.oneshot("a request").await, Ok(200));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Guarded<I, G> {
    inner: I,
    guard: G,
}

impl<I, T, R, S: Clone, C: Clone> Layer<I> for Guard<T, R, S, C> {
    type Service = Guarded<I, Self>;

    fn layer(&self, inner: I) -> Self::Service {
        Guarded { inner, guard: self.clone() }
    }
}

impl<I, Request, T, R, S, Z, C> Service<Request> for Guarded<I, Guard<T, R, S, C>>
where
    I: Service<Request> + Clone + Send + 'static,
    I::Future: Send,
    I::Response: Send,
    I::Error: Send,
    Request: Send + 'static,
    T: SendTable + Send + Sync + 'static,
    R: Runtime + Send + Sync + 'static,
    S: Fn(Duration) -> Z + Clone + Send + Sync + 'static,
    Z: Future<Output = ()> + Send,
    C: Classify<I::Response, I::Error> + Clone + Send + Sync + 'static,
{
    type Response = I::Response;
    type Error = GuardError<I::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<I::Response, GuardError<I::Error>>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(GuardError::NotReady)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that has said that it is ready is called; its clone has not.
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        let guard = self.guard.clone();
        Box::pin(async move { guard.call(move |_| ready.call(request)).await })
    }
}
