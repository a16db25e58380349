//! One trace and one correlation id, from the request to what each service writes down.

use crate::world::{Stack, sagas};
use saga_core::context::Style;
use saga_core::rows::{LOG, LogEntry, SagaRow};
use saga_core::trip::Trip;
use tenfold_ports::TraceContext;
use tenfold_ports::table::Item;
use tenfold_world::{Bounds, World, replay};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const CORRELATION: &str = "order-17";

fn entries(world: &World) -> Vec<LogEntry<Trip>> {
    let is_entry = |item: &&Item| item.key.sk.starts_with(LOG);
    world.table(|table| table.all().filter(is_entry).map(|item| LogEntry::read(item).unwrap()).collect())
}

#[test]
fn a_trip_is_followed_through_every_hop_and_round() {
    for style in [Style::Orchestrated, Style::Choreographed] {
        let run = |world: &World| {
            world.quiesce();
            // There is no car: it is done, refused and undone.
            Stack::new(world, [1, 1, 0]);
            Stack::book_within(world, "a", style, TRACE, CORRELATION);
            world.run()?;
            let saga: &SagaRow<Trip> = &sagas(world)[0];
            let carriers = entries(world).into_iter().map(|entry| (entry.event.to_string(), entry.carrier));
            let carriers: Vec<_> = carriers.chain([("saga".to_owned(), saga.data.carrier.clone())]).collect();
            assert_eq!(
                carriers.len(),
                7,
                "started, two done, one failed, two undone, and the saga: {carriers:?}"
            );
            for (what, carrier) in carriers {
                let trace = carrier.traceparent.as_deref().and_then(TraceContext::parse);
                let trace = trace.map(|trace| trace.trace_id());
                assert_eq!(trace.as_deref(), Some(&TRACE[3..35]), "{style:?} {what}");
                assert_eq!(carrier.correlation.as_deref(), Some(CORRELATION), "{style:?} {what}");
            }
            Ok(())
        };
        replay(Bounds { faults: 0, ..Bounds::default() }, run, &[]).0.unwrap();
    }
}
