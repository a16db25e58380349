//! Builds the SDK's clients once, at init, from the environment that Lambda gives to a function; or, elsewhere, with whatever
//! provides credentials ([`Aws::with_provider`]).
//!
//! Nothing here reads a profile file or asks a metadata service, and the TLS roots are read at the first call
//! (see `Lazy`): a function starts in a few milliseconds, and one that talks to LocalStack over plain HTTP
//! never reads them.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::calls::CallCounter;

/// Name resolution, TCP and TLS of one connection.
const CONNECT: Duration = Duration::from_secs(1);
/// One attempt, its whole answer included. There is no read time-out beside it: that would be a setting of
/// the connection, and a long poll with another one would need a connection pool of its own.
const ATTEMPT: Duration = Duration::from_secs(3);
/// A call with all its attempts: less than an API function's own time-out, so that it can still answer.
const OPERATION: Duration = Duration::from_secs(8);
/// How often a call is made at most, the first time included.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt, less by chance. The SDK's own second would eat up what an API function
/// has.
const BACKOFF: Duration = Duration::from_millis(100);
/// AWS closes idle connections, and a function that was frozen does not notice. A write on such a connection
/// ends in doubt, so a connection is not used again after this time.
const IDLE: Duration = Duration::from_secs(15);

/// The environment lacks what every Lambda function has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment has no {}: Lambda sets them, elsewhere set them yourself", .0.join(", no "))]
pub struct MissingEnvironment(pub Vec<&'static str>);

/// The clients of the AWS SDK, and the count of their calls.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    // For services whose AWS_ENDPOINT_URL_<SERVICE> differs from the common one.
    endpoints: Vec<(&'static str, String)>,
    calls: CallCounter,
    // Those that do not change; none: a provider has them.
    #[cfg(feature = "signing")]
    credentials: Option<Credentials>,
}

/// The services whose endpoint the environment can set, by the name in its variable.
const SERVICES: &[(&str, &str)] = &[
    ("DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB"),
    ("SQS", "AWS_ENDPOINT_URL_SQS"),
    ("SNS", "AWS_ENDPOINT_URL_SNS"),
    ("SFN", "AWS_ENDPOINT_URL_SFN"),
    ("SSM", "AWS_ENDPOINT_URL_SSM"),
    ("SECRETS_MANAGER", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
];

impl Aws {
    /// Reads the process's environment: `AWS_REGION` (or `AWS_DEFAULT_REGION`), `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, and where they are set `AWS_ENDPOINT_URL` and
    /// `AWS_ENDPOINT_URL_<SERVICE>`.
    ///
    /// # Errors
    /// Names all that is missing.
    pub fn from_env() -> Result<Self, MissingEnvironment> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// The same from any source of variables. An empty one counts as absent.
    ///
    /// # Errors
    /// Names all that is missing.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, MissingEnvironment> {
        let get = |name: &str| lookup(name).filter(|v| !v.is_empty());
        let region = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION"));
        let (key, secret) = (get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY"));
        let (Some(region), Some(key), Some(secret)) = (&region, &key, &secret) else {
            let all =
                [("AWS_REGION", &region), ("AWS_ACCESS_KEY_ID", &key), ("AWS_SECRET_ACCESS_KEY", &secret)];
            return Err(MissingEnvironment(
                all.iter().filter(|(_, v)| v.is_none()).map(|(n, _)| *n).collect(),
            ));
        };
        let credentials = Credentials::from_keys(key, secret, get("AWS_SESSION_TOKEN"));
        Ok(Self {
            #[cfg(feature = "signing")]
            credentials: Some(credentials.clone()),
            ..Self::of(credentials, region.clone(), get)
        })
    }

    /// The clients of a process that is no Lambda function: a task on Fargate, a server. `provider` has the credentials, and
    /// renews those that end; the SDK asks it when a call first needs them, and again some time before they end. That of the
    /// crate `aws-config` finds them wherever AWS may have put them (`load_defaults(…).await.credentials_provider()`). Of the
    /// process's environment only `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>` are read.
    ///
    /// ```
    /// use aws_credential_types::Credentials;
    /// use tenfold_aws::Aws;
    ///
    /// let provider = Credentials::from_keys("key", "secret", None); // Or any other.
    /// let aws = Aws::with_provider(provider, "eu-west-1");
    /// assert_eq!(aws.config().region().map(AsRef::as_ref), Some("eu-west-1"));
    /// ```
    #[must_use]
    pub fn with_provider(provider: impl ProvideCredentials + 'static, region: impl Into<String>) -> Self {
        Self::of(provider, region.into(), |name| std::env::var(name).ok().filter(|v| !v.is_empty()))
    }

    fn of(
        provider: impl ProvideCredentials + 'static,
        region: String,
        get: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let endpoint = get("AWS_ENDPOINT_URL");
        let endpoints: Vec<_> =
            SERVICES.iter().filter_map(|(service, variable)| Some((*service, get(variable)?))).collect();
        let plain = |url: &String| url.starts_with("http:");
        let tls = !endpoint.as_ref().is_some_and(plain) || !endpoints.iter().all(|(_, url)| plain(url));
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(provider))
            .retry_config(retries())
            .timeout_config(timeouts(Duration::ZERO))
            // The time-out of an attempt covers a stalled stream too.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SharedTimeSource::new(SystemTimeSource::new()))
            .http_client(Lazy(http_client(tls)));
        config.set_endpoint_url(endpoint);
        Self {
            config: config.build(),
            endpoints,
            calls: CallCounter::default(),
            #[cfg(feature = "signing")]
            credentials: None,
        }
    }

    /// The count of the calls of all clients made here.
    #[must_use]
    pub const fn calls(&self) -> &CallCounter {
        &self.calls
    }

    /// The shared configuration, for the client of a service that this crate has no port for. Give it
    /// [`Aws::calls`] as an interceptor, so that its calls are counted too.
    #[must_use]
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// A client of DynamoDB.
    #[cfg(feature = "dynamodb")]
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config =
            aws_sdk_dynamodb::config::Builder::from(&self.config).interceptor(self.calls.clone());
        if let Some(url) = self.endpoint("DYNAMODB") {
            config = config.endpoint_url(url);
        }
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client of SQS.
    #[cfg(feature = "sqs")]
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_sdk_sqs::config::Builder::from(&self.config).interceptor(self.calls.clone());
        if let Some(url) = self.endpoint("SQS") {
            config = config.endpoint_url(url);
        }
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// A client of SNS.
    #[cfg(feature = "sns")]
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        let mut config = aws_sdk_sns::config::Builder::from(&self.config).interceptor(self.calls.clone());
        if let Some(url) = self.endpoint("SNS") {
            config = config.endpoint_url(url);
        }
        aws_sdk_sns::Client::from_conf(config.build())
    }

    /// A client of Step Functions.
    #[cfg(feature = "sfn")]
    #[must_use]
    pub fn sfn(&self) -> aws_sdk_sfn::Client {
        let mut config = aws_sdk_sfn::config::Builder::from(&self.config).interceptor(self.calls.clone());
        if let Some(url) = self.endpoint("SFN") {
            config = config.endpoint_url(url);
        }
        aws_sdk_sfn::Client::from_conf(config.build())
    }

    /// A client of Systems Manager.
    #[cfg(feature = "secrets")]
    #[must_use]
    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        let mut config = aws_sdk_ssm::config::Builder::from(&self.config).interceptor(self.calls.clone());
        if let Some(url) = self.endpoint("SSM") {
            config = config.endpoint_url(url);
        }
        aws_sdk_ssm::Client::from_conf(config.build())
    }

    /// A client of Secrets Manager.
    #[cfg(feature = "secrets")]
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let mut config =
            aws_sdk_secretsmanager::config::Builder::from(&self.config).interceptor(self.calls.clone());
        if let Some(url) = self.endpoint("SECRETS_MANAGER") {
            config = config.endpoint_url(url);
        }
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }

    /// What signs calls with the function's own credentials, in its region unless said otherwise. With those of a provider,
    /// which end, it signs nothing: each call is refused as one that cannot be signed.
    #[cfg(feature = "signing")]
    #[must_use]
    pub fn signer(&self) -> crate::signer::AwsSigner {
        let region = self.config.region().map_or("", Region::as_ref);
        crate::signer::AwsSigner::new(self.credentials.clone(), region)
    }

    /// The endpoint that the environment sets for a service alone, by the service's name in the variable.
    #[must_use]
    pub fn endpoint(&self, service: &str) -> Option<&str> {
        self.endpoints.iter().find(|(s, _)| *s == service).map(|(_, url)| url.as_str())
    }
}

