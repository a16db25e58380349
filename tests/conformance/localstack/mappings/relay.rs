//! LocalStack's side: the function that its mappings invoke, which asks here what to answer.
//!
//! It asks at this machine's loopback, so LocalStack has to run without Docker.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tenfold_world::FailedIds;

use crate::both::Both;
use crate::suite::Failure;

/// The function's time-out, and the least visibility that AWS takes of a queue that is mapped to it.
pub const TIMEOUT: Duration = Duration::from_secs(6);
/// For how long LocalStack may stand still: more than a visibility and the longest pause of its pollers.
pub const PATIENCE: Duration = Duration::from_secs(25);
const POLL: Duration = Duration::from_millis(50);
/// Nobody checks it.
const ROLE: &str = "arn:aws:iam::000000000000:role/conformance";

/// What answers an invocation with these records: what failed, or none for an error.
pub type Script = Arc<dyn Fn(&[Value]) -> Option<FailedIds> + Send + Sync>;

/// The scripts by their sources' ARNs.
static SCRIPTS: Mutex<BTreeMap<String, Script>> = Mutex::new(BTreeMap::new());

/// One function for all mappings.
static FUNCTION: LazyLock<Result<String, String>> = LazyLock::new(|| {
    let address = listen().map_err(|why| why.to_string())?;
    let name = Both::full_name("function");
    let code = zipped(&name).map_err(|why| why.to_string())?;
    let function = json!({
        "FunctionName": name,
        "Role": ROLE,
        "Handler": "bootstrap",
        "Runtime": "provided.al2023",
        "Timeout": TIMEOUT.as_secs(),
        "Code": { "ZipFile": STANDARD.encode(code) },
        "Environment": { "Variables": { "RELAY": address.to_string() } },
    });
    let made =
        Both::connect().lambda(&Method::POST, "functions", &function).map_err(|why| why.to_string())?;
    made["FunctionArn"].as_str().map(str::to_owned).ok_or_else(|| "a function has an ARN".to_owned())
});

/// The function as Lambda takes it. Python is there: the local platform is made of it.
fn zipped(name: &str) -> io::Result<Vec<u8>> {
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(env!("CARGO_BIN_EXE_conformance-relay"), folder.join("bootstrap"))?;
    let done = Command::new("python3")
        .args(["-m", "zipfile", "-c", "code.zip", "bootstrap"])
        .current_dir(&folder)
        .status()?;
    let code = std::fs::read(folder.join("code.zip"));
    std::fs::remove_dir_all(folder)?;
    if done.success() { code } else { Err(io::Error::other(format!("python3 -m zipfile: {done}"))) }
}

fn listen() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A function that dies while it asks is LocalStack's to see.
            let _ = answer(stream);
        }
    });
    Ok(address)
}

/// Answers a line with a line: see `relay.rs`, the function.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let event: Value = serde_json::from_str(&line)?;
    let records = event["Records"].as_array().map_or(&[][..], Vec::as_slice);
    let source = records.first().and_then(|record| record["eventSourceARN"].as_str()).unwrap_or_default();
    let script = scripts().get(source).cloned();
    let answer: Result<Value, &str> = match script.map(|script| script(records)) {
        None => Err("its sequence is over"),
        Some(None) => Err("as the script says"),
        Some(Some(failed)) => {
            let failures = failed.iter().map(|id| json!({ "itemIdentifier": id }));
            Ok(json!({ "batchItemFailures": failures.collect::<Vec<_>>() }))
        }
    };
    writeln!(stream, "{}", serde_json::to_string(&answer)?)
}

fn scripts() -> MutexGuard<'static, BTreeMap<String, Script>> {
    SCRIPTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A mapping, until it is dropped.
pub struct Mapping<'a> {
    both: &'a Both,
    uuid: String,
    source: String,
}

/// Maps a source, by its ARN, to the function, which answers by a script.
pub fn map<'a>(
    both: &'a Both,
    source: &str,
    script: Script,
    settings: Value,
) -> Result<Mapping<'a>, Failure> {
    let function = FUNCTION.as_ref().map_err(|why| Failure::Unanswered(why.clone()))?;
    scripts().insert(source.to_owned(), script);
    let mut mapping = Mapping { both, uuid: String::new(), source: source.to_owned() };
    let mut call = settings;
    call["FunctionName"] = json!(function);
    call["EventSourceArn"] = json!(source);
    call["FunctionResponseTypes"] = json!(["ReportBatchItemFailures"]);
    let made = both.lambda(&Method::POST, "event-source-mappings", &call)?;
    made["UUID"].as_str().unwrap_or_default().clone_into(&mut mapping.uuid);
    Ok(mapping)
}

impl Drop for Mapping<'_> {
    fn drop(&mut self) {
        // One that is left over finds nobody who answers.
        let path = format!("event-source-mappings/{}", self.uuid);
        let _ = self.both.lambda(&Method::DELETE, &path, &Value::Null);
        scripts().remove(&self.source);
    }
}

/// Waits until something has come as far as is enough, or stands still for too long. Says whether it has.
pub fn reaches(both: &Both, enough: usize, mut how_far: impl FnMut() -> usize) -> bool {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let now = how_far();
        if now >= enough {
            return true;
        }
        if now > last {
            (last, since) = (now, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            return false;
        }
        both.local(async { tokio::time::sleep(POLL).await });
    }
}
