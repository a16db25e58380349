//! Until when a Wait waits (States Language, "Wait State").

use jiff::{SignedDuration, Timestamp};

use super::choice::timestamp;
use super::context::{Context, ValueSource};
use super::error::TaskError;
use super::json::{SharedJson, brief};

/// Until when a Wait waits.
#[derive(Debug)]
pub(super) enum Until {
    Seconds(u32),
    SecondsPath(ValueSource),
    Timestamp(Timestamp),
    TimestampPath(ValueSource),
}

impl Until {
    /// The time until which a state that is entered `now` waits.
    ///
    /// # Errors
    /// `States.Runtime`: a path finds nothing, or not what it should.
    pub fn time(
        &self,
        input: &SharedJson,
        context: Context<'_>,
        now: Timestamp,
    ) -> Result<Timestamp, TaskError> {
        match self {
            Self::Seconds(seconds) => Ok(after(now, SignedDuration::from_secs(i64::from(*seconds)))),
            Self::Timestamp(time) => Ok(*time),
            Self::SecondsPath(path) => {
                let value = path.read("SecondsPath", input, context)?;
                let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
                let seconds = seconds.ok_or_else(|| {
                    TaskError::runtime(format!("SecondsPath: {} is no number of seconds", brief(&value)))
                })?;
                Ok(after(now, SignedDuration::from_secs(i64::from(seconds))))
            }
            Self::TimestampPath(path) => {
                let value = path.read("TimestampPath", input, context)?;
                timestamp(&value).ok_or_else(|| {
                    TaskError::runtime(format!("TimestampPath: {} is no timestamp", brief(&value)))
                })
            }
        }
    }
}

/// A time that is not beyond all times.
pub(super) fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}
