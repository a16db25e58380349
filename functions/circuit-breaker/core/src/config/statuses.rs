//! Reading which statuses mean what.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use tenfold_pattern::http::Fields;

/// The most statuses that a list names: all that there are to ignore.
const MOST: usize = 200;

/// The statuses to which a target's configuration gives a meaning of their own.
pub(super) struct Statuses {
    pub(super) ignored: BTreeSet<u16>,
    pub(super) failures: BTreeSet<u16>,
    pub(super) done: BTreeSet<u16>,
    pub(super) health: BTreeSet<u16>,
}

impl Statuses {
    /// Reads the four lists, and holds them against each other.
    pub(super) fn read(fields: &mut Fields) -> Self {
        let statuses = Self {
            ignored: list(fields, "ignoredStatuses", 400..=599, "be ignored"),
            failures: list(fields, "failureStatuses", 300..=499, "be made failures: 5xx always are"),
            done: list(fields, "doneStatuses", 300..=499, "be made to mean done: 2xx always do"),
            health: list(fields, "healthStatuses", 200..=599, "mean health"),
        };
        if let Some(status) = statuses.failures.intersection(&statuses.ignored).next() {
            fields.fault::<()>("failureStatuses", format!("holds {status}, which ignoredStatuses has too"));
        }
        let is_failure = |status: &u16| {
            let listed = statuses.failures.contains(status);
            listed || is_always_failure(*status) && !statuses.ignored.contains(status)
        };
        if let Some(status) = statuses.done.iter().find(|status| is_failure(status)) {
            let detail = format!("holds {status}, which is a failure: the request is tried again");
            fields.fault::<()>("doneStatuses", detail);
        }
        statuses
    }
}

fn list(fields: &mut Fields, name: &str, range: RangeInclusive<i64>, can: &str) -> BTreeSet<u16> {
    let mut statuses = BTreeSet::new();
    for element in fields.list(name, MOST) {
        let Some(status) = element.as_whole().filter(|status| range.contains(status)) else {
            let (least, most) = (range.start(), range.end());
            let detail = format!("holds {element}; only statuses from {least} to {most} can {can}");
            fields.fault::<()>(name, detail);
            break;
        };
        statuses.insert(status as u16);
    }
    statuses
}

/// Returns whether a status says that the target, not the request, is at fault: 5xx, and the 4xx that ask to come
/// back (RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4).
#[must_use]
pub const fn is_always_failure(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 425 | 429)
}
