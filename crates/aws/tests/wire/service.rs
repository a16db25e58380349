//! A service of the test's own, which goes through what it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tenfold_aws::Aws;
use tenfold_aws::flow::StateMachine;
use tenfold_aws::queue::SqsQueue;
use tenfold_aws::secrets::AwsSecrets;
use tenfold_aws::table::DynamoTable;
use tenfold_aws::topic::SnsTopic;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the service does with one request after it has read it.
pub enum Step {
    /// Says nothing, and hangs up.
    HangUp,
    /// Answers after a while.
    Late(Duration, Json),
    /// Answers.
    Answer(u16, Json),
    /// Answers in XML, as SNS does.
    Xml(u16, &'static str),
}

use Step::{Answer, HangUp, Late, Xml};

pub fn error(code: &str) -> Step {
    Answer(400, json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "m" }))
}

/// A service that goes through steps, one a request, and the requests that it saw.
pub struct Service {
    aws: Aws,
    seen: Arc<Mutex<Vec<Json>>>,
}

impl Service {
    pub async fn new(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        tokio::spawn(async move {
            for step in steps {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = request(&mut stream).await;
                record.lock().unwrap().push(request);
                let (status, body, media) = match step {
                    HangUp => continue,
                    Answer(status, body) => (status, body.to_string(), "application/x-amz-json-1.0"),
                    Xml(status, body) => (status, body.to_owned(), "text/xml"),
                    Late(after, body) => {
                        tokio::time::sleep(after).await;
                        (200, body.to_string(), "application/x-amz-json-1.0")
                    }
                };
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: {media}\r\nconnection: close\r\n\
                     content-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + &body).as_bytes()).await.unwrap();
            }
        });
        Self { aws: aws(&endpoint), seen }
    }

    pub fn table(&self) -> DynamoTable {
        DynamoTable::new(self.aws.dynamodb(), "orders")
    }

    pub fn queue(&self) -> SqsQueue {
        SqsQueue::new(self.aws.sqs(), "http://localhost/queue")
    }

    pub fn topic(&self) -> SnsTopic {
        SnsTopic::new(self.aws.sns(), "arn:aws:sns:us-east-1:000000000000:events")
    }

    pub fn state_machine(&self) -> StateMachine {
        StateMachine::new(self.aws.sfn(), "arn:aws:states:us-east-1:000000000000:stateMachine:saga")
    }

    pub fn secrets(&self) -> AwsSecrets {
        AwsSecrets::new(&self.aws)
    }

    pub fn seen(&self) -> Vec<Json> {
        self.seen.lock().unwrap().clone()
    }

    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.aws.calls().take()
    }
}

pub fn aws(endpoint: &str) -> Aws {
    Aws::from_lookup(|name| {
        let value = match name {
            "AWS_REGION" => "us-east-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
            "AWS_ENDPOINT_URL" => endpoint,
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

async fn request(stream: &mut TcpStream) -> Json {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await.unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.unwrap();
    serde_json::from_slice(&body).unwrap_or_else(|_| form(&body))
}

/// A request of SNS, which sends forms, as the JSON object of its fields.
fn form(body: &[u8]) -> Json {
    let fields = url::form_urlencoded::parse(body);
    fields
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
