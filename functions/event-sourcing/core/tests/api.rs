//! The command service's answers: what is refused, what the log shows, and the state at a version.

use event_sourcing_core::command_service::CommandService;
use event_sourcing_core::execute::Commands;
use serde_json::Value;
use tenfold_ports::{Clock, Context};
use tenfold_world::{quiet, request};

use crate::world::PLACE;

const PEN: &str = r#"{"sku":"pen","quantity":2,"unitPrice":100}"#;

/// A request: method, path, headers, body.
type Sent = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

/// Sends requests one after the other. Gives the status and body of each answer.
fn answers(requests: &'static [Sent]) -> Vec<(u16, Value)> {
    let answers = quiet(|world| {
        let answers = world.ask(move |env| async move {
            let service = CommandService { commands: Commands::new(env.clone(), env.clone()) };
            let mut answers = Vec::new();
            for (method, path, headers, body) in requests {
                let mut request = request(method, path, (*body).to_owned());
                request.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())));
                let response = service.handle(&request, &Context::until(env.now())).await;
                answers.push((response.status, serde_json::from_slice(&response.body).unwrap()));
            }
            answers
        })?;
        Ok(answers.ok_or("the requests did not come to their end")?)
    });
    answers.unwrap()
}

#[test]
fn the_log_shows_what_happened_and_that_nothing_was_changed() {
    let answers = answers(&[
        ("POST", "/orders/a/commands/place", &[("command-id", "c-1")], PLACE),
        ("POST", "/orders/a/commands/add-line", &[("causation-id", "mail-7")], PEN),
        ("GET", "/orders/a/events", &[], ""),
        ("GET", "/orders/a/versions/1", &[], ""),
        ("GET", "/orders/a/versions/2", &[], ""),
        ("GET", "/orders/a/versions/3", &[], ""),
        ("GET", "/orders/b/events", &[], ""),
    ]);
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 404, 404]);
    let commits = answers[2].1["commits"].as_array().unwrap();
    assert_eq!(commits.len(), 2);
    assert!(commits.iter().all(|commit| commit["sound"] == true));
    assert_eq!((&commits[0]["commandId"], &commits[1]["causationId"]), (&"c-1".into(), &"mail-7".into()));
    assert_eq!((&answers[3].1["total"], &answers[4].1["total"]), (&700.into(), &900.into()));
}

#[test]
fn what_cannot_be_done_says_why_and_what_can() {
    let answers = answers(&[
        ("POST", "/orders/a/commands/ship", &[], ""),
        ("POST", "/orders/a/commands/place", &[], r#"{"customer":"a b","currency":"eur","lines":[]}"#),
        ("POST", "/orders/a/commands/place", &[("command-id", "c-1")], PLACE),
        ("POST", "/orders/a/commands/pay", &[("command-id", "c-1")], r#"{"method":"card","reference":"r"}"#),
        ("POST", "/orders/a/commands/cancel", &[("if-match", "\"7\"")], ""),
        ("POST", "/orders/a/commands/wrap", &[], ""),
        ("GET", "/orders/a/commands/pay", &[], ""),
        ("POST", "/orders/a%20b/commands/place", &[], PLACE),
    ]);
    let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [409, 400, 200, 422, 412, 404, 405, 400]);
    assert!(answers[0].1["detail"].as_str().unwrap().contains("allowed are place"));
    let at = answers[1].1["errors"].as_array().unwrap().iter().map(|error| error["at"].as_str().unwrap());
    assert_eq!(at.collect::<Vec<_>>(), ["/customer", "/currency", "/lines"]);
    assert!(answers[4].1["detail"].as_str().unwrap().contains("\"1\""));
}
