use super::*;
use crate::decide::{dead_letter, unreadable};
use crate::definition::Definition;
use crate::error::{SAGA_STUCK, UNDO_REFUSED};
use crate::names::SagaId;
use crate::rows::log_key;
use crate::state::SagaState;
use crate::trip::{self, Trip};
use tenfold_ports::table::BadItem;
use tenfold_ports::table::Write;

fn definition() -> Definition<Trip> {
    trip::definition().unwrap()
}

fn entry(event: &str, style: Style, state: Option<SagaState>) -> LogEntry<Trip> {
    let text =
        r#"{"traveller":"Ada","flight":"F","hotel":"H","car":"C","from":"2030-01-01","to":"2030-01-02"}"#;
    let payload = serde_json::from_str(text).unwrap();
    let carrier = Carrier::default();
    let context = SagaContext { saga: SagaId::of_key("a"), round: 3, style, payload, carrier };
    let event: LogEvent = event.parse().unwrap();
    LogEntry { state, ..LogEntry::of(&definition(), &context, event, jiff::Timestamp::UNIX_EPOCH) }
}

#[test]
fn an_event_carries_what_subscriptions_filter_by_and_what_services_need() {
    let entry = entry("hotel.failed", Style::Choreographed, None);
    let carrier = Carrier { traceparent: Some("00-1-2-01".into()), correlation: Some("order-17".into()) };
    let notice = notice(&entry, &carrier);
    let attributes: Vec<_> = notice.attributes.iter().map(|(n, v)| format!("{n}={}", v.to_text())).collect();
    let expected = [
        "definition=trip",
        "style=choreographed",
        "event=hotel.failed",
        "traceparent=00-1-2-01",
        "x-correlation-id=order-17",
    ];
    assert_eq!(attributes, expected);
    assert_eq!(serde_json::from_str::<LogEntry<Trip>>(&notice.body).unwrap(), entry);
}

#[test]
fn a_body_has_only_characters_that_a_message_can_have() {
    let mut entry = entry("started", Style::Choreographed, None);
    entry.payload.traveller = "A\u{fffe}\u{ffff}\u{1}".into();
    let body = notice(&entry, &Carrier::default()).body;
    assert!(body.chars().all(|c| (' '..='\u{fffd}').contains(&c)), "{body}");
    assert_eq!(serde_json::from_str::<LogEntry<Trip>>(&body).unwrap(), entry);
}

#[test]
fn a_rounds_execution_has_one_name_and_one_input() {
    let context = entry("retried", Style::Orchestrated, None).context();
    assert_eq!(execution_name(&context), format!("{}-3", context.saga));
    assert!(execution_name(&context).len() <= tenfold_ports::flow::MAX_NAME);
    let input: serde_json::Value = serde_json::to_value(&context).unwrap();
    let mut fields: Vec<&String> = input.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["payload", "round", "saga", "style"], "what the state machine passes on");
}

#[test]
fn whatever_is_stuck_has_a_letter() {
    let (orchestrated, choreographed) = (Style::Orchestrated, Style::Choreographed);
    for (event, style, state, expected) in [
        ("hotel.stuck", choreographed, None, Some(UNDO_REFUSED)),
        ("hotel.stuck", orchestrated, None, None),
        ("flight.stuck", orchestrated, Some(SagaState::Stuck), Some(SAGA_STUCK)),
        ("flight.undone", orchestrated, Some(SagaState::Stuck), Some(SAGA_STUCK)),
        ("settled", orchestrated, Some(SagaState::Stuck), Some(SAGA_STUCK)),
        ("gave-up", choreographed, Some(SagaState::Stuck), Some(SAGA_STUCK)),
        ("flight.undone", choreographed, Some(SagaState::Compensated), None),
        ("car.done", choreographed, Some(SagaState::Committed), None),
    ] {
        let letter = dead_letter(&entry(event, style, state));
        assert_eq!(letter.map(|l| l.error.error), expected, "{event}");
    }
}

#[test]
fn only_new_log_entries_are_published() {
    let entry = entry("started", Style::Choreographed, Some(SagaState::Running));
    let key = log_key(entry.saga, entry.round, &entry.event);
    let Write::Put { item, .. } = entry.append() else { panic!("a put") };
    let record = |new, old| Record {
        sequence: "1".into(),
        key: key.clone(),
        old,
        new,
        at: jiff::Timestamp::UNIX_EPOCH,
        expired: false,
    };
    assert!(is_entry(&record(Some(item.clone()), None)));
    assert!(!is_entry(&record(None, Some(item.clone()))));
    let row = Record { key: crate::rows::saga_key(SagaId::of_key("a")), ..record(Some(item), None) };
    assert!(!is_entry(&row));
}

#[test]
fn a_log_entry_that_is_none_has_a_letter_that_names_it() {
    let id = SagaId::of_key("a");
    let key = log_key(id, 0, &"started".parse().unwrap());
    let bad = BadItem { key: key.to_string(), attribute: "data".to_owned(), why: "is missing".to_owned() };
    let record = Record {
        sequence: "1".into(),
        key,
        old: None,
        new: None,
        at: jiff::Timestamp::UNIX_EPOCH,
        expired: false,
    };
    let letter = send::body(&unreadable(&record, &bad));
    assert!(letter.contains(&id.to_string()) && letter.contains(r#""Error":"BadItem""#), "{letter}");
}
