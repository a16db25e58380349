//! What comes into a world: requests, minutes of the schedule, and what is there before either.

use jiff::{SignedDuration, Timestamp};
use saga_core::api::Api;
use saga_core::context::{SagaContext, Style};
use saga_core::coordinator::{Coordinator, CoordinatorEvent};
use saga_core::event::SagaEvent;
use saga_core::inventory::{Releases, Stock, StockId, StockKind};
use saga_core::names::SagaId;
use saga_core::rows::{LogEntry, SagaData, SagaRow};
use saga_core::trip::Trip;
use serde_json::json;
use tenfold_ports::Carrier;
use tenfold_ports::Queue;
use tenfold_ports::context::{CORRELATION_ID, TRACEPARENT};
use tenfold_ports::queue::Outgoing;
use tenfold_ports::table::{Item, Key, Write};
use tenfold_world::{World, request};

use super::{Stack, context, definition, steps};

/// A message that is no log entry.
pub const UNREADABLE: &str = "torn";

/// A request's key and the status that its sender was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Answered(pub String, pub u16);

impl Stack {
    /// One call of the API: its path may have a query.
    pub fn call(world: &World, method: &'static str, path: &str, key: &'static str, body: &str) {
        let headers = if key.is_empty() { vec![] } else { vec![("idempotency-key", key)] };
        Self::call_with(world, method, path, headers, body);
    }

    /// One call of the API with headers.
    pub fn call_with(
        world: &World,
        method: &'static str,
        path: &str,
        headers: Vec<(&'static str, &'static str)>,
        body: &str,
    ) {
        let input = (method, path.to_owned(), headers, body.to_owned());
        world.spawn("api", input, |env, (method, whole, headers, body)| async move {
            let mut request = request(method, &whole, body);
            request.headers.extend(headers.into_iter().map(|(name, value)| (name.into(), value.into())));
            let header = |name| request.header(name).cloned();
            let carrier = Carrier { traceparent: header(TRACEPARENT), correlation: header(CORRELATION_ID) };
            let response = Api { steps: steps(&env) }.handle(&request, &context(&env).of(&carrier)).await;
            let name = header("idempotency-key").map_or(whole, String::from);
            env.report(Answered(name, response.status));
        });
    }

    /// Somebody books a trip.
    pub fn book(world: &World, key: &'static str, style: Style) {
        Self::call(world, "POST", "/trips", key, &booking(key, style));
    }

    /// Somebody books a trip, in a trace and under a correlation id.
    pub fn book_within(
        world: &World,
        key: &'static str,
        style: Style,
        trace: &'static str,
        id: &'static str,
    ) {
        let headers = vec![("idempotency-key", key), (TRACEPARENT, trace), (CORRELATION_ID, id)];
        Self::call_with(world, "POST", "/trips", headers, &booking(key, style));
    }

    /// Somebody has booked a trip: it is taken in, and nothing more.
    pub fn booked(world: &World, key: &'static str, style: Style) {
        let definition = definition();
        let (id, date) = (SagaId::of_key(key), "2030-01-01".parse().unwrap());
        let x = || StockId::parse("X").unwrap();
        let payload = Trip { traveller: key.into(), flight: x(), hotel: x(), car: x(), from: date, to: date };
        // Nobody has said what it belongs to, as in rows of before.
        let carrier = Carrier::default();
        let context = SagaContext { saga: id, round: 0, style, payload: payload.clone(), carrier };
        let created = world.now();
        let row = SagaRow::create(
            &definition,
            id,
            SagaData { style, payload, created, carrier: Carrier::default() },
        );
        let entry = LogEntry::of(&definition, &context, SagaEvent::Started, created).append();
        world.write(&[row, entry]);
    }

    /// An entry of a log that nobody can read.
    pub fn unreadable_entry(world: &World) {
        let key = Key::new(format!("saga#{}", SagaId::of_key("bad")), "log#00#started");
        world.write(&[Write::create(Item::new(key).with("data", "torn"))]);
    }

    /// A message to the first service that nobody can read.
    pub fn unreadable_message(self, world: &World) {
        let queue = self.services[0];
        world.spawn("person", (), move |env, ()| async move {
            let _ = env.queue(queue).send(vec![Outgoing::new(UNREADABLE.to_owned())]).await;
        });
    }

    /// Somebody cancels, retries or resolves a trip.
    pub fn operate(world: &World, key: &str, what: &str) {
        let body = if what == "resolve" { r#"{"reason":"by telephone"}"# } else { "" };
        Self::call(world, "POST", &format!("/trips/{}/{what}", SagaId::of_key(key)), "", body);
    }

    /// The schedule's minute.
    pub fn tick(world: &World) {
        Self::tick_at(world, world.now());
    }

    /// A minute of the schedule that comes at this time, whatever is still going on.
    pub fn tick_at(world: &World, start: Timestamp) {
        world.spawn_at(start, SignedDuration::ZERO, "coordinator", (), |env, ()| async move {
            let minute = CoordinatorEvent::Schedule;
            let _ = Coordinator { steps: steps(&env) }.handle(&minute, &context(&env)).await;
        });
    }
}

fn booking(traveller: &str, style: Style) -> String {
    let booking = json!({
        "style": style.name(), "traveller": traveller, "flight": "X", "hotel": "X", "car": "X",
        "from": "2030-01-01", "to": "2030-01-02",
    });
    booking.to_string()
}

/// Puts how many there are of a kind, as nobody's call.
pub fn put_stock(world: &World, kind: StockKind, available: i64, releases: Releases) {
    let write = Stock::put(kind, &StockId::parse("X").unwrap(), available, releases);
    let Write::Update { key, updates, .. } = write else { return };
    world.edit(|table| {
        let mut item = table.get(&key).cloned().unwrap_or_else(|| Item::new(key));
        updates.iter().for_each(|(name, update)| update.apply(name, &mut item));
        table.put(item);
    });
}
