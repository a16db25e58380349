//! What can be asked of an order. What is asked for is parsed here, field by field; whether it may be done is for the order
//! to say.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tenfold_pattern::http::Fields;
use tenfold_ports::api::Fault;

use crate::names::is_id;

/// The most lines of an order.
pub const LINES_MOST: usize = 100;
/// The most of an article.
pub const QUANTITY_MOST: u64 = 1_000_000;
/// The highest price of one, in minor units. A hundred lines of so many stay within a `u64`.
const PRICE_MOST: i64 = 1_000_000_000;

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// The article.
    pub sku: SmolStr,
    /// How many: from 1.
    pub quantity: u64,
    /// The price of one, in minor units.
    pub unit_price: u64,
}

impl OrderLine {
    /// Returns what the line costs, in minor units.
    #[must_use]
    pub const fn amount(&self) -> u64 {
        self.quantity * self.unit_price
    }
}

/// A command to an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderCommand {
    /// Order something.
    Place {
        /// The customer's id.
        customer: SmolStr,
        /// The currency of all prices.
        currency: SmolStr,
        /// What is ordered.
        lines: Vec<OrderLine>,
        /// What the customer has to say.
        note: Option<SmolStr>,
    },
    /// Add a line.
    AddLine(OrderLine),
    /// Take the line of an article off.
    RemoveLine(SmolStr),
    /// Pay what the order costs.
    Pay {
        /// By what means.
        method: SmolStr,
        /// What the payment is known by.
        reference: SmolStr,
    },
    /// Send it off.
    Ship,
    /// Call it off.
    Cancel,
}

/// The names of all commands, as the path has them.
pub const COMMANDS: [&str; 6] = ["place", "add-line", "remove-line", "pay", "ship", "cancel"];

impl OrderCommand {
    /// Returns the command's name, as the path has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Place { .. } => "place",
            Self::AddLine(_) => "add-line",
            Self::RemoveLine(_) => "remove-line",
            Self::Pay { .. } => "pay",
            Self::Ship => "ship",
            Self::Cancel => "cancel",
        }
    }

    /// Parses the body of a command by its name. Returns none where there is no such command. `ship` and `cancel` take an
    /// empty object, or no body.
    ///
    /// # Errors
    /// All that is wrong with the body.
    #[must_use]
    pub fn parse(name: &str, body: &[u8]) -> Option<Result<Self, Vec<Fault>>> {
        let body = if body.is_empty() { b"{}" } else { body };
        let parse: fn(&mut Fields) -> Option<Self> = match name {
            "place" => place,
            "add-line" => |fields| line(fields).map(Self::AddLine),
            "remove-line" => |fields| fields.parsed("sku", id).map(Self::RemoveLine),
            "pay" => |fields| {
                let (method, reference) = (fields.text("method", 1..=40), fields.text("reference", 1..=200));
                Some(Self::Pay { method: method?, reference: reference? })
            },
            "ship" => |_| Some(Self::Ship),
            "cancel" => |_| Some(Self::Cancel),
            _ => return None,
        };
        Some(Fields::parse(body).and_then(|mut fields| match parse(&mut fields) {
            Some(command) => fields.finish().map(|()| command),
            None => Err(fields.into_faults()),
        }))
    }
}

fn place(fields: &mut Fields) -> Option<OrderCommand> {
    let customer = fields.parsed("customer", id);
    let currency = fields.parsed("currency", |text| {
        let good = text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
        if good { Ok(text.into()) } else { Err(format!("`{text}` is no currency like EUR (ISO 4217)")) }
    });
    let note = fields.optional_text("note", 1..=1_000);
    let lines = lines(fields);
    Some(OrderCommand::Place { customer: customer?, currency: currency?, lines: lines?, note })
}

fn lines(fields: &mut Fields) -> Option<Vec<OrderLine>> {
    let objects = fields.objects("lines", LINES_MOST);
    let mut lines: Vec<OrderLine> = Vec::with_capacity(objects.len());
    let mut is_good = !objects.is_empty();
    for mut inner in objects {
        let line = line(&mut inner).and_then(|line| {
            let comes_twice = lines.iter().any(|other| other.sku == line.sku);
            if comes_twice { inner.fault("sku", "has a line already") } else { Some(line) }
        });
        is_good &= line.is_some();
        lines.extend(line);
        fields.close(inner);
    }
    is_good.then_some(lines)
}

fn line(fields: &mut Fields) -> Option<OrderLine> {
    let sku = fields.parsed("sku", id);
    let quantity = fields.whole("quantity", 1..=QUANTITY_MOST.cast_signed());
    let unit_price = fields.whole("unitPrice", 0..=PRICE_MOST);
    Some(OrderLine { sku: sku?, quantity: quantity?.unsigned_abs(), unit_price: unit_price?.unsigned_abs() })
}

fn id(text: &str) -> Result<SmolStr, String> {
    if is_id(text) {
        Ok(text.into())
    } else {
        Err("1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-` were expected".to_owned())
    }
}
