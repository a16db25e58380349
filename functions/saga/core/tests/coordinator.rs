//! The coordinator on the rows: what one saga has wrong keeps no other from being recovered.

use crate::quiet::{data, definition, run};
use jiff::SignedDuration;
use saga_core::coordinator::{Coordinator, CoordinatorEvent};
use saga_core::names::SagaId;
use saga_core::rows::{SagaRow, saga_key};
use saga_core::state::SagaState;
use saga_core::steps::Steps;
use saga_core::trip::Trip;
use tenfold_ports::table::{Item, Read, Write};
use tenfold_ports::{Clock, Context, Table};

#[test]
fn a_row_that_cannot_be_read_is_counted_and_the_others_are_recovered() {
    run(|env| async move {
        let definition = definition();
        let (now, hour) = (env.now(), SignedDuration::from_hours(1));
        let (bad, good) = (SagaId::of_key("bad"), SagaId::of_key("good"));
        env.write(SagaRow::create(&definition, good, data(now - hour))).await.unwrap();
        let open = SagaState::Running.open(bad.shard(definition.shards())).unwrap();
        let item = Item::new(saga_key(bad)).with("state", "nowhere").with("open", open).with("wake", 0);
        env.write(Write::create(item)).await.unwrap();

        let steps = Steps { table: env.clone(), runtime: env.clone(), definition };
        let minute = CoordinatorEvent::Schedule;
        let summary =
            Coordinator { steps }.handle(&minute, &Context::until(now + hour)).await.unwrap().unwrap();
        assert_eq!((summary.unreadable, summary.overdue, summary.rounds), (1, 1, 1));
        let item = env.get(&saga_key(good), Read::Consistent).await.unwrap().unwrap();
        assert_eq!(SagaRow::<Trip>::state_of(&item).unwrap(), Some(SagaState::Compensating));
    });
}
