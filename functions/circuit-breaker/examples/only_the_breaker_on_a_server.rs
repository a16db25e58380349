//! Only the breaker, in a process that is no Lambda function: a task on Fargate, a server.
//!
//! `AWS_REGION=eu-west-1 TABLE_NAME=tenfold-circuit-breaker-… cargo run -p circuit-breaker --example
//! only_the_breaker_on_a_server`, with keys in the environment. A service of yours hands over the provider of the crate
//! `aws-config` instead, which finds the credentials wherever it runs:
//! `aws_config::load_defaults(BehaviorVersion::latest()).await.credentials_provider()`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use circuit_breaker_core::configure::configure;
use circuit_breaker_core::guard::{self, Guard};
use circuit_breaker_core::names::{TargetName, TenantName};
use circuit_breaker_core::registry::Registry;
use tenfold_aws::table::DynamoTable;
use tenfold_aws::{Aws, SystemRuntime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (key, secret) = (std::env::var("AWS_ACCESS_KEY_ID")?, std::env::var("AWS_SECRET_ACCESS_KEY")?);
    let provider = Credentials::from_keys(key, secret, std::env::var("AWS_SESSION_TOKEN").ok());
    serve(provider, std::env::var("AWS_REGION")?, std::env::var("TABLE_NAME")?).await
}

async fn serve(
    provider: impl ProvideCredentials + 'static,
    region: String,
    table_name: String,
) -> Result<(), Box<dyn Error>> {
    // once a process
    let aws = Aws::with_provider(provider, region);
    let table = DynamoTable::new(aws.dynamodb(), table_name);
    let runtime = SystemRuntime::new(()); // nobody looks at metrics
    let target = TargetName::parse("pay").map_err(|fault| fault.detail)?;
    // as often as you like: what is so already is not written
    configure(&table, &runtime, &target, br#"{"url": "https://pay.example", "minimumCalls": 4}"#).await?;
    let registry = Arc::new(Registry::new(table, runtime, Duration::from_secs(1)));
    let tending = tokio::spawn(guard::tend(&registry, tokio::time::sleep));
    let guard = Guard::new(Arc::clone(&registry), target, tokio::time::sleep);

    // for each call; a tenant has a breaker of its own beside the target's
    let of_acme = guard.of_tenant(TenantName::parse("acme")?);
    println!("{:?}", of_acme.call(async |_| Ok::<_, &str>("charged")).await);

    // before the process ends: what is being reported is given back first
    tending.abort();
    _ = tending.await;
    registry.flush().await;
    Ok(())
}
