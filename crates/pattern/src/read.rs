//! Reading rows: what cannot be read stops itself only.

use tenfold_ports::CallError;
use tenfold_ports::api::Problem;
use tenfold_ports::metrics::{Metric, Metrics};
use tenfold_ports::table::BadItem;

/// The metric of rows that a list, a sweep or a batch has skipped because they cannot be read.
pub const UNREADABLE_ROWS: &str = "UnreadableRows";

/// After how many seconds a caller may try again what the table did not answer.
const RETRY_AFTER: u64 = 2;

/// Why there is nothing to decide by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A row is not what this version writes. Another version may read it; repeating the call does not help.
    #[error(transparent)]
    Row(#[from] BadItem),
    /// The table refused the call for good: a permission or the table itself is missing, or an item is too large.
    #[error("the table refused the call: {0}")]
    Refused(String),
    /// The table did not answer. Trying again can succeed; where the call was a write it may have been applied.
    #[error("the table did not answer: {0}")]
    Silent(CallError),
}

impl From<CallError> for ReadError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(why) => Self::Refused(why),
            error => Self::Silent(error),
        }
    }
}

/// What is not mended by repeating the request is a 500, what may be is a 503 with a time to wait.
impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "table not read or written");
        match error {
            ReadError::Row(_) => Self::internal("a row of the table cannot be read; the log has the reason"),
            ReadError::Refused(_) => Self::internal("the table refused the call; the log has the reason"),
            ReadError::Silent(_) => Self::unavailable(
                "the table did not answer in time; send the same request again",
                RETRY_AFTER,
            ),
        }
    }
}

/// The row, or none where it cannot be read: it is logged and counted, and stays where it is, since a roll-back may
/// read it.
pub fn readable<T>(metrics: &impl Metrics, row: Result<T, BadItem>) -> Option<T> {
    row.inspect_err(|error| {
        tracing::error!(%error, "row not readable: skipped");
        metrics.record(&[], &[Metric::count(UNREADABLE_ROWS, 1.0)]);
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tenfold_ports::metrics::Dimension;

    use super::*;

    #[derive(Default)]
    struct Counted(Cell<usize>);

    impl Metrics for Counted {
        fn record(&self, _: &[Dimension], metrics: &[Metric]) {
            assert_eq!(metrics[0].name, UNREADABLE_ROWS);
            self.0.set(self.0.get() + 1);
        }
    }

    fn bad() -> BadItem {
        BadItem { key: "a / b".to_owned(), attribute: "state".to_owned(), why: "is missing".to_owned() }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_counted_and_skipped() {
        let counted = Counted::default();
        let rows = [Ok(1), Err(bad()), Ok(3)];
        let read: Vec<i32> = rows.into_iter().filter_map(|row| readable(&counted, row)).collect();
        assert_eq!((read, counted.0.get()), (vec![1, 3], 1));
    }

    #[test]
    fn only_what_repeating_may_mend_is_a_503() {
        let problem = |error: ReadError| Problem::from(error);
        assert_eq!(problem(bad().into()).status, 500);
        assert_eq!(problem(CallError::Refused("no permission".to_owned()).into()).status, 500);
        for error in [CallError::Throttled, CallError::Unavailable, CallError::Unknown] {
            let problem = problem(error.into());
            assert_eq!((problem.status, problem.retry_after), (503, Some(2)));
        }
    }
}
