//! The metrics by name.

use smol_str::SmolStr;
use tenfold_ports::metrics::Dimension;

/// Aggregates that a projection has parked, each time that it was tried.
pub const PARKED: &str = "Parked";

/// Returns the dimensions of a projection's metrics.
#[must_use]
pub fn of(projection: &'static str) -> Vec<Dimension> {
    vec![("Projection", SmolStr::new_static(projection))]
}
