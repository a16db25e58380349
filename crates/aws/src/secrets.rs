//! The port `Secrets` on AWS Systems Manager (parameters) and AWS Secrets Manager.

use std::cell::OnceCell;
use std::fmt;
use std::time::Duration;

use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sdk_ssm::Client as Ssm;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use tenfold_ports::Secrets;
use tenfold_ports::secrets::{Secret, SecretError, SecretSource};

use crate::{Aws, MethodActions};

/// The IAM actions behind the method: the first on parameters, the second on secrets.
pub const ACTIONS: &[MethodActions] = &[("get", &["ssm:GetParameter", "secretsmanager:GetSecretValue"])];

/// One attempt of a read. Somebody waits for a call that needs the secret, within an invocation's time.
const ATTEMPT: Duration = Duration::from_millis(1200);
/// A read with all its attempts: less than what a function keeps back for writing down that it failed.
const OPERATION: Duration = Duration::from_millis(2500);

/// What makes a client when it is first needed.
type Make<C> = Box<dyn Fn() -> C>;

/// Secrets of both services. Nothing is made or called before the first one is asked for.
pub struct AwsSecrets {
    ssm: Lazy<Ssm>,
    secrets_manager: Lazy<SecretsManager>,
}

struct Lazy<C> {
    client: OnceCell<C>,
    make: Make<C>,
}

impl<C> Lazy<C> {
    fn new(make: impl Fn() -> C + 'static) -> Self {
        Self { client: OnceCell::new(), make: Box::new(make) }
    }

    fn get(&self) -> &C {
        self.client.get_or_init(&self.make)
    }
}

impl fmt::Debug for AwsSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsSecrets").finish_non_exhaustive()
    }
}

impl AwsSecrets {
    /// The secrets that the function's role may read.
    #[must_use]
    pub fn new(aws: &Aws) -> Self {
        let (for_ssm, for_secrets_manager) = (aws.clone(), aws.clone());
        Self {
            ssm: Lazy::new(move || for_ssm.ssm()),
            secrets_manager: Lazy::new(move || for_secrets_manager.secrets_manager()),
        }
    }
}

// The SDK's futures take kilobytes and nest deep. In a box they do neither to those who wait for them.
impl Secrets for AwsSecrets {
    async fn get(&self, source: &SecretSource) -> Result<Secret, SecretError> {
        let text = match source {
            SecretSource::Parameter(name) => {
                let call = self.ssm.get().get_parameter().name(name.as_str()).with_decryption(true);
                let quick = aws_sdk_ssm::config::Builder::default().timeout_config(timeouts());
                let answer = Box::pin(call.customize().config_override(quick).send()).await;
                let answer = answer.map_err(|error| failure(source, &error))?;
                answer.parameter.and_then(|parameter| parameter.value)
            }
            SecretSource::Secret(id) => {
                let call = self.secrets_manager.get().get_secret_value().secret_id(id.as_str());
                let quick = aws_sdk_secretsmanager::config::Builder::default().timeout_config(timeouts());
                let answer = Box::pin(call.customize().config_override(quick).send()).await;
                answer.map_err(|error| failure(source, &error))?.secret_string
            }
        };
        // A binary secret has no text.
        text.map(Secret::new).ok_or(SecretError::Unreadable)
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(OPERATION).build()
}

/// What a failed read means. Only the service's code is looked at and logged: no text of it.
fn failure<E: ProvideErrorMetadata>(source: &SecretSource, error: &SdkError<E, HttpResponse>) -> SecretError {
    let code = match error {
        SdkError::ServiceError(answer) => answer.err().code().unwrap_or("none"),
        _ => "no answer",
    };
    let failure = of_code(code);
    tracing::warn!(kind = source.kind(), code, %failure, "a secret cannot be read");
    failure
}

fn of_code(code: &str) -> SecretError {
    match code {
        "ParameterNotFound" | "ParameterVersionNotFound" | "ResourceNotFoundException"
        // One that is scheduled for deletion, or whose name cannot be one.
        | "InvalidRequestException" | "InvalidParameterException" | "ValidationException" => SecretError::NotFound,
        "AccessDeniedException" | "AccessDenied" | "DecryptionFailure" | "InvalidKeyId"
        | "UnrecognizedClientException" | "ExpiredTokenException" => SecretError::Denied,
        // Throttled, unavailable, or something new that may pass.
        _ => SecretError::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_services_refuse_has_a_name() {
        assert_eq!(of_code("ParameterNotFound"), SecretError::NotFound);
        assert_eq!(of_code("ResourceNotFoundException"), SecretError::NotFound);
        assert_eq!(of_code("AccessDeniedException"), SecretError::Denied);
        assert_eq!(of_code("DecryptionFailure"), SecretError::Denied);
        assert_eq!(of_code("ThrottlingException"), SecretError::Silent);
        assert_eq!(of_code("no answer"), SecretError::Silent);
    }
}
