//! The fixtures in `events/` are what the functions take; `cargo lambda invoke --data-file` sends them.

use saga_core::rows::{LOG, LogEntry};
use saga_core::state::SagaState;
use saga_core::trip::Trip;
use tenfold_lambda::stream::StreamBatch;

#[test]
fn a_log_entry_comes_out_of_the_stream_as_it_was_written() {
    let event: StreamBatch = serde_json::from_str(include_str!("../events/stream.json")).unwrap();
    let [record] = &event.records[..] else { panic!("one record") };
    assert!(record.key.sk.starts_with(LOG));
    let entry = LogEntry::<Trip>::read(record.new.as_ref().unwrap()).unwrap();
    assert_eq!((entry.event.to_string().as_str(), entry.state), ("started", Some(SagaState::Running)));
    assert_eq!(entry.payload.to.to_string(), "2099-05-08");
}
