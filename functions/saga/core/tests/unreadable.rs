//! What cannot be read stops itself only: it is counted, and the others are served, however many of it come first.

use crate::quiet::{Measuring, data, definition, run};
use jiff::{SignedDuration, Timestamp};
use saga_core::api::Api;
use saga_core::context::SagaContext;
use saga_core::coordinator::{Coordinator, CoordinatorEvent};
use saga_core::event::SagaEvent;
use saga_core::names::SagaId;
use saga_core::rows::{LogEntry, SagaData, SagaRow, saga_key};
use saga_core::service::{MessageError, StepService};
use saga_core::state::SagaState;
use saga_core::steps::Steps;
use saga_core::trip::Trip;
use serde_json::Value;
use tenfold_pattern::read::UNREADABLE_ROWS;
use tenfold_ports::api::Request;
use tenfold_ports::table::{Item, Key, Read, Write};
use tenfold_ports::{Clock, Context, Table};
use tenfold_world::Env;

/// More than a page of a list, and than a run of the coordinator recovers of a shard.
const MANY: usize = 120;

/// A running trip that began an hour ago, and in front of it in its shard many rows that cannot be read.
async fn behind_many(env: &Env) -> SagaId {
    let (definition, id) = (definition(), SagaId::of_key("good"));
    let shard = id.shard(definition.shards());
    let open = SagaState::Running.open(shard).unwrap();
    let ids = (0..).map(|n| SagaId::of_key(&format!("bad {n}")));
    let bad = ids.filter(|id| id.shard(definition.shards()) == shard).take(MANY - 1).map(saga_key);
    for key in bad.chain([Key::new("nobody's", "saga")]) {
        let item = Item::new(key).with("state", "nowhere").with("open", open.clone()).with("wake", 0);
        env.write(Write::create(item)).await.unwrap();
    }
    let created = env.now() - SignedDuration::from_hours(1);
    env.write(SagaRow::create(&definition, id, data(created))).await.unwrap();
    id
}

#[test]
fn a_run_of_the_coordinator_recovers_what_is_behind_many_rows_that_cannot_be_read() {
    run(|env| async move {
        let id = behind_many(&env).await;
        let runtime = Measuring::of(&env);
        let steps = Steps { table: env.clone(), runtime: runtime.clone(), definition: definition() };
        let (minute, context) = (CoordinatorEvent::Schedule, Context::until(Timestamp::MAX));
        let summary = Coordinator { steps }.handle(&minute, &context).await.unwrap().unwrap();
        assert_eq!((summary.unreadable, summary.overdue, summary.rounds), (MANY, 1, 1));
        assert_eq!(runtime.all(UNREADABLE_ROWS).len(), MANY);
        let item = env.get(&saga_key(id), Read::Consistent).await.unwrap().unwrap();
        assert_eq!(SagaRow::<Trip>::state_of(&item).unwrap(), Some(SagaState::Compensating));
    });
}

#[test]
fn a_list_shows_what_is_behind_many_rows_that_cannot_be_read() {
    run(|env| async move {
        let id = behind_many(&env).await;
        let runtime = Measuring::of(&env);
        let steps = Steps { table: env.clone(), runtime: runtime.clone(), definition: definition() };
        let (api, context) = (Api { steps }, Context::until(Timestamp::MAX));
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let query = [("state", Some("running".to_owned())), ("after", after)];
            let query = query.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into())));
            let (method, path) = ("GET".into(), "/trips".into());
            let request = Request { method, path, query: query.collect(), ..Request::default() };
            let response = api.handle(&request, &context).await;
            assert_eq!(response.status, 200);
            let page: Value = serde_json::from_slice(&response.body).unwrap();
            seen.extend(page["trips"].as_array().unwrap().iter().map(|trip| trip["sagaId"].clone()));
            after = page["next"].as_str().map(str::to_owned);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, [id.to_string()]);
        assert_eq!(runtime.all(UNREADABLE_ROWS).len(), MANY);
    });
}

#[test]
fn a_message_that_cannot_be_read_comes_again_and_is_counted() {
    run(|env| async move {
        let runtime = Measuring::of(&env);
        let service = StepService::new(env.clone(), runtime.clone(), definition(), "flight").unwrap();
        let context = Context::until(Timestamp::MAX);
        let SagaData { style, payload, carrier, .. } = data(env.now());
        let saga = SagaContext { saga: SagaId::of_key("a"), round: 0, style, payload, carrier };
        let entry = LogEntry::of(&definition(), &saga, SagaEvent::Resolved, env.now());
        let foreign = serde_json::to_string(&entry).unwrap().replace(r#""trip""#, r#""order""#);
        for bad in ["", "{}", &*foreign] {
            let error = service.handle_message(bad, &context).await.unwrap_err();
            assert!(matches!(error, MessageError::Unreadable { .. }), "{error}");
        }
        assert_eq!(runtime.all(UNREADABLE_ROWS).len(), 3);
        // One of a later version has more in it.
        let newer = serde_json::to_string(&entry).unwrap().replacen('{', r#"{"priority":7,"#, 1);
        assert_eq!(service.handle_message(&newer, &context).await, Ok(()));
    });
}
