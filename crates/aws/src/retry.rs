//! When the SDK may repeat a call by itself.
//!
//! The SDK's standard mode repeats a call whose answer was lost. For a read that is right. A write may then be
//! made twice while its caller is told of one: an `ADD` counts double, and a condition that the first attempt
//! made false reports a conflict with oneself. So a write is repeated only after failures that prove that
//! nothing was applied (no connection, throttling); any other comes back as `CallError::Unknown`, and the
//! handler, which knows what the write means, decides.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};

use crate::error::never_connected;

/// Forbids to repeat a call that may have been applied. Set on the configuration of every write.
#[derive(Debug, Clone, Copy)]
pub struct OnlyWhenCertain;

impl ClassifyRetry for OnlyWhenCertain {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let certain = if let Some(error) = error.as_connector_error() {
            never_connected(error)
        } else {
            // The service answered, and not with an error of its own: the codes decide (throttling or not).
            error.is_operation_error() && context.response().is_some_and(|r| r.status().as_u16() < 500)
        };
        if certain { RetryAction::NoActionIndicated } else { RetryAction::RetryForbidden }
    }

    fn name(&self) -> &'static str {
        "OnlyWhenCertain"
    }

    fn priority(&self) -> RetryClassifierPriority {
        // After all others; to forbid stands whatever they found.
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
