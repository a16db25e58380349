//! The functions' configuration, from their environment, and what is made of it.

use std::time::Duration;

use circuit_breaker_core::registry::Registry;
use circuit_breaker_core::rows;
use tenfold_aws::Aws;
use tenfold_aws::queue::SqsQueue;
use tenfold_aws::table::DynamoTable;
use tenfold_lambda::{ConfigError, Env};
use tenfold_ports::Host;

/// The configuration of all three functions, from the environment; each uses what it needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// `TABLE_NAME`: the table.
    pub table: String,
    /// `QUEUE_URL`: the retry queue.
    pub queue: String,
    /// `DEAD_LETTER_QUEUE_URL`: the dead-letter queue.
    pub dead_letters: String,
    /// `STATE_TTL_MS`: how long a read of a breaker is good for; 1 s unless said otherwise.
    pub state_ttl: Duration,
    /// `RETENTION_SECONDS`: how long answers and dead requests are kept; 14 days unless said otherwise.
    pub retention: Duration,
    /// `ORPHAN_AFTER_SECONDS`: how long after its time a message counts as lost; 5 min unless said otherwise.
    pub orphan_after: Duration,
}

/// Which functions use the queues: the health monitor does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queues {
    /// The function uses both queues.
    Needed,
    /// The function uses none.
    NotNeeded,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// All variables that are missing or bad, at once.
    pub fn read(env: Env, queues: Queues) -> Result<Self, ConfigError> {
        let url = |name| match queues {
            Queues::Needed => env.url(name).get(),
            Queues::NotNeeded => String::new(),
        };
        let config = Self {
            table: env.text("TABLE_NAME").get(),
            queue: url("QUEUE_URL"),
            dead_letters: url("DEAD_LETTER_QUEUE_URL"),
            state_ttl: env.milliseconds("STATE_TTL_MS").or(Duration::from_secs(1)),
            retention: env.seconds("RETENTION_SECONDS").or(Duration::from_hours(14 * 24)),
            orphan_after: env.seconds("ORPHAN_AFTER_SECONDS").or(Duration::from_mins(5)),
        };
        env.finish(config)
    }

    /// Returns the table, with its index.
    #[must_use]
    pub fn table(&self, aws: &Aws) -> DynamoTable {
        DynamoTable::new(aws.dynamodb(), &self.table).index(rows::QUEUE_INDEX, rows::QUEUE, rows::WAKE)
    }

    /// Returns the retry queue.
    #[must_use]
    pub fn queue(&self, aws: &Aws) -> SqsQueue {
        SqsQueue::new(aws.sqs(), &self.queue)
    }

    /// Returns the dead-letter queue.
    #[must_use]
    pub fn dead_letters(&self, aws: &Aws) -> SqsQueue {
        SqsQueue::new(aws.sqs(), &self.dead_letters)
    }

    /// Returns a registry that knows nothing of any breaker yet.
    #[must_use]
    pub fn registry<H: Host>(&self, table: DynamoTable, host: H) -> Registry<DynamoTable, H> {
        Registry::new(table, host, self.state_ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_missing_is_named_at_once() {
        let missing =
            Config::read(Env::of([("STATE_TTL_MS", "soon")]), Queues::Needed).unwrap_err().to_string();
        for name in ["TABLE_NAME", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "STATE_TTL_MS"] {
            assert!(missing.contains(name), "{missing}");
        }
    }

    #[test]
    fn the_monitor_needs_no_queue() {
        let config = Config::read(Env::of([("TABLE_NAME", "t")]), Queues::NotNeeded).unwrap();
        assert_eq!(config.state_ttl, Duration::from_secs(1));
    }
}
