//! Rows and messages are read by the names under which they are stored, whatever the types are called here.

use jiff::Timestamp;
use serde_json::json;
use tenfold_ports::Carrier;
use tenfold_ports::table::{Item, Key};

use super::*;
use crate::context::Style;
use crate::names::SagaId;
use crate::state::{SagaState, StepState};

const ID: &str = "7b357e39-9cbe-534c-a136-fc65a8428e65";

fn item(sk: &'static str, doc: serde_json::Value) -> Item {
    Item::new(Key::new(format!("saga#{ID}"), sk)).with_doc(doc)
}

#[test]
fn the_row_of_a_saga_is_read_by_its_stored_names() {
    let doc = json!({"style": "choreographed", "payload": "a trip", "created": "2030-01-01T00:00:00Z"});
    let item = item("saga", doc)
        .with("state", "compensating")
        .with("version", 3)
        .with("round", 2)
        .with("tries", 1)
        .with("since", 1_893_456_000_000_i64)
        .with("open", "compensating#5")
        .with("wake", 1_893_456_900_i64);
    let row = SagaRow::<String>::read(&item).unwrap();
    assert_eq!((row.id.to_string().as_str(), row.state), (ID, SagaState::Compensating));
    assert_eq!((row.version, row.round, row.tries, row.pivoted), (3, 2, 1, false));
    assert_eq!((row.data.style, row.data.payload.as_str()), (Style::Choreographed, "a trip"));
    assert_eq!(row.wake, Timestamp::from_second(1_893_456_900).ok());
}

#[test]
fn the_row_of_a_step_is_read_by_its_stored_names() {
    let doc =
        json!({"round": 0, "at": "2030-01-01T00:00:00Z", "item": "hotel ritz", "error": "it is closed"});
    let row = StepRow::read(&item("step#hotel", doc).with("state", "stuck")).unwrap();
    assert_eq!((row.state, row.data.item.as_deref()), (StepState::Stuck, Some("hotel ritz")));
    assert_eq!(row.data.error.as_deref(), Some("it is closed"));
}

#[test]
fn an_entry_of_a_log_is_read_by_its_stored_names() {
    let doc = json!({"saga": ID, "definition": "trip", "style": "orchestrated", "round": 1, "event": "hotel.failed",
        "at": "2030-01-01T00:00:00Z", "state": "compensating", "error": "sold out", "payload": "a trip"});
    let entry = LogEntry::<String>::read(&item("log#01#hotel.failed", doc.clone())).unwrap();
    assert_eq!(
        (entry.event.to_string().as_str(), entry.state),
        ("hotel.failed", Some(SagaState::Compensating))
    );
    assert_eq!(serde_json::to_value(&entry).unwrap(), doc, "and written by them");
    let id = SagaId::parse(ID).unwrap();
    assert_eq!(log_key(id, 1, &entry.event), Key::new(format!("saga#{ID}"), "log#01#hotel.failed"));
    let input = json!({"saga": ID, "round": 1, "style": "orchestrated", "payload": "a trip"});
    assert_eq!(serde_json::to_value(entry.context()).unwrap(), input, "the input of an execution");
}

#[test]
fn what_another_version_has_written_is_read() {
    let old = json!({"style": "orchestrated", "payload": "a trip", "created": "2030-01-01T00:00:00Z"});
    let newer = |mut doc: serde_json::Value| {
        doc["correlation"] = "order-17".into();
        doc["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into();
        doc["priority"] = json!({"of": "a later version"});
        doc
    };
    let data = |doc: &serde_json::Value| item("saga", doc.clone()).doc::<SagaData<String>>().unwrap();
    assert_eq!(data(&old).carrier, Carrier::default());
    assert_eq!(data(&newer(old.clone())).carrier.correlation.as_deref(), Some("order-17"));

    let old = json!({"saga": ID, "definition": "trip", "style": "orchestrated", "round": 1, "event": "started",
        "at": "2030-01-01T00:00:00Z", "payload": "a trip"});
    let entry = |doc| LogEntry::<String>::read(&item("log#01#started", doc)).unwrap();
    assert_eq!(entry(old.clone()).carrier, Carrier::default());
    let (entry, old) = (entry(newer(old.clone())), entry(old));
    assert_eq!(entry.carrier.correlation.as_deref(), Some("order-17"));
    assert_eq!(LogEntry { carrier: Carrier::default(), ..entry.clone() }, old);
    let input = serde_json::to_value(entry.context()).unwrap();
    assert_eq!((&input["correlation"], &input["saga"]), (&json!("order-17"), &json!(ID)));

    let step = json!({"round": 0, "at": "2030-01-01T00:00:00Z", "seat": "12A"});
    assert!(StepRow::read(&item("step#hotel", step).with("state", "done")).is_ok());
}
