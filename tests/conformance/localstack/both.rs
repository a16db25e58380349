//! The two sides of a comparison: a LocalStack, and a quiet world for each sequence.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder as CreateTable;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::ParameterType;
use reqwest::Method;
use serde_json::Value;
use tenfold_aws::Aws;
use tenfold_aws::queue::SqsQueue;
use tenfold_aws::secrets::AwsSecrets;
use tenfold_aws::table::DynamoTable;
use tenfold_ports::secrets::SecretSource;
use tenfold_world::{Bounds, Env, World, replay};
use tokio::runtime::{Builder, Runtime};

use crate::suite::{Compared, Failure};

/// The index of every Tenfold table: its name and its partition key, and its sort key.
pub const INDEX: &str = "queue";
pub const SORT: &str = "wake";

/// What a test process calls its tables, queues and rows, so that runs do not meet.
static RUN: LazyLock<String> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("conformance-{now:x}-{}", std::process::id())
});
static NEXT: AtomicU64 = AtomicU64::new(0);

/// One table for all sequences: each has partitions of its own.
static TABLE: LazyLock<String> = LazyLock::new(|| {
    let both = Both::unready();
    both.local(create_table(&both.aws.dynamodb()));
    RUN.clone()
});

fn key(name: &str, kind: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
}

fn attribute(name: &str, kind: ScalarAttributeType) -> AttributeDefinition {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
}

/// The keys of every Tenfold table.
fn with_keys(table: CreateTable) -> CreateTable {
    table
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .attribute_definitions(attribute("pk", ScalarAttributeType::S))
        .attribute_definitions(attribute("sk", ScalarAttributeType::S))
}

async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let index = GlobalSecondaryIndex::builder()
        .index_name(INDEX)
        .key_schema(key(INDEX, KeyType::Hash))
        .key_schema(key(SORT, KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
    let table = with_keys(client.create_table().table_name(RUN.as_str()))
        .attribute_definitions(attribute(INDEX, ScalarAttributeType::S))
        .attribute_definitions(attribute(SORT, ScalarAttributeType::N))
        .global_secondary_indexes(index.build().unwrap());
    // The first call starts LocalStack's DynamoDB, which may outlast an attempt: the second then finds it made.
    if let Err(error) = Box::pin(table.send()).await {
        let error = error.into_service_error();
        assert!(error.is_resource_in_use_exception(), "LocalStack creates no table: {error:?}");
    }
}

/// For calls whose first one starts something in LocalStack.
const PATIENCE: Duration = Duration::from_secs(60);

fn patience() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(PATIENCE).operation_timeout(PATIENCE).build()
}

/// Names the service, by which LocalStack finds it. It checks no signature.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, \
     SignedHeaders=host, Signature=0";

fn endpoint() -> String {
    let endpoint = std::env::var("TENFOLD_ENDPOINT").unwrap_or_default();
    assert!(
        !endpoint.is_empty(),
        "TENFOLD_ENDPOINT is not set: `make test` starts a LocalStack and runs this suite against it; \
         `make conformance` this suite alone"
    );
    endpoint
}

/// A LocalStack as one worker sees it.
pub struct Both {
    runtime: Runtime,
    aws: Aws,
    http: reqwest::Client,
}

impl Both {
    /// Connects to the LocalStack that the environment names.
    pub fn connect() -> Self {
        LazyLock::force(&TABLE);
        Self::unready()
    }

