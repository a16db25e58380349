//! A function for the tests of this crate: it does what its events say.
//!
//! `PROBE_KIND` is `api` or `event`, or `panic` for one that panics while it starts.

use std::process::ExitCode;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use tenfold_lambda::{Boot, ErrorType, run};
use tenfold_ports::Context;
use tenfold_ports::api::{Request, Response};

/// What an event asks for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    /// Answer this value.
    Answer(Value),
    /// Fail under a name of the function's.
    Fail,
    /// Panic.
    Panic,
    /// Panic while the event is read.
    PanicAt(Mine),
}

/// What nobody can read.
#[derive(Debug)]
struct Mine;

impl<'de> Deserialize<'de> for Mine {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        boom()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("as asked for")]
struct AskedFor;

impl ErrorType for AskedFor {
    fn error_type(&self) -> &'static str {
        "AskedFor"
    }
}

#[expect(clippy::panic, reason = "to see what becomes of it")]
fn boom() -> ! {
    panic!("boom")
}

fn main() -> ExitCode {
    run("test", "probe", async |Boot { env, aws, start, .. }| {
        let _ = env.number::<u8>("PROBE_LIMIT").or(1);
        let kind = env.text("PROBE_KIND").get();
        let kind = env.finish(kind)?;
        let calls = aws.calls().clone();
        calls.add("DynamoDB", "GetItem");
        match kind.as_str() {
            "api" => start.serve_api(api).await,
            "event" => start.serve_event(event).await,
            _ => boom(),
        }
    })
}

async fn api(request: &Request, context: &Context) -> Response {
    if request.path == "/panic" {
        boom()
    }
    tracing::info!(path = request.path.as_str(), "working");
    Response::json(200, &json!({ "path": request.path.as_str(), "id": context.correlation.as_str() }))
}

async fn event(ask: &Ask, _: &Context) -> Result<Value, AskedFor> {
    match ask {
        Ask::Answer(value) => Ok(value.clone()),
        Ask::Fail => Err(AskedFor),
        Ask::Panic | Ask::PanicAt(Mine) => boom(),
    }
}
