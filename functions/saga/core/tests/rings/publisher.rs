//! Runs of the publisher.

use std::marker::PhantomData;

use jiff::Timestamp;
use saga_core::context::{SagaContext, Style};
use saga_core::event::{LogEvent, SagaEvent, StepEvent};
use saga_core::metrics::{PUBLISHER_RUNS, UNSENT};
use saga_core::names::Name;
use saga_core::publisher::Publisher;
use saga_core::rows::LogEntry;
use saga_core::trip::Trip;
use tenfold_ports::stream::Record;
use tenfold_ports::table::Write;
use tenfold_ports::{Clock, Context, SmolStr};
use tenfold_world::Env;

use super::context;
use super::ports::Choosy;
use crate::quiet::{Measuring, definition, run};

/// What the publisher answers to these entries, and what it measures, where whatever mentions a word is refused.
async fn publish(
    env: &Env,
    entries: Vec<LogEntry<Trip>>,
    refused: &'static [&'static str],
) -> (Option<SmolStr>, Measuring) {
    let runtime = Measuring::of(env);
    let outlet = Choosy(refused);
    let publisher = Publisher {
        topic: outlet,
        flow: outlet,
        dead_letters: outlet,
        runtime: runtime.clone(),
        payload: PhantomData::<Trip>,
    };
    let records = entries.into_iter().enumerate().filter_map(|(at, entry)| {
        let Write::Put { item, .. } = entry.append() else { return None };
        let (sequence, key) = ((at + 1).to_string().into(), item.key.clone());
        Some(Record { sequence, key, old: None, new: Some(item), at: env.now(), expired: false })
    });
    let records: Vec<Record> = records.collect();
    (publisher.handle(&records, &Context::until(Timestamp::MAX)).await, runtime)
}

fn entry(env: &Env, key: &str, style: Style, event: impl Into<LogEvent>) -> LogEntry<Trip> {
    LogEntry::of(&definition(), &SagaContext { style, ..context(key) }, event, env.now())
}

#[test]
fn a_run_of_the_publisher_is_recorded_where_nothing_comes_again() {
    run(|env| async move {
        let entries = || {
            vec![
                entry(&env, "a", Style::Choreographed, SagaEvent::Started),
                entry(&env, "b", Style::Orchestrated, SagaEvent::Started),
                entry(&env, "c", Style::Choreographed, SagaEvent::Resolved),
            ]
        };
        let (again, runtime) = publish(&env, entries(), &[]).await;
        assert_eq!((again, runtime.all(PUBLISHER_RUNS)), (None, vec![(None, 1.0)]));
        assert_eq!(runtime.all(UNSENT), [(None, 0.0)]);
        assert_eq!(runtime.last(), Some(PUBLISHER_RUNS), "nothing comes after it");
        let (again, runtime) = publish(&env, entries(), &["orchestrated", "resolved"]).await;
        assert_eq!((again.as_deref(), runtime.all(PUBLISHER_RUNS)), (Some("2"), vec![]));
        assert_eq!(runtime.all(UNSENT), [(None, 2.0)], "an answer that says so is no error to Lambda");
        let (again, runtime) = publish(&env, entries(), &["orchestrated"]).await;
        assert_eq!(again.as_deref(), Some("2"), "and the third with it, which was sent");
        assert_eq!(runtime.all(UNSENT), [(None, 1.0)]);
    });
}

#[test]
fn an_entry_that_goes_two_ways_is_unsent_once() {
    run(|env| async move {
        let stuck = StepEvent::Stuck;
        let stuck = LogEvent::Step(Name::parse("hotel").unwrap(), stuck);
        let entries = vec![entry(&env, "a", Style::Choreographed, stuck)];
        // Neither its event nor its letter.
        let (again, runtime) = publish(&env, entries, &["hotel"]).await;
        assert_eq!((again.as_deref(), runtime.all(UNSENT)), (Some("1"), vec![(None, 1.0)]));
    });
}
