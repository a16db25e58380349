//! Batches of SQS and SNS: each entry has its place in the batch as id, and those that failed are named by it.

use aws_smithy_types::error::operation::BuildError;
use tenfold_ports::CallError;
use tenfold_ports::queue::Rejected;

/// The entries of a batch.
pub(crate) fn entries<T, E>(
    all: Vec<T>,
    entry: impl Fn(String, T) -> Result<E, BuildError>,
) -> Result<Vec<E>, CallError> {
    let entries: Result<_, _> = all.into_iter().enumerate().map(|(i, t)| entry(i.to_string(), t)).collect();
    entries.map_err(|e| CallError::Refused(e.to_string()))
}

/// The places of the entries with these ids, in their order.
pub(crate) fn rejected<'a>(ids: impl Iterator<Item = &'a str>) -> Rejected {
    let mut places: Vec<usize> = ids.filter_map(|id| id.parse().ok()).collect();
    places.sort_unstable();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_known_by_its_place() {
        let made = entries(vec!["a", "b"], |id, body| Ok(format!("{id}{body}"))).unwrap();
        assert_eq!(made, ["0a", "1b"]);
        assert_eq!(rejected(["7", "0"].into_iter()), [0, 7]);
    }

    #[test]
    fn an_entry_that_is_none_is_refused_before_the_call() {
        let none = entries(vec![()], |_, ()| Err::<(), _>(BuildError::missing_field("id", "is missing")));
        assert!(matches!(none, Err(CallError::Refused(why)) if why.contains("id")));
    }
}
