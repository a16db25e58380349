//! The projection `orders`: each order as `GET /orders/{orderId}` shows it, in DynamoDB.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use tenfold_pattern::commit::{self, Committed};
use tenfold_ports::table::{Condition, Item, Key, Read, Write};
use tenfold_ports::{CallError, Table};

use super::control::{VERSION, unchanged};
use super::view::{At, Generations, Poison, Projection, Saved, Seen, StoreError, ViewStore};
use crate::aggregate::Aggregate;
use crate::mutant::{Mutant, is_in};
use crate::names::AggregateName;
use crate::order::{OrderEvent, ShopOrder};

const ONLY: &str = "-";

/// An order as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    /// What its events make of it.
    #[serde(flatten)]
    pub order: ShopOrder,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// The projection of orders.
#[derive(Debug, Clone, Copy)]
pub struct Orders;

impl Projection for Orders {
    const NAME: &'static str = "orders";
    const KIND: &'static str = ShopOrder::KIND;
    type Event = OrderEvent;
    type View = OrderView;

    fn apply(view: &mut OrderView, event: &OrderEvent, commit: At<'_>) -> Result<(), Poison> {
        if matches!(event, OrderEvent::Placed { .. }) {
            view.placed_at = commit.at;
        }
        view.updated_at = commit.at;
        view.order.evolve(event);
        Ok(())
    }
}

/// The orders in a table of DynamoDB.
#[derive(Debug, Clone)]
pub struct OrderTable<T>(pub T);

impl<T: Table + Clone> Generations<OrderView> for OrderTable<T> {
    type Store = OrderRows<T>;

    fn generation(&self, generation: u32) -> OrderRows<T> {
        OrderRows { table: self.0.clone(), generation }
    }
}

/// One generation of the orders.
#[derive(Debug, Clone)]
pub struct OrderRows<T> {
    table: T,
    generation: u32,
}

impl<T: Table> OrderRows<T> {
    fn key(&self, name: &AggregateName) -> Key {
        Key::new(format_smolstr!("{}#{}#{}", Orders::NAME, self.generation, name.id), ONLY)
    }
}

fn silent(error: CallError) -> StoreError {
    match error {
        CallError::Refused(why) => StoreError::Refused(why),
        error => StoreError::Silent(error.to_string()),
    }
}

impl<T: Table> ViewStore<OrderView> for OrderRows<T> {
    async fn load(&self, name: &AggregateName) -> Result<Seen<OrderView>, StoreError> {
        let item = self.table.get(&self.key(name), Read::Consistent).await.map_err(silent)?;
        let Some(item) = item else { return Ok(Seen::default()) };
        let refused = |error: tenfold_ports::table::BadItem| StoreError::Refused(error.to_string());
        let version = item.number(VERSION).map_err(refused)?;
        Ok(Seen { version: version.unsigned_abs(), view: item.doc().map_err(refused)? })
    }

    async fn save(
        &self,
        name: &AggregateName,
        from: u64,
        seen: &Seen<OrderView>,
    ) -> Result<Saved, StoreError> {
        let item = Item::new(self.key(name))
            .with(VERSION, seen.version as i64)
            .with("customer", SmolStr::clone(&seen.view.order.customer))
            .with_doc(seen.view.clone());
        let blind = is_in(Mutant::ViewWithoutCondition);
        let condition = if blind { Condition::Always } else { unchanged(from as i64) };
        let write = Write::Put { item, condition };
        // Whoever has brought it to this version has made the same of it.
        let mine = |item: &Item| item.number(VERSION).is_ok_and(|version| version == seen.version as i64);
        match commit::write(&self.table, &write, mine).await.map_err(silent)? {
            Committed::Yes => Ok(Saved::Yes),
            Committed::Conflict(_) | Committed::Unclear(_) => Ok(Saved::Overtaken),
        }
    }
}
