//! Counts the calls that a function makes to AWS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many calls left for AWS, by action: `dynamodb:PutItem`, `sqs:SendMessage`.
///
/// The names are those of IAM, so that a log line can be held against a policy: SQS and SNS know no permission
/// of their own for batches, so `SendMessageBatch` counts as `sqs:SendMessage`. A transaction is one call,
/// `dynamodb:TransactWriteItems`, though IAM asks for the actions inside it. Every attempt counts, a repeated
/// one too. Clones share one count.
#[derive(Debug, Clone, Default)]
pub struct CallCounter(Arc<Mutex<BTreeMap<String, u64>>>);

impl CallCounter {
    /// Counts one call.
    pub fn add(&self, service: &str, operation: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(action(service, operation)).or_default() += 1;
    }

    /// The counts since the last time this was called.
    #[must_use]
    pub fn take(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The IAM name of an operation of the SDK.
fn action(service: &str, operation: &str) -> String {
    let service = service.to_ascii_lowercase();
    let (service, operation) = match service.as_str() {
        "sqs" | "sns" => (service.as_str(), operation.strip_suffix("Batch").unwrap_or(operation)),
        "sfn" => ("states", operation),
        "secrets manager" => ("secretsmanager", operation),
        other => (other, operation),
    };
    format!("{service}:{operation}")
}

#[cfg(feature = "sdk")]
mod interceptor {
    use aws_smithy_runtime_api::box_error::BoxError;
    use aws_smithy_runtime_api::client::interceptors::Intercept;
    use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
    use aws_smithy_runtime_api::client::orchestrator::Metadata;
    use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
    use aws_smithy_types::config_bag::ConfigBag;

    use super::CallCounter;

    /// Counts where the SDK hands an attempt to the network, so that no adapter can forget to.
    impl Intercept for CallCounter {
        fn name(&self) -> &'static str {
            "CallCounter"
        }

        fn read_before_transmit(
            &self,
            _: &BeforeTransmitInterceptorContextRef<'_>,
            _: &RuntimeComponents,
            config: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            if let Some(call) = config.load::<Metadata>() {
                self.add(call.service(), call.name());
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_iam_action_and_starts_anew_when_taken() {
        let calls = CallCounter::default();
        let shared = calls.clone();
        shared.add("DynamoDB", "PutItem");
        calls.add("DynamoDB", "PutItem");
        calls.add("SQS", "SendMessageBatch");
        calls.add("SNS", "PublishBatch");
        calls.add("SFN", "StartExecution");
        let counts: Vec<_> = calls.take().into_iter().collect();
        let expected = [
            ("dynamodb:PutItem", 2),
            ("sns:Publish", 1),
            ("sqs:SendMessage", 1),
            ("states:StartExecution", 1),
        ];
        assert_eq!(counts, expected.map(|(action, n)| (action.to_owned(), n)));
        assert!(shared.take().is_empty());
    }
}
