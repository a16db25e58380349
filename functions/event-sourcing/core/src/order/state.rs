//! What an order is, and the rules by which a command becomes events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::command::{LINES_MOST, OrderCommand, OrderLine, QUANTITY_MOST};
use super::event::OrderEvent;
use crate::aggregate::Aggregate;

/// Where an order is on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrderStatus {
    /// Nobody has placed it yet.
    #[default]
    Absent,
    /// It is placed, and can be changed.
    Placed,
    /// It is paid, and waits to be shipped.
    Paid,
    /// It has left the house.
    Shipped,
    /// It was called off.
    Cancelled,
}

impl OrderStatus {
    /// Returns its name, as JSON has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Placed => "placed",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the commands that may be carried out in this status.
    #[must_use]
    pub const fn allows(self) -> &'static [&'static str] {
        match self {
            Self::Absent => &["place"],
            Self::Placed => &["add-line", "remove-line", "pay", "cancel"],
            Self::Paid => &["ship", "cancel"],
            Self::Shipped | Self::Cancelled => &[],
        }
    }
}

/// An order as its events make it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShopOrder {
    /// Where it is on its way.
    pub status: OrderStatus,
    /// The customer's id.
    pub customer: SmolStr,
    /// The currency of all prices.
    pub currency: SmolStr,
    /// What is ordered.
    pub lines: Vec<OrderLine>,
    /// What the customer has to say.
    pub note: Option<SmolStr>,
}

/// Why a command to an order is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefusal {
    /// It is not for an order in this status.
    #[error("the order is {}", .0.name())]
    Status(OrderStatus),
    /// The order has no line of this article.
    #[error("the order has no line of {0}")]
    NoSuchLine(SmolStr),
    /// It is the only line: cancel the order instead.
    #[error("it is the only line of the order")]
    LastLine,
    /// The order has a hundred lines.
    #[error("the order has {LINES_MOST} lines already")]
    TooManyLines,
    /// There would be too many of the article, or it has another price in this order.
    #[error("{0}")]
    Line(String),
}

impl ShopOrder {
    /// Returns what the order costs, in minor units.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.lines.iter().map(OrderLine::amount).sum()
    }

    fn line(&self, sku: &str) -> Option<&OrderLine> {
        self.lines.iter().find(|line| line.sku == sku)
    }

    fn may_add(&self, line: &OrderLine) -> Result<(), OrderRefusal> {
        match self.line(&line.sku) {
            Some(there) if there.unit_price != line.unit_price => {
                let why = format!("the order has {} at {} each", line.sku, there.unit_price);
                Err(OrderRefusal::Line(why))
            }
            Some(there) if there.quantity + line.quantity > QUANTITY_MOST => {
                Err(OrderRefusal::Line(format!("there are {} of {} at most", QUANTITY_MOST, line.sku)))
            }
            None if self.lines.len() == LINES_MOST => Err(OrderRefusal::TooManyLines),
            _ => Ok(()),
        }
    }
}

impl Aggregate for ShopOrder {
    const KIND: &'static str = "order";
    type Command = OrderCommand;
    type Event = OrderEvent;
    type Refusal = OrderRefusal;

    fn decide(&self, command: &OrderCommand, _: Timestamp) -> Result<Vec<OrderEvent>, OrderRefusal> {
        if !self.status.allows().contains(&command.name()) {
            return Err(OrderRefusal::Status(self.status));
        }
        let event = match command.clone() {
            OrderCommand::Place { customer, currency, lines, note } => {
                OrderEvent::Placed { customer, currency, lines, note }
            }
            OrderCommand::AddLine(line) => {
                self.may_add(&line)?;
                OrderEvent::LineAdded { line }
            }
            OrderCommand::RemoveLine(sku) => match self.line(&sku) {
                None => return Err(OrderRefusal::NoSuchLine(sku)),
                Some(_) if self.lines.len() == 1 => return Err(OrderRefusal::LastLine),
                Some(_) => OrderEvent::LineRemoved { sku },
            },
            OrderCommand::Pay { method, reference } => {
                OrderEvent::Paid { method, reference, amount: self.total() }
            }
            OrderCommand::Ship => OrderEvent::Shipped,
            OrderCommand::Cancel => OrderEvent::Cancelled,
        };
        Ok(vec![event])
    }

