//! What the environment says: [`Rows`] to those who work on rows, [`Outlets`] to the publisher.

use std::time::Duration;

use jiff::SignedDuration;
use saga_core::definition::{Definition, DefinitionError};
use saga_core::rows::{OPEN, OPEN_INDEX, WAKE};
use saga_core::steps::Steps;
use saga_core::trip::{self, Trip};
use tenfold_aws::flow::StateMachine;
use tenfold_aws::queue::SqsQueue;
use tenfold_aws::table::DynamoTable;
use tenfold_aws::topic::SnsTopic;
use tenfold_aws::{Aws, SystemRuntime};
use tenfold_lambda::{ConfigError, Emf, Environment};

/// The configuration of those who work on rows: the table, and the times that are written into it.
#[derive(Debug, Clone)]
pub struct Rows {
    /// `TABLE_NAME`: the table.
    pub table: String,
    /// `DEADLINE_SECONDS`: how long a trip may take to be booked; 10 min unless said otherwise.
    pub deadline: Duration,
    /// `RECOVERY_SECONDS`: how long a round of undoing may take; 15 min unless said otherwise.
    pub recovery: Duration,
}

/// The configuration of the publisher: where the log goes on.
#[derive(Debug, Clone)]
pub struct Outlets {
    /// `TOPIC_ARN`: where choreographed trips publish their events.
    pub topic: String,
    /// `STATE_MACHINE_ARN`: what leads orchestrated trips.
    pub state_machine: String,
    /// `DEAD_LETTER_QUEUE_URL`: where people hear of what is stuck.
    pub dead_letters: String,
}

/// What the definition takes.
const TIMES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(365 * 24);

impl Rows {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// All variables that are missing or bad, at once.
    pub fn read(env: Environment) -> Result<Self, ConfigError> {
        let time = |name, usual| env.seconds(name).within(TIMES).or(usual);
        let rows = Self {
            table: env.text("TABLE_NAME").get(),
            deadline: time("DEADLINE_SECONDS", Duration::from_mins(10)),
            recovery: time("RECOVERY_SECONDS", Duration::from_mins(15)),
        };
        env.finish(rows)
    }

    /// Returns what a function works on the rows with.
    ///
    /// # Errors
    /// None after [`Rows::read`].
    pub fn steps(
        &self,
        aws: &Aws,
        runtime: SystemRuntime<Emf>,
    ) -> Result<Steps<DynamoTable, SystemRuntime<Emf>, Trip>, DefinitionError> {
        Ok(Steps { table: self.table(aws), runtime, definition: self.definition()? })
    }

    /// Returns the table, with its index.
    #[must_use]
    pub fn table(&self, aws: &Aws) -> DynamoTable {
        DynamoTable::new(aws.dynamodb(), &self.table).index(OPEN_INDEX, OPEN, WAKE)
    }

    /// Returns the trip's definition, with these times.
    ///
    /// # Errors
    /// None after [`Rows::read`].
    pub fn definition(&self) -> Result<Definition<Trip>, DefinitionError> {
        let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        trip::definition_within(signed(self.deadline), signed(self.recovery))
    }
}

impl Outlets {
    /// Reads the configuration from the environment.
    ///
    /// # Errors
    /// All variables that are missing or bad, at once.
    pub fn read(env: Environment) -> Result<Self, ConfigError> {
        let arn = |name, service: &str| {
            let expected = format!("an ARN that begins with arn:aws:{service}: (or arn:aws-…)");
            let parsed = env.parsed(name, &expected, |text| {
                let mut parts = text.splitn(6, ':');
                let fits = parts.next() == Some("arn")
                    && parts.next().is_some_and(|partition| partition.starts_with("aws"))
                    && parts.next() == Some(service)
                    && parts.nth(2).is_some_and(|resource| !resource.is_empty());
                fits.then(|| text.to_owned())
            });
            parsed.get()
        };
        let outlets = Self {
            topic: arn("TOPIC_ARN", "sns"),
            state_machine: arn("STATE_MACHINE_ARN", "states"),
            dead_letters: env.url("DEAD_LETTER_QUEUE_URL").get(),
        };
        env.finish(outlets)
    }

    /// Returns the topic of events.
    #[must_use]
    pub fn topic(&self, aws: &Aws) -> SnsTopic {
        SnsTopic::new(aws.sns(), &self.topic)
    }

    /// Returns the state machine.
    #[must_use]
    pub fn state_machine(&self, aws: &Aws) -> StateMachine {
        StateMachine::new(aws.sfn(), &self.state_machine)
    }

    /// Returns the queue of dead letters.
    #[must_use]
    pub fn dead_letters(&self, aws: &Aws) -> SqsQueue {
        SqsQueue::new(aws.sqs(), &self.dead_letters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_missing_or_bad_is_named_at_once() {
        let bad = [("DEADLINE_SECONDS", "0"), ("RECOVERY_SECONDS", "soon")];
        let message = Rows::read(Environment::of(bad)).unwrap_err().to_string();
        for name in ["TABLE_NAME", "DEADLINE_SECONDS", "RECOVERY_SECONDS"] {
            assert!(message.contains(name), "{message}");
        }
        let bad = [("TOPIC_ARN", "arn:aws:sqs:us-east-1:123456789012:trips"), ("DEAD_LETTER_QUEUE_URL", "q")];
        let message = Outlets::read(Environment::of(bad)).unwrap_err().to_string();
        for name in ["TOPIC_ARN", "STATE_MACHINE_ARN", "DEAD_LETTER_QUEUE_URL"] {
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn the_usual_times_are_the_definitions_own() {
        let rows = Rows::read(Environment::of([("TABLE_NAME", "t")])).unwrap();
        let (ours, usual) = (rows.definition().unwrap(), trip::definition().unwrap());
        assert_eq!((ours.deadline(), ours.recovery()), (usual.deadline(), usual.recovery()));
    }

    #[test]
    fn arns_of_every_partition_are_taken() {
        let outlets = Outlets::read(Environment::of([
            ("TOPIC_ARN", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:trips"),
            ("STATE_MACHINE_ARN", "arn:aws:states:us-east-1:123456789012:stateMachine:trip"),
            ("DEAD_LETTER_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/123456789012/letters"),
        ]));
        assert!(outlets.is_ok(), "{outlets:?}");
    }
}
