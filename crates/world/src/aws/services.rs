//! What a run has of services beside its table, its queues and the downstream service.

use super::alarm::Alarm;
use super::blob::Objects;
use super::bus::Rules;
use super::flags::Documents;
use super::invocations::Invocations;
use super::schedule::ScheduleTimer;
use super::secrets::SecretStore;
use super::topic::Subscriptions;

/// All of them, each a module of its own.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Services {
    pub topics: Vec<Subscriptions>,
    pub buses: Vec<Rules>,
    pub buckets: Vec<Objects>,
    pub flags: Documents,
    pub functions: Vec<Invocations>,
    pub schedules: Vec<ScheduleTimer>,
    pub alarms: Vec<Alarm>,
    pub secrets: SecretStore,
}