/// The time-outs of a call that the service itself holds back for `wait` at most.
#[must_use]
pub(crate) fn timeouts(wait: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT + wait)
        .operation_timeout(OPERATION + wait)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(BACKOFF)
        .with_max_backoff(BACKOFF * 4)
}

fn http_client(tls: bool) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new().pool_idle_timeout(IDLE);
    if tls {
        builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build_https()
    } else {
        builder.build_http()
    }
}

/// The one HTTP client of all services, which connects and reads the TLS roots when it is first used.
///
/// The SDK's own does so for each client that is built, while the function starts.
#[derive(Debug)]
struct Lazy(SharedHttpClient);

impl HttpClient for Lazy {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    // Not passed on: `validate_base_client_config`, where the SDK's own client reads the roots.

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
    }

    #[test]
    fn names_all_that_is_missing_at_once() {
        let error =
            Aws::from_lookup(env(&[("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "")])).unwrap_err();
        assert_eq!(error.0, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
        assert!(error.to_string().contains("no AWS_ACCESS_KEY_ID, no AWS_SECRET_ACCESS_KEY"), "{error}");
    }

    #[test]
    fn the_default_region_stands_in() {
        let aws = Aws::from_lookup(env(&[
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ]))
        .unwrap();
        assert_eq!(aws.config().region().map(Region::as_ref), Some("eu-west-1"));
    }
}
