//! An order: stock is reserved, the charge decides, then it is shipped and the customer is told.

use saga_core::definition::{Action, Compensable, Definition, Pivot, Retry, Retryable, Saga, Undo, Work};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::table::{Condition, Item, Key, Update, Write};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    pub customer: SmolStr,
    pub sku: SmolStr,
    pub quantity: i64,
    pub amount: i64,
}

pub fn definition() -> Definition<Order> {
    let saga = Saga::named("order")
        .step(Compensable::new("reserve", Reserve).timeout(10))
        .pivot(Pivot::new("charge", Charge))
        .then(Retryable::new("ship", Ship).retry(Retry { attempts: 50, ..Retry::LONG }))
        .then(Retryable::new("notify", Notify));
    saga.build().unwrap()
}

pub fn stock(sku: &str) -> Key {
    Key::new(format_smolstr!("stock#{sku}"), "-")
}

pub fn account(customer: &str) -> Key {
    Key::new(format_smolstr!("account#{customer}"), "-")
}

pub fn warehouse() -> Key {
    Key::new("warehouse", "-")
}

fn add(key: Key, name: &'static str, n: i64, condition: Condition) -> Write {
    Write::Update { key, updates: vec![(name.into(), Update::Add(n))], condition }
}

#[derive(Debug)]
struct Reserve;

impl Action<Order> for Reserve {
    fn item(&self, order: &Order) -> SmolStr {
        format_smolstr!("{} {}", order.quantity, order.sku)
    }

    fn writes(&self, work: &Work<'_, Order>) -> Vec<Write> {
        let order = work.payload;
        let enough = Condition::AtLeast("free", order.quantity);
        vec![add(stock(&order.sku), "free", -order.quantity, enough)]
    }

    fn refusal(&self, work: &Work<'_, Order>, _: usize, _: Option<&Item>) -> String {
        format!("there are no {}", self.item(work.payload))
    }
}

impl Undo<Order> for Reserve {
    fn undo_writes(&self, work: &Work<'_, Order>) -> Vec<Write> {
        vec![add(stock(&work.payload.sku), "free", work.payload.quantity, Condition::Present)]
    }

    fn undo_refusal(&self, work: &Work<'_, Order>, _: usize, _: Option<&Item>) -> String {
        format!("{} is not sold any more", work.payload.sku)
    }
}

#[derive(Debug)]
struct Charge;

impl Action<Order> for Charge {
    fn item(&self, order: &Order) -> SmolStr {
        format_smolstr!("{} of {}", order.amount, order.customer)
    }

    fn writes(&self, work: &Work<'_, Order>) -> Vec<Write> {
        let order = work.payload;
        let enough = Condition::AtLeast("balance", order.amount);
        let booked =
            Item::new(Key::new(account(&order.customer).pk, format_smolstr!("charge#{}", work.saga)));
        // Two writes of one step: both or none.
        vec![add(account(&order.customer), "balance", -order.amount, enough), Write::create(booked)]
    }

    fn refusal(&self, work: &Work<'_, Order>, at: usize, current: Option<&Item>) -> String {
        match (at, current) {
            (0, Some(_)) => format!("{} cannot pay {}", work.payload.customer, work.payload.amount),
            (0, None) => format!("{} has no account", work.payload.customer),
            _ => "charged twice".to_owned(),
        }
    }
}

#[derive(Debug)]
struct Ship;

impl Action<Order> for Ship {
    fn item(&self, order: &Order) -> SmolStr {
        format_smolstr!("a parcel to {}", order.customer)
    }

    fn writes(&self, work: &Work<'_, Order>) -> Vec<Write> {
        let open = Write::Check { key: warehouse(), condition: Condition::Is("open", true.into()) };
        let parcel = Item::new(Key::new("parcels", format_smolstr!("{}", work.saga)));
        vec![open, Write::create(parcel)]
    }

    fn refusal(&self, _: &Work<'_, Order>, _: usize, _: Option<&Item>) -> String {
        "the warehouse is closed".to_owned()
    }
}

#[derive(Debug)]
struct Notify;

impl Action<Order> for Notify {
    fn item(&self, order: &Order) -> SmolStr {
        format_smolstr!("a letter to {}", order.customer)
    }

    fn writes(&self, work: &Work<'_, Order>) -> Vec<Write> {
        vec![Write::create(Item::new(Key::new("letters", format_smolstr!("{}", work.saga))))]
    }

    fn refusal(&self, _: &Work<'_, Order>, _: usize, _: Option<&Item>) -> String {
        "told twice".to_owned()
    }
}
