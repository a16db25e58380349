//! Our breaker: the registry as the gateway asks it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::decide::breaker::{Breaker, BreakerState};
use circuit_breaker_core::decide::window::CallOutcome;
use circuit_breaker_core::names::{BreakerName, TargetName};
use circuit_breaker_core::registry::{Admission, Registry};
use circuit_breaker_core::rows::{BreakerRow, TargetRow, target_item};
use jiff::{SignedDuration, Timestamp};
use tenfold_ports::Table;

use crate::memory::{Process, Rows};
use crate::{Case, OURS, STAYS_CLOSED, at_once, goes_well, sure};

/// For how long a read of a breaker is good, unless a stack says otherwise.
pub const TTL: Duration = Duration::from_secs(1);
const GOOD: CallOutcome = CallOutcome { failed: false, slow: false };
const BAD: CallOutcome = CallOutcome { failed: true, slow: false };

type Own = Registry<Rows, Process>;

/// A table in which there is the target `pay`, with these fields in its configuration.
pub fn rows(fields: &str) -> (TargetName, Arc<TargetConfig>, Rows) {
    let target = sure(TargetName::parse("pay"));
    let body = format!(r#"{{"url": "https://pay.example/charge"{fields}}}"#);
    let config = Arc::new(sure(TargetConfig::parse(body.as_bytes())));
    let rows = Rows::default();
    let row = TargetRow::new(Arc::clone(&config), Timestamp::UNIX_EPOCH);
    rows.put(target_item(&target, row));
    (target, config, rows)
}

fn registry(fields: &str) -> (TargetName, Own) {
    let (target, _, rows) = rows(fields);
    (target, Registry::new(rows, Process::default(), TTL))
}

/// Asks for a permit and hands it back with what came of the call.
fn call(registry: &Own, target: &TargetName, tenant: Option<&BreakerName>, outcome: CallOutcome) {
    at_once(async {
        match sure(registry.admit(black_box(target), black_box(tenant)).await) {
            Admission::Call(permit) => _ = permit.settle(black_box(Some(outcome)), None).await,
            _ => unreachable!("the breaker should be closed"),
        }
    });
}

/// All goes well, and always did.
pub fn closed() -> Case {
    let (target, registry) = registry("");
    Case::new("breakerClosed", OURS, move || call(&registry, &target, None, GOOD))
}

/// All goes well, and did not always: there is a row, with a window of calls.
pub fn written() -> Case {
    let (target, registry) = registry("");
    (0..100).for_each(|n| call(&registry, &target, None, if n % 10 == 9 { BAD } else { GOOD }));
    Case::new("breakerWritten", OURS, move || call(&registry, &target, None, GOOD))
}

/// All goes well, for a tenant that has a breaker of its own.
pub fn tenant() -> Case {
    let (target, registry) = registry("");
    let tenant = BreakerName { target: target.clone(), tenant: Some("red".into()) };
    Case::new("breakerTenant", OURS, move || call(&registry, &target, Some(&tenant), GOOD))
}

/// Calls fail, and the fleet is told of each.
pub fn failing() -> Case {
    let (target, registry) = registry(&format!(r#","failureRateThreshold":{STAYS_CLOSED}"#));
    let mut calls = 0;
    Case::new("breakerFailing", OURS, move || {
        call(&registry, &target, None, if goes_well(&mut calls) { GOOD } else { BAD });
        at_once(registry.tend());
    })
}

/// The breaker is open for the next hour.
pub fn open() -> Case {
    let (target, config, rows) = rows("");
    let now = Timestamp::now();
    let until = now + SignedDuration::from_hours(1);
    let breaker = Breaker { state: BreakerState::Open { until }, ..Breaker::new(&config, now) };
    let (name, row) = (BreakerName::of(target.clone()), BreakerRow::unwritten(breaker.clone()));
    let next = row.next(&name, breaker, 1, now);
    sure(at_once(rows.write(row.replace(&name, &next))));
    let registry = Registry::new(rows, Process::default(), TTL);
    Case::new("breakerOpen", OURS, move || match sure(at_once(registry.admit(black_box(&target), None))) {
        Admission::Wait { until, .. } => drop(black_box(until)),
        _ => unreachable!("the breaker should be open"),
    })
}
