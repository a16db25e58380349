//! What a run has of services beside its table, its queues and the downstream service.

use crate::alarm::Alarm;
use crate::blob::Objects;
use crate::bus::Rules;
use crate::flags::Documents;
use crate::invocations::Invocations;
use crate::schedule::Schedule;
use crate::topic::Subscriptions;

/// All of them, each a module of its own.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Services {
    pub topics: Vec<Subscriptions>,
    pub buses: Vec<Rules>,
    pub buckets: Vec<Objects>,
    pub flags: Documents,
    pub functions: Vec<Invocations>,
    pub schedules: Vec<Schedule>,
    pub alarms: Vec<Alarm>,
}
