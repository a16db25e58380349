//! JSON bodies, read field by field: every fault of one is named at once.

use std::fmt;

use jiff::civil::Date;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use smol_str::SmolStr;
use tenfold_ports::api::Fault;

use crate::context::Style;
use crate::inventory::{AVAILABLE_MOST, Releases, StockId};
use crate::trip::Trip;

/// The longest name of a traveller: characters.
const TRAVELLER_MOST: usize = 100;
/// The longest reason: characters.
const REASON_MOST: usize = 500;

/// A trip that somebody asks for.
pub(super) struct TripRequest {
    pub style: Style,
    pub trip: Trip,
    /// That it begins before today, which does not matter where it is known already.
    pub past: Option<Fault>,
}

/// Reads the body of `POST /trips`.
pub(super) fn trip(body: &[u8], today: Date) -> Result<TripRequest, Vec<Fault>> {
    let mut fields = Fields::parse(body)?;
    let style = fields.text("style").and_then(|text| match text.as_str() {
        "orchestrated" => Some(Style::Orchestrated),
        "choreographed" => Some(Style::Choreographed),
        other => fields.fault("style", format!("is `{other}`; orchestrated or choreographed was expected")),
    });
    let traveller = fields.text("traveller").and_then(|name| {
        let good = (1..=TRAVELLER_MOST).contains(&name.chars().count())
            && !name.chars().any(char::is_control)
            && !name.trim().is_empty();
        let wanted = format!("a name of 1 to {TRAVELLER_MOST} characters was expected");
        if good { Some(SmolStr::from(name)) } else { fields.fault("traveller", wanted) }
    });
    let [flight, hotel, car] = ["flight", "hotel", "car"].map(|name| fields.stock(name));
    let [from, to] = ["from", "to"].map(|name| fields.date(name));
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        fields.fault::<()>("to", format!("is {to}, before `from`"));
    }
    let past = from.filter(|from| *from < today);
    let past = past
        .map(|from| Fault::new("/from", format!("is {from}; today, {today} in UTC, or later was expected")));
    match (style, traveller, flight, hotel, car, from, to) {
        (Some(style), Some(traveller), Some(flight), Some(hotel), Some(car), Some(from), Some(to))
            if fields.is_good() =>
        {
            Ok(TripRequest { style, trip: Trip { traveller, flight, hotel, car, from, to }, past })
        }
        _ => Err(fields.faults(past)),
    }
}

/// Reads the body of `POST /trips/{id}/resolve`.
pub(super) fn reason(body: &[u8]) -> Result<SmolStr, Vec<Fault>> {
    let mut fields = Fields::parse(body)?;
    let reason = fields.text("reason").and_then(|reason| {
        let good = (1..=REASON_MOST).contains(&reason.chars().count()) && !reason.trim().is_empty();
        let wanted = format!("1 to {REASON_MOST} characters were expected");
        if good { Some(SmolStr::from(reason)) } else { fields.fault("reason", wanted) }
    });
    match reason {
        Some(reason) if fields.is_good() => Ok(reason),
        _ => Err(fields.faults(None)),
    }
}

/// Reads the body of `PUT /inventory/{kind}/{id}`.
pub(super) fn stock(body: &[u8]) -> Result<(i64, Releases), Vec<Fault>> {
    let mut fields = Fields::parse(body)?;
    let available = fields.take("available").and_then(|value| {
        let number = value.as_i64().filter(|n| (0..=AVAILABLE_MOST).contains(n));
        number.or_else(|| {
            fields.fault("available", format!("a whole number from 0 to {AVAILABLE_MOST} was expected"))
        })
    });
    let releases = match fields.optional("releases") {
        None => Some(Releases::Accepted),
        Some(value) => match value.as_str() {
            Some("accepted") => Some(Releases::Accepted),
            Some("refused") => Some(Releases::Refused),
            _ => fields.fault("releases", "accepted or refused was expected".to_owned()),
        },
    };
    match (available, releases) {
        (Some(available), Some(releases)) if fields.is_good() => Ok((available, releases)),
        _ => Err(fields.faults(None)),
    }
}

/// The fields of an object that nobody has read yet, and what was wrong with those read.
struct Fields {
    left: Vec<(String, Value)>,
    faults: Vec<Fault>,
}

impl Fields {
    fn parse(body: &[u8]) -> Result<Self, Vec<Fault>> {
        let left: Result<Pairs, _> = serde_json::from_slice(body);
        let left = left.map_err(|e| vec![Fault::new("", e.to_string())])?.0;
        let twice = |at: usize| left[..at].iter().any(|(name, _)| *name == left[at].0);
        let faults = (0..left.len()).filter(|at| twice(*at));
        let faults = faults.map(|at| Fault::new(pointer(&left[at].0), "comes twice")).collect();
        Ok(Self { left, faults })
    }

    fn fault<T>(&mut self, name: &str, detail: String) -> Option<T> {
        self.faults.push(Fault::new(pointer(name), detail));
        None
    }

    fn optional(&mut self, name: &str) -> Option<Value> {
        let found = self.left.iter().position(|(n, _)| n == name).map(|at| self.left[at].1.clone());
        self.left.retain(|(n, _)| n != name);
        found.filter(|value| !value.is_null())
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.optional(name).or_else(|| self.fault(name, "is missing".to_owned()))
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => self.fault(name, "text was expected".to_owned()),
        }
    }

    fn stock(&mut self, name: &str) -> Option<StockId> {
        let text = self.text(name)?;
        StockId::parse(&text).map_err(|e| self.fault::<()>(name, e.to_string())).ok()
    }

    fn date(&mut self, name: &str) -> Option<Date> {
        let text = self.text(name)?;
        // The one form that everybody reads alike.
        let date = text.parse().ok().filter(|date: &Date| date.to_string() == text);
        date.or_else(|| self.fault(name, format!("`{text}` is no date like 2030-12-31")))
    }

    fn is_good(&self) -> bool {
        self.left.is_empty() && self.faults.is_empty()
    }

    fn faults(mut self, more: Option<Fault>) -> Vec<Fault> {
        let unknown =
            self.left.iter().map(|(name, _)| Fault::new(pointer(name), "is no field of this object"));
        self.faults.extend(unknown);
        self.faults.extend(more);
        self.faults
    }
}

/// A JSON pointer (RFC 6901) to a field.
fn pointer(name: &str) -> String {
    let name: String = name.chars().take(100).collect();
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// An object with its fields as they came: a map would lose one that comes twice.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests;
