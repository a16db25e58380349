//! What can happen to an order.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::command::OrderLine;
use crate::aggregate::DomainEvent;

/// An event of an order. Its names are in the log for ever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum OrderEvent {
    /// Somebody has ordered something.
    Placed {
        /// The customer's id.
        customer: SmolStr,
        /// The currency of all prices, as ISO 4217 has it.
        currency: SmolStr,
        /// What was ordered: 1 to 100 lines, each of another article.
        lines: Vec<OrderLine>,
        /// What the customer has to say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<SmolStr>,
    },
    /// A line was added, or more of an article that was there.
    LineAdded {
        /// The line.
        line: OrderLine,
    },
    /// A line was taken off.
    LineRemoved {
        /// The article.
        sku: SmolStr,
    },
    /// The order was paid.
    Paid {
        /// By what means.
        method: SmolStr,
        /// What the payment is known by to whoever took it.
        reference: SmolStr,
        /// How much, in minor units of the currency.
        amount: u64,
    },
    /// The order has left the house.
    Shipped,
    /// The order was called off.
    Cancelled,
}

impl DomainEvent for OrderEvent {}
