//! Configuring a target where there is no API: by a library.

use std::sync::Arc;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::configure::{ConfigureError, Configured, configure};
use circuit_breaker_core::decide::breaker::{Breaker, BreakerState};
use circuit_breaker_core::names::{BreakerName, TargetName};
use circuit_breaker_core::rows::{BreakerRow, StoredTarget, TargetRow, breaker_key, target_item, target_key};
use futures_util::FutureExt;
use tenfold_memory::{ManualRuntime, MemoryTable};
use tenfold_ports::Clock;
use tenfold_ports::table::{Item, Key, Write};

const PLAIN: &str = r#"{"url":"http://pay.example/"}"#;
const SLOWER: &str = r#"{"url":"http://pay.example/","timeoutMs":9000}"#;

fn pay() -> TargetName {
    TargetName::parse("pay").unwrap()
}

#[derive(Default)]
struct Place {
    table: MemoryTable,
    runtime: ManualRuntime,
}

impl Place {
    fn configure(&self, config: &str) -> Result<Configured, ConfigureError> {
        self.runtime.advance(std::time::Duration::from_secs(1));
        configure(&self.table, &self.runtime, &pay(), config.as_bytes()).now_or_never().unwrap()
    }

    fn item(&self, key: &Key) -> Option<Item> {
        self.table.items().into_iter().find(|item| item.key == *key)
    }

    fn target(&self) -> TargetRow {
        StoredTarget::read(self.item(&target_key(&pay())).as_ref()).unwrap().row.unwrap()
    }

    fn put_breaker(&self, state: BreakerState) {
        let name = BreakerName::of(pay());
        let breaker = Breaker { state, epoch: 3, ..Breaker::new(&self.target().config, self.runtime.now()) };
        let row = BreakerRow::unwritten(breaker.clone());
        let Write::Put { item, .. } = row.replace(&name, &row.next(&name, breaker, 1, self.runtime.now()))
        else {
            unreachable!("a put")
        };
        self.table.put(item);
    }

    fn breaker(&self) -> BreakerRow {
        BreakerRow::read(&self.item(&breaker_key(&BreakerName::of(pay()))).unwrap()).unwrap()
    }
}

#[test]
fn a_target_is_configured_again_without_its_breaker_beginning_anew() {
    let place = Place::default();
    assert_eq!(place.configure(PLAIN), Ok(Configured::New));
    place.put_breaker(BreakerState::ForcedOpen);
    let (created, before) = (place.target().created, place.table.items());
    assert_eq!(place.configure(PLAIN), Ok(Configured::Unchanged));
    assert_eq!(place.table.items(), before, "nothing was written");
    assert_eq!(place.configure(SLOWER), Ok(Configured::Changed));
    let target = place.target();
    assert_eq!((target.created, target.config.timeout_ms), (created, 9000));
    let breaker = place.breaker().of(&target).breaker;
    assert_eq!((breaker.state, breaker.epoch), (BreakerState::ForcedOpen, 3));
    let history = place.table.items().into_iter().filter(|item| item.key.pk.starts_with("history#"));
    assert_eq!(history.count(), 2);
}

#[test]
fn a_target_that_was_deleted_begins_anew() {
    let place = Place::default();
    place.configure(PLAIN).unwrap();
    place.put_breaker(BreakerState::ForcedOpen);
    let deleted = TargetRow { deleted: Some(place.runtime.now()), ..place.target() };
    place.table.put(target_item(&pay(), deleted));
    assert_eq!(place.configure(PLAIN), Ok(Configured::New));
    let breaker = place.breaker().breaker;
    assert_eq!((breaker.state, breaker.epoch), (BreakerState::Closed, 4));
}

#[test]
fn what_the_api_refuses_is_refused() {
    let place = Place::default();
    let Err(ConfigureError::Invalid(faults)) = place.configure(r#"{"url":"ftp://x","timeoutMs":1}"#) else {
        panic!("it has faults")
    };
    let parsed = TargetConfig::parse(br#"{"url":"ftp://x","timeoutMs":1}"#).unwrap_err();
    assert_eq!((faults.len(), &faults), (2, &parsed));
    let long = format!("{{\"url\":\"http://pay.example/{}\"}}", "x".repeat(16 * 1024));
    assert!(matches!(place.configure(&long), Err(ConfigureError::Invalid(_))));
    let id = TargetName::parse("0e1f7c1a-52c5-5c39-9d3b-31a57a0cbe07").unwrap();
    let refused = configure(&place.table, &place.runtime, &id, PLAIN.as_bytes()).now_or_never().unwrap();
    assert_eq!(refused, Err(ConfigureError::LikeARequest));
    assert!(place.table.items().is_empty());
}

/// Whoever wrote it with no look at what was there.
#[test]
fn a_target_that_was_written_by_hand_is_configured_again() {
    let place = Place::default();
    let config = Arc::new(TargetConfig::parse(PLAIN.as_bytes()).unwrap());
    let created = place.runtime.now();
    place.table.put(target_item(&pay(), TargetRow::new(config, created)));
    assert_eq!(place.configure(PLAIN), Ok(Configured::Unchanged));
    assert_eq!(place.configure(SLOWER), Ok(Configured::Changed));
    assert_eq!(place.target().created, created);
}
