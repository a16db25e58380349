//! The function that LocalStack invokes for the suite: it hands each event to the test process, which answers.
//!
//! So the test sees each invocation when it happens, and one script answers on both sides. The function is a
//! process on the same machine; `RELAY` is where the test listens.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let address = std::env::var("RELAY")?;
    let hand_on = |event: LambdaEvent<Value>| {
        let answer = ask(&address, &event.payload);
        // The answer is a `Result` in JSON.
        async move { serde_json::from_str::<Result<Value, String>>(&answer?)?.map_err(Error::from) }
    };
    lambda_runtime::run(service_fn(hand_on)).await
}

/// One line to the test, and one back.
fn ask(address: &str, event: &Value) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    writeln!(stream, "{event}")?;
    let mut answer = String::new();
    match BufReader::new(stream).read_line(&mut answer)? {
        0 => Err(io::Error::new(ErrorKind::UnexpectedEof, "the test does not answer")),
        _ => Ok(answer),
    }
}
