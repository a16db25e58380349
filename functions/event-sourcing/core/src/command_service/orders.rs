//! `POST /orders/{orderId}/commands/{command}`.

use serde::Serialize;
use serde_json::value::RawValue;
use tenfold_pattern::http::{self, RouteResult, name_header};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::{Context, Runtime, Table};
use uuid::Uuid;

use crate::execute::{Commands, Execute, Executed};
use crate::log::LogError;
use crate::names::{AggregateName, CommandId};
use crate::order::ShopOrder;
use crate::order::command::{COMMANDS, OrderCommand};
use crate::projection::Position;

/// The most bytes of a body.
const BODY_MOST: usize = 256 * 1024;
/// The namespace of digests: `uuid5(NAMESPACE_URL, "urn:tenfold:event-sourcing")`.
const NAMESPACE: Uuid = Uuid::from_u128(0x6a7e_0cb2_7d0b_5a0b_8a4d_6f3c_2f0e_91d4);

/// What a command has led to, as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    order_id: &'a str,
    version: u64,
    events: &'a RawValue,
    position: String,
}

pub(super) async fn command<T: Table, R: Runtime>(
    commands: &Commands<T, R>,
    name: AggregateName,
    command: &str,
    request: &Request,
    context: &Context,
) -> RouteResult {
    http::within(&request.body, BODY_MOST)?;
    let Some(parsed) = OrderCommand::parse(command, &request.body) else {
        let detail = format!("there is no command `{command}`; use {}", COMMANDS.join(", "));
        return Err(Problem::new(404, "unknown-command", "There is no such command", detail));
    };
    let mut faults = Vec::new();
    let mut fault = |fault: Fault| faults.push(fault);
    let id = name_header(request, "Command-Id", 255).map_err(&mut fault).ok().flatten();
    let causation = name_header(request, "Causation-Id", 255).map_err(&mut fault).ok().flatten();
    let expected = expected(request).map_err(&mut fault).ok().flatten();
    let command = parsed.map_err(|more| faults.extend(more)).ok();
    let Some(command) = command.filter(|_| faults.is_empty()) else { return Err(Problem::invalid(faults)) };
    let digest = digest(&command);
    let execute = Execute {
        name,
        digest,
        command,
        id: id.map(CommandId),
        expected,
        causation,
        actor: request.caller.clone(),
        carrier: context.carrier(),
    };
    let executed = commands.execute::<ShopOrder>(&execute).await?;
    answer(&execute.name, &executed)
}

/// Returns what tells a command apart from another one with the same id: what it asks for, however it is written.
fn digest(command: &OrderCommand) -> Uuid {
    // Of text and numbers JSON can always be made.
    Uuid::new_v5(&NAMESPACE, &serde_json::to_vec(command).unwrap_or_default())
}

/// Reads the version that the sender has seen: `If-Match: "3"`, as the `ETag` of an answer has it.
fn expected(request: &Request) -> Result<Option<u64>, Fault> {
    let wrong = |detail: &str| Fault::new("header:If-Match", detail);
    let mut values = request.header_values("if-match");
    let (first, more) = (values.next(), values.next());
    match (first.map(|value| value.trim()), more) {
        (None, _) | (Some("*"), None) => Ok(None),
        (Some(value), None) => {
            let version = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            let version = version.parse().map_err(|_| wrong("one version was expected, like \"3\""))?;
            Ok(Some(version))
        }
        (Some(_), Some(_)) => Err(wrong("comes several times; one was expected")),
    }
}

fn answer(name: &AggregateName, executed: &Executed) -> RouteResult {
    let events: Result<&RawValue, _> = serde_json::from_slice(&executed.events);
    let events = events.map_err(|error| LogError::Encode(error.to_string()))?;
    let position = Position::of(name.clone(), executed.version).token();
    let answer = Answer { order_id: &name.id, version: executed.version, events, position };
    Ok(Response::json(200, &answer).with("etag", format!("\"{}\"", executed.version)))
}
