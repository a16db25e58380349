use std::cell::RefCell;
use std::collections::BTreeSet;

use jiff::SignedDuration;
use tenfold_ports::Metrics;
use tenfold_ports::metrics::Metric;

use super::*;
use crate::aws::invocations::FunctionSettings;
use crate::{Bounds, exhaust};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn sum(threshold: f64) -> AlarmSettings {
    AlarmSettings::sum("Failures", threshold)
}

#[test]
fn what_handlers_record_sets_an_alarm_off_and_its_changes_are_told_at_least_once() {
    let seen = RefCell::new(BTreeSet::new());
    let report = exhaust(Bounds { faults: 0, ..Bounds::default() }, |world: &World| {
        let function = world.add_function("on-alarm", FunctionSettings::default());
        let alarm = world.add_alarm("failures", AlarmSettings { duplicates: 1, ..sum(2.0) }, function);
        world.spawn("test", (), |env, ()| async move {
            env.record(&[("target", "a".into())], &[Metric::count("Failures", 2.0)]);
        });
        world.run()?;
        for _ in 0..3 {
            world.pass(MINUTE);
            world.evaluate(alarm);
        }
        let states = |payload: &InvocationPayload| match payload {
            InvocationPayload::Alarm(change) => (change.from.name(), change.to.name()),
            other => panic!("a change was expected: {other:?}"),
        };
        seen.borrow_mut()
            .insert(world.invocations(function, |all| all.payloads().map(states).collect::<Vec<_>>()));
        Ok(())
    });
    assert!(report.whole);
    let (on, off) = (("INSUFFICIENT_DATA", "ALARM"), ("ALARM", "OK"));
    assert_eq!(seen.into_inner(), BTreeSet::from([vec![on, off], vec![on, on, off], vec![on, off, off]]));
}
