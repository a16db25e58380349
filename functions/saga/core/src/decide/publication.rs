//! Publication: where an entry of the log goes on to.

use smol_str::SmolStr;
use tenfold_pattern::send;
use tenfold_ports::Carrier;
use tenfold_ports::stream::{Kind, Record};
use tenfold_ports::topic::Notice;

use crate::context::{Payload, SagaContext, Style};
use crate::event::{LogEvent, SagaEvent};
use crate::rows::{LOG, LogEntry};

/// Says whether a change of the table is a new entry of a log.
pub(crate) fn is_entry(record: &Record) -> bool {
    record.kind() == Kind::Insert && record.key.sk.starts_with(LOG)
}

/// Returns an entry as the event that choreographed sagas go on by. Subscriptions filter by its attributes; those of
/// `carrier` lead whoever acts on it into its trace.
pub(crate) fn notice<P: Payload>(entry: &LogEntry<P>, carrier: &Carrier) -> Notice {
    let mut notice = Notice::new(send::body(entry))
        .with("definition", entry.definition.as_str())
        .with("style", entry.style.name())
        .with("event", SmolStr::from(entry.event.clone()));
    notice.attributes.extend(carrier.headers().map(|(name, value)| (name, value.into())));
    notice
}

/// Says whether an entry starts an execution: it begins a round of an orchestrated saga.
pub(crate) fn starts_execution<P>(entry: &LogEntry<P>) -> bool {
    let LogEvent::Saga(event) = entry.event else { return false };
    let begins_round = match event {
        SagaEvent::Started
        | SagaEvent::Cancelled
        | SagaEvent::Deadline
        | SagaEvent::Retried
        | SagaEvent::Resumed => true,
        SagaEvent::Settled | SagaEvent::GaveUp | SagaEvent::Resolved => false,
    };
    begins_round && entry.style == Style::Orchestrated
}

/// Returns the name of the execution of a round: a second start under it is none.
pub(crate) fn execution_name<P>(context: &SagaContext<P>) -> String {
    format!("{}-{}", context.saga, context.round)
}

#[cfg(test)]
mod tests;