    fn unready() -> Self {
        let endpoint = endpoint();
        let lookup = move |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => None,
        };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, aws: Aws::from_lookup(lookup).unwrap(), http: reqwest::Client::new() }
    }

    /// Waits for LocalStack.
    pub fn local<R>(&self, call: impl Future<Output = R>) -> R {
        self.runtime.block_on(call)
    }

    pub fn table(&self) -> DynamoTable {
        DynamoTable::new(self.aws.dynamodb(), TABLE.as_str()).index(INDEX, INDEX, SORT)
    }

    /// The name of the table.
    pub fn table_name() -> &'static str {
        TABLE.as_str()
    }

    /// Secrets of both services.
    pub fn secrets(&self) -> AwsSecrets {
        AwsSecrets::new(&self.aws)
    }

    /// Puts a secret, or replaces the one that is there.
    pub fn put_secret(&self, source: &SecretSource, text: &str) -> Result<(), Failure> {
        let failed = |why: &dyn Display| Failure::Unanswered(format!("put a secret: {why}"));
        self.local(async {
            match source {
                SecretSource::Parameter(name) => {
                    let call = self.aws.ssm().put_parameter().name(name.as_str()).value(text).overwrite(true);
                    let call = call.r#type(ParameterType::SecureString);
                    Box::pin(call.send()).await.map(drop).map_err(|why| failed(&why))
                }
                SecretSource::Secret(name) => {
                    let client = self.aws.secrets_manager();
                    let put = client.put_secret_value().secret_id(name.as_str()).secret_string(text);
                    if Box::pin(put.send()).await.is_ok() {
                        return Ok(());
                    }
                    let create = client.create_secret().name(name.as_str()).secret_string(text);
                    Box::pin(create.send()).await.map(drop).map_err(|why| failed(&why))
                }
            }
        })
    }

    /// A client of Step Functions, which no port is for.
    pub fn step_functions(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(self.aws.config())
    }

    /// Makes a call of Lambda, which no port is for, and gives its answer. See `Cargo.toml` for why it is by hand.
    pub fn lambda(&self, method: &Method, path: &str, body: &Value) -> Result<Value, Failure> {
        let failed = |why: &dyn Display| Failure::Unanswered(format!("{method} {path}: {why}"));
        let url = format!("{}/2015-03-31/{path}", endpoint());
        let call = self.http.request(method.clone(), url).timeout(PATIENCE);
        let call = call.header("authorization", SIGNED).body(body.to_string());
        self.local(async {
            let answer = call.send().await.map_err(|why| failed(&why))?;
            let (status, text) = (answer.status(), answer.text().await.map_err(|why| failed(&why))?);
            if status.is_success() {
                Ok(serde_json::from_str(&text).unwrap_or_default())
            } else {
                Err(failed(&format_args!("{status} {text}")))
            }
        })
    }

    /// A name that no other test process has either.
    pub fn full_name(name: &str) -> String {
        format!("{}-{name}", *RUN)
    }

    /// A name that no other sequence has.
    pub fn name() -> String {
        format!("{:x}", NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Creates a table with a stream of new and old images. Gives it and the stream's ARN.
    pub fn create_streamed_table(&self, name: &str) -> Result<(DynamoTable, String), Failure> {
        let (client, name) = (self.aws.dynamodb(), Self::full_name(name));
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewAndOldImages)
            .build()
            .unwrap();
        let call = with_keys(client.create_table().table_name(&name)).stream_specification(stream);
        let patient = aws_sdk_dynamodb::config::Builder::new().timeout_config(patience());
        let answer = self.local(Box::pin(call.customize().config_override(patient).send()));
        let stream = answer.ok().and_then(|answer| answer.table_description?.latest_stream_arn);
        let stream = stream.ok_or_else(|| Failure::Unanswered("create a table with a stream".to_owned()))?;
        Ok((DynamoTable::new(client, name), stream))
    }

    /// Deletes a table of [`Both::create_streamed_table`]. One that is left over is in nobody's way.
    pub fn delete_table(&self, name: &str) {
        let call = self.aws.dynamodb().delete_table().table_name(Self::full_name(name));
        let _ = self.local(Box::pin(call.send()));
    }

    /// Creates a queue. Gives it and its URL.
    pub fn create_queue(
        &self,
        name: &str,
        attributes: HashMap<QueueAttributeName, String>,
    ) -> Result<(SqsQueue, String), Failure> {
        let client = self.aws.sqs();
        let fifo = if attributes.contains_key(&QueueAttributeName::FifoQueue) { ".fifo" } else { "" };
        let call = client.create_queue().queue_name(format!("{}{fifo}", Self::full_name(name)));
        let answer = self.local(Box::pin(call.set_attributes(Some(attributes)).send()));
        let url = answer.ok().and_then(|answer| answer.queue_url);
        let url = url.ok_or_else(|| Failure::Unanswered("create a queue".to_owned()))?;
        Ok((SqsQueue::new(client, url.as_str()), url))
    }

    /// Deletes a queue. One that is left over is in nobody's way.
    pub fn delete_queue(&self, url: &str) {
        let _ = self.local(Box::pin(self.aws.sqs().delete_queue().queue_url(url).send()));
    }

    /// The ARN of a queue made by [`Both::create_queue`].
    pub fn queue_arn(name: &str, fifo: bool) -> String {
        let fifo = if fifo { ".fifo" } else { "" };
        format!("arn:aws:sqs:us-east-1:000000000000:{}{fifo}", Self::full_name(name))
    }
}

/// Runs a sequence in a quiet world of its own. Where it differs, the world's timeline says what led there.
pub fn in_quiet_world(run: impl Fn(&World) -> Compared) -> Compared {
    let result = RefCell::new(Ok(0));
    let bounds = Bounds { faults: 0, ..Bounds::default() };
    let (_, timeline) = replay(
        bounds,
        |world| {
            world.edit(tenfold_world::table::Items::weigh_documents);
            *result.borrow_mut() = run(world);
            Ok(())
        },
        &[],
    );
    result.into_inner().map_err(|failure| match failure {
        Failure::Differs(why) => {
            let timeline: Vec<String> =
                timeline.iter().map(|event| format!("  {:.300}\n", event.to_string())).collect();
            Failure::Differs(format!("{why}\nin the world:\n{}", timeline.concat()))
        }
        unanswered @ Failure::Unanswered(_) => unanswered,
    })
}

/// Makes calls in the world and gives their answer.
pub fn ask<R: 'static, F: Future<Output = R> + 'static>(
    world: &World,
    call: impl FnOnce(Env) -> F + 'static,
) -> R {
    world.ask(call).expect("nothing is watched").expect("nothing dies in a quiet world")
}
