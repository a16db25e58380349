//! What the environment says: [`Config`] to all three functions, [`Queues`] to those that use the queues.

use std::time::Duration;

use circuit_breaker_core::credentials::Credentials;
use circuit_breaker_core::park::DeadLetters;
use circuit_breaker_core::registry::Registry;
use circuit_breaker_core::rows;
use tenfold_aws::Aws;
use tenfold_aws::downstream::HttpDownstream;
use tenfold_aws::egress::Egress;
use tenfold_aws::queue::SqsQueue;
use tenfold_aws::secrets::AwsSecrets;
use tenfold_aws::table::DynamoTable;
use tenfold_lambda::Environment;
use tenfold_ports::Runtime;

const TWO_WEEKS: Duration = Duration::from_hours(14 * 24);

/// The table, and the times that the functions go by; each uses what it needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// `TABLE_NAME`: the table.
    pub table: String,
    /// `STATE_TTL_MS`: how long a read of a breaker is good for; 1 s unless said otherwise.
    pub state_ttl: Duration,
    /// `ANSWER_RETENTION_SECONDS`: how long answers are kept; 14 days unless said otherwise.
    pub answer_retention: Duration,
    /// `DEAD_RETENTION_SECONDS`: how long dead requests are kept; 14 days unless said otherwise.
    pub dead_retention: Duration,
    /// `QUEUE_AGE_THRESHOLD_SECONDS`: from which age of a waiting request on its alarm is raised; 15 min unless said
    /// otherwise.
    pub age_alarm: Duration,
    /// `QUEUE_SHARDS`: over how many partitions of the index the parked requests of a target are spread; 8 unless said
    /// otherwise.
    pub shards: u16,
    /// `EGRESS_ALLOW`: which hosts and networks may be called; any public address unless said otherwise. The
    /// function's own Runtime API never.
    pub egress: Egress,
}

/// The queues. The health monitor sends to the retry queue only.
#[derive(Debug, Clone)]
pub struct Queues {
    /// `QUEUE_URL`: the retry queue.
    pub retries: String,
    /// `DEAD_LETTER_QUEUE_URL`: the dead-letter queue.
    pub dead_letters: String,
}

impl Config {
    /// Reads it; what is wrong, the environment's `finish` says.
    #[must_use]
    pub fn read(env: &Environment) -> Self {
        Self {
            table: env.text("TABLE_NAME").get(),
            state_ttl: env.milliseconds("STATE_TTL_MS").or(Duration::from_secs(1)),
            answer_retention: env.seconds("ANSWER_RETENTION_SECONDS").or(TWO_WEEKS),
            dead_retention: env.seconds("DEAD_RETENTION_SECONDS").or(TWO_WEEKS),
            age_alarm: env.seconds("QUEUE_AGE_THRESHOLD_SECONDS").or(Duration::from_mins(15)),
            shards: shards(env),
            egress: egress(env),
        }
    }

    /// Returns the table, with its index.
    #[must_use]
    pub fn table(&self, aws: &Aws) -> DynamoTable {
        DynamoTable::new(aws.dynamodb(), &self.table).index(rows::QUEUE_INDEX, rows::QUEUE, rows::WAKE)
    }

    /// Returns the way to the targets.
    #[must_use]
    pub fn downstream(&self) -> HttpDownstream {
        HttpDownstream::new(self.egress.clone())
    }

    /// Returns what calls of targets identify themselves by: secrets are read with the function's role, tokens asked for
    /// under the same rules of egress. Nothing is read or connected before a target wants it.
    #[must_use]
    pub fn credentials(&self, aws: &Aws) -> Credentials {
        Credentials::new(AwsSecrets::new(aws), aws.signer(), self.downstream())
    }

    /// Returns a registry that knows nothing of any breaker yet.
    #[must_use]
    pub fn registry<R: Runtime + Clone>(&self, table: &DynamoTable, runtime: &R) -> Registry<DynamoTable, R> {
        Registry::new(table.clone(), runtime.clone(), self.state_ttl)
    }
}

fn shards(env: &Environment) -> u16 {
    let within = |text: &str| text.parse().ok().filter(|shards| (1..=64).contains(shards));
    env.parsed("QUEUE_SHARDS", "a number from 1 to 64", within).or(rows::SHARDS)
}

fn egress(env: &Environment) -> Egress {
    let expected = "hosts (pay.example.com, *.example.com), CIDRs (10.0.0.0/8) or *, separated by commas";
    let allowed = env.parsed("EGRESS_ALLOW", expected, |text| text.parse().ok()).or(Egress::default());
    // Where it is not known nothing could keep calls from it: then the function does not start.
    let without = |address: &str| allowed.clone().without_runtime_api(address);
    let guarded = env.parsed("AWS_LAMBDA_RUNTIME_API", "an address with a port", without).optional();
    guarded.unwrap_or_else(|| allowed.clone())
}

impl Queues {
    /// Reads them; what is wrong, the environment's `finish` says.
    #[must_use]
    pub fn read(env: &Environment) -> Self {
        Self { retries: env.url("QUEUE_URL").get(), dead_letters: env.url("DEAD_LETTER_QUEUE_URL").get() }
    }

    /// Reads the URL of the retry queue alone, for one who only sends to it.
    #[must_use]
    pub fn retries(env: &Environment) -> String {
        env.url("QUEUE_URL").get()
    }

    /// Returns the retry queue and the dead-letter queue.
    #[must_use]
    pub fn of(&self, aws: &Aws) -> (SqsQueue, DeadLetters<SqsQueue>) {
        let queue = |url| SqsQueue::new(aws.sqs(), url);
        (queue(&self.retries), DeadLetters(queue(&self.dead_letters)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_missing_is_named_at_once() {
        let env = Environment::of([("STATE_TTL_MS", "soon"), ("EGRESS_ALLOW", "http://a")]);
        let read = (Config::read(&env), Queues::read(&env));
        let missing = env.finish(read).unwrap_err().to_string();
        for name in ["TABLE_NAME", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "STATE_TTL_MS", "EGRESS_ALLOW"] {
            assert!(missing.contains(name), "{missing}");
        }
    }

    #[test]
    fn the_monitor_needs_no_dead_letters() {
        let env = Environment::of([("TABLE_NAME", "t"), ("QUEUE_URL", "http://queue")]);
        let read = (Config::read(&env), Queues::retries(&env));
        assert_eq!(env.finish(read).unwrap().0.state_ttl, Duration::from_secs(1));
    }
}
