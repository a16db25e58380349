//! What a drain knows of order groups.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use tenfold_ports::SmolStr;

use crate::names::RequestId;
use crate::rows::RequestRow;

/// What a drain knows of the order groups whose requests it has met.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Whose turn it is, by ordering key.
    first: RefCell<HashMap<SmolStr, RequestId>>,
    /// The version of each request that was tried last: it comes from the index, and from the one before it in its
    /// group, at the same time perhaps.
    tried: RefCell<HashMap<RequestId, i64>>,
    /// The groups of which one is being tried: two may each have been the first when their group was read.
    busy: RefCell<HashSet<SmolStr>>,
}

impl Groups {
    /// Notes that a request is going to be tried. Returns false where this version of it was, or another one of its group
    /// is being tried.
    pub(super) fn begin(&self, row: &RequestRow) -> bool {
        let Some(ordering) = &row.data.ordering else { return true };
        if !self.busy.borrow_mut().insert(ordering.clone()) {
            return false;
        }
        let is_new =
            self.tried.borrow_mut().insert(row.id, row.version).is_none_or(|tried| tried < row.version);
        if !is_new {
            self.end(Some(ordering));
        }
        is_new
    }

    /// Notes that a request of a group is no longer being tried.
    pub(super) fn end(&self, ordering: Option<&SmolStr>) {
        if let Some(ordering) = ordering {
            self.busy.borrow_mut().remove(ordering);
        }
    }

    /// Notes that a request was not tried after all.
    pub(super) fn took_back(&self, row: &RequestRow) {
        self.tried.borrow_mut().remove(&row.id);
    }

    /// Forgets whose turn it is: somebody asks for another look, since that may have changed.
    pub(super) fn forget(&self) {
        self.first.borrow_mut().clear();
    }

    pub(super) fn is_behind(&self, ordering: &SmolStr, id: RequestId) -> bool {
        self.first.borrow().get(ordering).is_some_and(|first| *first != id)
    }

    pub(super) fn note(&self, ordering: &SmolStr, first: Option<RequestId>) {
        let mut known = self.first.borrow_mut();
        match first {
            Some(first) => known.insert(ordering.clone(), first),
            None => known.remove(ordering),
        };
    }
}
