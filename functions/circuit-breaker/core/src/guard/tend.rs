//! What is done in the background, where a process goes on between calls.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tenfold_ports::{Runtime, Table};

use crate::registry::Registry;

/// How often [`tend`] looks whether there is something to do. What is to be reported at once is reported so much later.
pub const TEND_EVERY: Duration = Duration::from_millis(100);

/// Tends a registry until nobody else has it: reads anew what is wanted, and reports what is to be reported.
///
/// It is spawned once a process, however many guards share the registry. Without it a breaker trips by nobody's calls, as
/// they are never reported, and is read anew only after ten TTLs. A look that finds nothing to do makes no call. Before a
/// process ends it awaits [`Registry::flush`], which reports what may wait otherwise. One that is dropped before its end loses
/// nothing: what it was reporting is due again.
///
/// A function on Lambda is frozen between two events, so it awaits [`Registry::tend`] after each answer instead.
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use circuit_breaker_core::{guard, registry::Registry};
/// # use tenfold_memory::{ManualRuntime, MemoryTable};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let registry = Registry::new(MemoryTable::new(), ManualRuntime::new(), Duration::from_secs(1));
/// let registry = Arc::new(registry);
/// let tending = tokio::spawn(guard::tend(&registry, tokio::time::sleep));
///
/// drop(registry);
/// tending.await.unwrap();
/// # }
/// ```
pub fn tend<T, R, S, Z>(
    registry: &Arc<Registry<T, R>>,
    sleep: S,
) -> impl Future<Output = ()> + use<T, R, S, Z>
where
    T: Table,
    R: Runtime,
    S: Fn(Duration) -> Z,
    Z: Future<Output = ()>,
{
    tend_while_used(Arc::downgrade(registry), sleep)
}

async fn tend_while_used<T, R, S, Z>(registry: Weak<Registry<T, R>>, sleep: S)
where
    T: Table,
    R: Runtime,
    S: Fn(Duration) -> Z,
    Z: Future<Output = ()>,
{
    while let Some(registry) = registry.upgrade() {
        registry.tend().await;
        drop(registry);
        sleep(TEND_EVERY).await;
    }
}