    fn evolve(&mut self, event: &OrderEvent) {
        match event.clone() {
            OrderEvent::Placed { customer, currency, lines, note } => {
                *self = Self { status: OrderStatus::Placed, customer, currency, lines, note };
            }
            OrderEvent::LineAdded { line } => {
                match self.lines.iter_mut().find(|there| there.sku == line.sku) {
                    Some(there) => there.quantity += line.quantity,
                    None => self.lines.push(line),
                }
            }
            OrderEvent::LineRemoved { sku } => self.lines.retain(|line| line.sku != sku),
            OrderEvent::Paid { .. } => self.status = OrderStatus::Paid,
            OrderEvent::Shipped => self.status = OrderStatus::Shipped,
            OrderEvent::Cancelled => self.status = OrderStatus::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: u64) -> OrderLine {
        OrderLine { sku: sku.into(), quantity, unit_price: 250 }
    }

    fn place() -> OrderCommand {
        let lines = vec![line("book", 2)];
        OrderCommand::Place { customer: "ada".into(), currency: "EUR".into(), lines, note: None }
    }

    fn pay() -> OrderCommand {
        OrderCommand::Pay { method: "card".into(), reference: "r-1".into() }
    }

    /// The order after commands, the last of which may be refused.
    fn after(commands: &[OrderCommand]) -> Result<ShopOrder, OrderRefusal> {
        commands.iter().try_fold(ShopOrder::default(), |mut order, command| {
            order.decide(command, Timestamp::UNIX_EPOCH)?.iter().for_each(|event| order.evolve(event));
            Ok(order)
        })
    }

    #[test]
    fn an_order_goes_its_way() {
        let order =
            after(&[place(), OrderCommand::AddLine(line("pen", 3)), pay(), OrderCommand::Ship]).unwrap();
        assert_eq!((order.status, order.total()), (OrderStatus::Shipped, 1_250));
    }

    #[test]
    fn what_is_not_for_its_status_is_refused_and_what_is_allowed_is_said() {
        for (commands, status) in [
            (vec![pay()], OrderStatus::Absent),
            (vec![place(), place()], OrderStatus::Placed),
            (vec![place(), OrderCommand::Ship], OrderStatus::Placed),
            (vec![place(), pay(), pay()], OrderStatus::Paid),
            (vec![place(), pay(), OrderCommand::Ship, OrderCommand::Cancel], OrderStatus::Shipped),
            (vec![place(), OrderCommand::Cancel, pay()], OrderStatus::Cancelled),
        ] {
            assert_eq!(after(&commands), Err(OrderRefusal::Status(status)));
            let refused = commands.last().unwrap().name();
            assert!(!status.allows().contains(&refused));
        }
    }

    #[test]
    fn lines_come_together_and_go_but_the_last_stays() {
        let add = |quantity| OrderCommand::AddLine(line("book", quantity));
        let order = after(&[place(), add(3)]).unwrap();
        assert_eq!(order.lines, [line("book", 5)]);
        let remove = |sku: &str| OrderCommand::RemoveLine(sku.into());
        assert_eq!(after(&[place(), remove("book")]), Err(OrderRefusal::LastLine));
        assert_eq!(after(&[place(), remove("pen")]), Err(OrderRefusal::NoSuchLine("pen".into())));
        assert!(matches!(after(&[place(), add(QUANTITY_MOST)]), Err(OrderRefusal::Line(_))));
        let dearer = OrderCommand::AddLine(OrderLine { unit_price: 1, ..line("book", 1) });
        assert!(matches!(after(&[place(), dearer]), Err(OrderRefusal::Line(_))));
        let many = (0..LINES_MOST).map(|n| OrderCommand::AddLine(line(&format!("pen-{n}"), 1)));
        let commands: Vec<_> = [place()].into_iter().chain(many).collect();
        assert_eq!(after(&commands), Err(OrderRefusal::TooManyLines));
    }
}
