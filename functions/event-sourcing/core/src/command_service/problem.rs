//! What is answered instead of a success.

use tenfold_ports::api::Problem;

use crate::execute::CommandError;
use crate::log::LogError;
use crate::log::commit::COMMIT_MOST;
use crate::order::{OrderRefusal, OrderStatus};

/// After how many seconds a caller may try again what others kept from being done.
const RETRY_AFTER: u64 = 1;

pub(super) fn unknown_order(id: &str) -> Problem {
    let detail = format!("there is no order {id}; POST /orders/{id}/commands/place begins it");
    Problem::new(404, "unknown-order", "There is no such order", detail)
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Read(error) => error.into(),
            error => {
                tracing::error!(%error, "log not read");
                Self::internal(
                    "the order's log cannot be read by this version; the service's own log has the reason",
                )
            }
        }
    }
}

impl From<CommandError<OrderRefusal>> for Problem {
    fn from(error: CommandError<OrderRefusal>) -> Self {
        match error {
            CommandError::Refused { refusal, version } => refused(&refusal, version),
            CommandError::Mismatch { current } => Self::new(
                412,
                "version-mismatch",
                "The order has another version",
                format!(
                    "If-Match does not name the order's version, which is \"{current}\"; read it again and decide anew"
                ),
            ),
            CommandError::IdReused => Self::new(
                422,
                "command-id-reused",
                "The command's id was used for another command",
                "this Command-Id came before with another command or body; take a new one for a new command",
            ),
            CommandError::TooLarge(size) => Self::too_large(size, COMMIT_MOST),
            CommandError::Busy => {
                Self::unavailable("others keep writing this order; send the same command again", RETRY_AFTER)
            }
            CommandError::Log(error) => error.into(),
        }
    }
}

fn refused(refusal: &OrderRefusal, version: u64) -> Problem {
    let allowed = match refusal {
        OrderRefusal::Status(status) => allowed(*status),
        _ => String::new(),
    };
    let detail = format!("{refusal} (version {version}){allowed}");
    Problem::new(409, "command-refused", "The order does not allow it", detail)
}

fn allowed(status: OrderStatus) -> String {
    match status.allows() {
        [] => "; nothing is allowed any more".to_owned(),
        commands => format!("; allowed are {}", commands.join(", ")),
    }
}
