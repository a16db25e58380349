//! A step of a saga, as its service does it when the state machine asks.

use std::hint::black_box;

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use saga_core::context::{SagaContext, Style};
use saga_core::decide::StepOutcome;
use saga_core::definition::choreography::Direction;
use saga_core::inventory::{Releases, Stock, StockId, StockKind};
use saga_core::names::{Name, SagaId};
use saga_core::rows::{SagaData, SagaRow};
use saga_core::service::{StepService, StepTask};
use saga_core::trip::{self, Trip};
use tenfold_ports::{Carrier, Context, Table};

use crate::memory::{Process, Rows};
use crate::{Case, OURS, at_once, sure};

/// A flight is reserved: the saga's row is checked, and the step's row, the log and the inventory are written in one
/// transaction.
pub fn step() -> Case {
    let definition = sure(trip::definition());
    let (task, rows) = (task(), Rows::default());
    let SagaContext { saga, style, payload, carrier, .. } = task.context.clone();
    let data = SagaData { style, payload, created: Timestamp::now(), carrier };
    let flight = Stock::put(StockKind::Flight, &task.context.payload.flight, 100, Releases::Accepted);
    for write in [SagaRow::create(&definition, saga, data), flight] {
        sure(at_once(rows.write(write)));
    }
    rows.freeze();
    let service = sure(StepService::new(rows, Process::default(), definition, "flight"));
    let context = Context::until(Timestamp::now() + SignedDuration::from_hours(1));
    Case::new("sagaStep", OURS, move || {
        let outcome = sure(at_once(service.handle_task(black_box(&task), &context)));
        assert_eq!(outcome, StepOutcome::Done);
    })
}

fn task() -> StepTask<Trip> {
    let id = |text| sure(StockId::parse(text));
    let payload = Trip {
        traveller: "Ada Lovelace".into(),
        flight: id("LH-1"),
        hotel: id("ritz"),
        car: id("mini"),
        from: date(2099, 5, 1),
        to: date(2099, 5, 8),
    };
    let carrier = Carrier {
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        correlation: Some("booking-4711".into()),
    };
    let saga = SagaId::of_key("booking-4711");
    let context =
        SagaContext { saga, round: 0, style: Style::Orchestrated, payload, carrier: carrier.clone() };
    StepTask { direction: Direction::Do, step: sure(Name::parse("flight")), context, carrier }
}
