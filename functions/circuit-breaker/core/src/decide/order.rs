//! The order group's decisions: whose turn it is, and how the group changes.

use crate::mutant::{Mutant, is_in};
use crate::names::RequestId;
use crate::rows::{ORDER_GROUP_MOST, OrderGroup};

impl OrderGroup {
    /// Returns whether it is a request's turn: it is the first.
    #[must_use]
    pub fn may_deliver(&self, id: RequestId) -> bool {
        self.waiting.front() == Some(&id) || is_in(Mutant::OrderIgnored)
    }

    /// Returns the group with a request at its end, where it stays if it is there already. Returns none where
    /// the group is full.
    #[must_use]
    pub fn with(&self, id: RequestId) -> Option<Self> {
        let mut next = self.clone();
        if !next.waiting.contains(&id) {
            if next.waiting.len() >= ORDER_GROUP_MOST {
                return None;
            }
            next.waiting.push_back(id);
        }
        Some(next)
    }

    /// Returns the group without a request.
    #[must_use]
    pub fn without(&self, id: RequestId) -> Self {
        Self { waiting: self.waiting.iter().copied().filter(|w| *w != id).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::TargetName;

    fn id(key: &str) -> RequestId {
        RequestId::new(&TargetName::parse("pay").unwrap(), None, key)
    }

    #[test]
    fn only_the_first_may_be_delivered() {
        let group = OrderGroup::default().with(id("a")).unwrap().with(id("b")).unwrap();
        assert!(group.may_deliver(id("a")) && !group.may_deliver(id("b")));
        assert!(group.without(id("a")).may_deliver(id("b")));
    }

    #[test]
    fn a_request_joins_once_and_a_full_group_takes_no_more() {
        let mut group = OrderGroup::default();
        for n in 0..ORDER_GROUP_MOST {
            group = group.with(id(&n.to_string())).unwrap();
        }
        assert_eq!(group.with(id("0")).unwrap(), group);
        assert_eq!(group.with(id("one more")), None);
    }
}
