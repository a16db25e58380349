//! What a run has of services beside its table, its queues and the downstream service.

use crate::topic::Subscriptions;

/// All of them, each a module of its own.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Services {
    pub topics: Vec<Subscriptions>,
}
