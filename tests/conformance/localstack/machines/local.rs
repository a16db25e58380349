//! A machine on LocalStack.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use serde_json::Value;
use tenfold_ports::Table;
use tenfold_ports::table::{Condition, Item, Key, Write};

use super::Notes;
use super::definition::{RETRY, THERE, Targets};
use crate::both::Both;
use crate::suite::Failure;

/// How long an execution may take.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// Nobody checks it.
const ROLE: &str = "arn:aws:iam::000000000000:role/conformance";
const PARTITION: &str = "machines";

/// What the tasks call, made once.
static TARGETS: LazyLock<Result<Targets, String>> = LazyLock::new(|| {
    let both = Both::connect();
    for row in [THERE.to_owned(), format!("{RETRY}1")] {
        let item = Item::new(Key::new(PARTITION, row.as_str()));
        let write = Write::Put { item, condition: Condition::Always };
        both.local(both.table().write(write)).map_err(|why| why.to_string())?;
    }
    let made = both.create_queue("machines-1", HashMap::new());
    let (_, url) = made.map_err(|why| why.to_string())?;
    let queue = url.strip_suffix('1').map(str::to_owned).ok_or("a queue's URL ends with its name")?;
    Ok(Targets { table: Both::table_name().to_owned(), partition: PARTITION.to_owned(), queue })
});

pub fn targets(_: &Both) -> Result<Targets, Failure> {
    TARGETS.clone().map_err(Failure::Unanswered)
}

fn unanswered<E>(what: &str) -> impl FnOnce(E) -> Failure {
    move |_| Failure::Unanswered(what.to_owned())
}

/// Makes the machine, runs it once, and takes it away.
pub fn execute(both: &Both, name: &str, definition: &Value, input: &Value) -> Result<Notes, Failure> {
    let client = both.step_functions();
    let name = Both::full_name(name);
    both.local(Box::pin(async {
        let create =
            client.create_state_machine().name(&name).role_arn(ROLE).definition(definition.to_string());
        // A definition that LocalStack refuses and the interpreter takes is a difference.
        let machine = create.send().await.map_err(|why| match why.as_service_error() {
            Some(refused) => Failure::Differs(format!("LocalStack refuses {definition:#}: {refused:?}")),
            None => Failure::Unanswered("create a state machine".to_owned()),
        })?;
        let machine = machine.state_machine_arn();
        let start = client.start_execution().state_machine_arn(machine).name(&name).input(input.to_string());
        let execution = start.send().await.map_err(unanswered("start an execution"))?.execution_arn;
        let notes = ended(&client, &execution).await;
        let _ = client.delete_state_machine().state_machine_arn(machine).send().await;
        notes
    }))
}

async fn ended(client: &Client, execution: &str) -> Result<Notes, Failure> {
    let begun = Instant::now();
    let outcome = loop {
        let described = client.describe_execution().execution_arn(execution).send().await;
        let described = described.map_err(unanswered("describe an execution"))?;
        match described.status {
            ExecutionStatus::Running if begun.elapsed() > PATIENCE => {
                return Err(Failure::Unanswered("end an execution".to_owned()));
            }
            ExecutionStatus::Running => tokio::time::sleep(POLL).await,
            ExecutionStatus::Succeeded => {
                let output = described.output.unwrap_or_default();
                break Ok(serde_json::from_str(&output).map_err(unanswered("give an output in JSON"))?);
            }
            ExecutionStatus::Failed => break Err(described.error.unwrap_or_default()),
            other => break Err(format!("{other:?}")),
        }
    };
    let mut notes = Notes { outcome: Some(outcome), ..Notes::default() };
    let mut pages = client.get_execution_history().execution_arn(execution).into_paginator().items().send();
    while let Some(event) = pages.next().await {
        note(&mut notes, &event.map_err(unanswered("tell an execution's history"))?);
    }
    Ok(notes)
}

fn note(notes: &mut Notes, event: &HistoryEvent) {
    if let Some(entered) = event.state_entered_event_details() {
        notes.entered.push(entered.name().to_owned());
        notes.transitions += 1;
    }
    if let Some(scheduled) = event.task_scheduled_event_details() {
        let with = serde_json::from_str(scheduled.parameters()).unwrap_or_default();
        notes.calls.push((scheduled.resource().to_owned(), with));
    }
    // A state that begins once more is a retry, and a transition.
    match event.r#type().as_str() {
        "TaskScheduled" | "ParallelStateStarted" => notes.transitions += 1,
        "TaskStateEntered" | "ParallelStateEntered" => notes.transitions -= 1,
        _ => {}
    }
}
