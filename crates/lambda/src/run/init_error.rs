//! Tells Lambda that a function did not start, so that the caller sees why.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

/// The Runtime API is on the same machine.
const LIMIT: Duration = Duration::from_secs(1);

/// Posts to the Runtime API's `init/error`. By hand, since this must work where nothing else did.
pub(super) fn report(error_type: &str, message: &str) -> io::Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(io::Error::other)?;
    let body = json!({ "errorType": error_type, "errorMessage": message, "stackTrace": [] }).to_string();
    let request = format!(
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: {api}\r\nContent-Type: application/json\r\n\
         Lambda-Runtime-Function-Error-Type: Runtime.{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        error_type.escape_default(),
        body.len()
    );
    let mut stream = TcpStream::connect(api)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(request.as_bytes())?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    let accepted = status.split(' ').nth(1).is_some_and(|code| code.starts_with('2'));
    if accepted { Ok(()) } else { Err(io::Error::other(format!("the Runtime API said: {}", status.trim()))) }
}
