//! JSON bodies, read field by field: every fault of one is named at once.

use jiff::civil::Date;
use smol_str::SmolStr;
use tenfold_pattern::http::Fields;
use tenfold_ports::api::Fault;

use crate::context::Style;
use crate::inventory::{AVAILABLE_MOST, Releases, StockId};
use crate::trip::Trip;

/// The longest body that is read, in bytes.
pub(super) const BODY_MOST: usize = 16 << 10;
/// The longest name of a traveller, in characters.
const TRAVELLER_MOST: usize = 100;
/// The longest reason, in characters.
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
    let style = fields.choice("style", &[Style::Orchestrated, Style::Choreographed].map(|s| (s.name(), s)));
    let traveller = fields.text("traveller", 1..=TRAVELLER_MOST);
    let [flight, hotel, car] = ["flight", "hotel", "car"].map(|name| fields.parsed(name, StockId::parse));
    let [from, to] = ["from", "to"].map(|name| fields.parsed(name, date));
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
        _ => Err(fields.into_faults().into_iter().chain(past).collect()),
    }
}

/// Reads the body of `POST /trips/{id}/resolve`.
pub(super) fn reason(body: &[u8]) -> Result<SmolStr, Vec<Fault>> {
    let mut fields = Fields::parse(body)?;
    // It may have several lines.
    let reason = fields.parsed("reason", |reason| {
        let good = (1..=REASON_MOST).contains(&reason.chars().count()) && !reason.trim().is_empty();
        if good { Ok(reason.into()) } else { Err(format!("1 to {REASON_MOST} characters were expected")) }
    });
    match reason {
        Some(reason) if fields.is_good() => Ok(reason),
        _ => Err(fields.into_faults()),
    }
}

/// Reads the body of `PUT /inventory/{kind}/{id}`.
pub(super) fn stock(body: &[u8]) -> Result<(i64, Releases), Vec<Fault>> {
    let mut fields = Fields::parse(body)?;
    let available = fields.whole("available", 0..=AVAILABLE_MOST);
    let words = [Releases::Accepted, Releases::Refused].map(|releases| (releases.name(), releases));
    let releases = fields.choice_or("releases", Releases::Accepted, &words);
    match available {
        Some(available) if fields.is_good() => Ok((available, releases)),
        _ => Err(fields.into_faults()),
    }
}

/// Reads a day in the one form that everybody reads alike.
fn date(text: &str) -> Result<Date, String> {
    let date = text.parse().ok().filter(|date: &Date| date.to_string() == text);
    date.ok_or_else(|| format!("`{text}` is no date like 2030-12-31"))
}

#[cfg(test)]
mod tests;
