//! What a failed SDK call says about its effect: the one place that decides it.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tenfold_ports::CallError;

/// Whether a call can change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: when it failed, nothing was applied whatever happened.
    Read,
    /// It writes, or takes (as receiving does).
    Write,
}

impl Effect {
    /// No answer came, or none that says what was done.
    const fn lost(self) -> CallError {
        match self {
            Self::Read => CallError::Unavailable,
            Self::Write => CallError::Unknown,
        }
    }
}

/// Codes by which AWS services refuse a call for load, before doing anything.
const THROTTLING: &[&str] = &[
    "BandwidthLimitExceeded",
    // So many executions are running already: later there are fewer.
    "ExecutionLimitExceeded",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
    // Another transaction or write held the item: not load, but the same advice.
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
];

/// Whether a service's error code means that it refused the call for load.
#[must_use]
pub fn is_throttling(code: &str) -> bool {
    THROTTLING.iter().any(|t| code == *t || code.strip_prefix("AWS.SimpleQueueService.") == Some(t))
}

/// What the failure of a call says about its effect.
pub fn call_error<E>(error: &SdkError<E, HttpResponse>, effect: Effect) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => CallError::Refused(format!("not sent: {}", chain(error))),
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            CallError::Refused(format!("not sent: {}", chain(error)))
        }
        SdkError::DispatchFailure(_) if never_connected(error) => CallError::Unavailable,
        SdkError::ServiceError(answer) => service_error(answer.err(), answer.raw().status().as_u16(), effect),
        // Time-outs, connections that broke, answers that make no sense, and what later versions add.
        _ => effect.lost(),
    }
}

fn service_error<E: ProvideErrorMetadata>(error: &E, status: u16, effect: Effect) -> CallError {
    match error.code() {
        Some(code) if is_throttling(code) => CallError::Throttled,
        // The first call with this transaction's token is still under way: it can yet be applied.
        Some("TransactionInProgressException") => effect.lost(),
        _ if status == 429 => CallError::Throttled,
        // An internal error can strike after the write was made.
        _ if status >= 500 => effect.lost(),
        code => {
            let code = code.map_or_else(|| format!("status {status}"), str::to_owned);
            CallError::Refused(format!("{code}: {}", error.message().unwrap_or("no message")))
        }
    }
}

/// Whether an error is that no connection came about (name, TCP or TLS), so that the service has seen nothing.
#[must_use]
pub fn never_connected(error: &(dyn Error + 'static)) -> bool {
    sources(error)
        .filter_map(|e| e.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect)
}

fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

fn chain(error: &(dyn Error + 'static)) -> String {
    sources(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    type Sdk = SdkError<ErrorMetadata, HttpResponse>;

    fn answer(status: u16) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty())
    }

    fn service(status: u16, code: &str) -> Sdk {
        SdkError::service_error(ErrorMetadata::builder().code(code).message("m").build(), answer(status))
    }

    fn both(error: &Sdk) -> [CallError; 2] {
        [call_error(error, Effect::Read), call_error(error, Effect::Write)]
    }

    #[test]
    fn a_throttled_call_was_not_applied_whatever_its_status() {
        for code in ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestThrottled"] {
            assert_eq!(both(&service(400, code)), [CallError::Throttled, CallError::Throttled]);
        }
        assert_eq!(both(&service(503, "SlowDown"))[1], CallError::Throttled);
        assert_eq!(both(&service(403, "AWS.SimpleQueueService.OverLimit"))[1], CallError::Throttled);
        assert_eq!(both(&service(429, "Other"))[1], CallError::Throttled);
    }

    #[test]
    fn an_internal_error_leaves_a_write_unknown() {
        let expected = [CallError::Unavailable, CallError::Unknown];
        assert_eq!(both(&service(500, "InternalServerError")), expected);
        assert_eq!(both(&service(400, "TransactionInProgressException")), expected);
    }

    #[test]
    fn a_lost_answer_leaves_a_write_unknown() {
        let expected = [CallError::Unavailable, CallError::Unknown];
        assert_eq!(both(&Sdk::timeout_error("late")), expected);
        assert_eq!(both(&Sdk::response_error("cut", answer(200))), expected);
        assert_eq!(both(&Sdk::dispatch_failure(ConnectorError::io("reset".into()))), expected);
        assert_eq!(both(&Sdk::dispatch_failure(ConnectorError::timeout("read".into()))), expected);
    }

    #[test]
    fn what_was_not_sent_was_refused() {
        let refused = |e: &Sdk| matches!(call_error(e, Effect::Write), CallError::Refused(_));
        assert!(refused(&Sdk::construction_failure("no table name")));
        assert!(refused(&Sdk::dispatch_failure(ConnectorError::user("bad header".into()))));
    }

    #[test]
    fn another_answer_of_the_service_is_a_refusal_with_its_code() {
        let error = service(400, "ResourceNotFoundException");
        assert_eq!(both(&error)[1], CallError::Refused("ResourceNotFoundException: m".to_owned()));
    }
}
