//! The order group's decisions: whose turn it is, and how the group changes.

use jiff::Timestamp;

use crate::mutant::{Mutant, is_in};
use crate::names::RequestId;
use crate::rows::{Lease, ORDER_GROUP_MOST, OrderGroup};

impl OrderGroup {
    /// Returns whether a request may be delivered at `now`: it is the first, and nobody holds the group's
    /// lease.
    #[must_use]
    pub fn may_deliver(&self, id: RequestId, now: Timestamp) -> bool {
        let first = self.waiting.front() == Some(&id);
        let leased = self.lease.is_some_and(|lease| now < lease.until);
        first && !leased || is_in(Mutant::OrderIgnored)
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

    /// Returns the group with its lease taken.
    #[must_use]
    pub fn leased(&self, lease: Lease) -> Self {
        Self { lease: Some(lease), ..self.clone() }
    }

    /// Returns the group with its lease given back.
    #[must_use]
    pub fn released(&self) -> Self {
        Self { lease: None, ..self.clone() }
    }

    /// Returns the group without a request, and with its lease given back.
    #[must_use]
    pub fn without(&self, id: RequestId) -> Self {
        let waiting = self.waiting.iter().copied().filter(|w| *w != id).collect();
        Self { waiting, lease: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::TargetName;

    fn id(key: &str) -> RequestId {
        RequestId::new(&TargetName::parse("pay").unwrap(), None, key)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_the_first_may_be_delivered_and_only_while_nobody_holds_the_lease() {
        let group = OrderGroup::default().with(id("a")).unwrap().with(id("b")).unwrap();
        assert!(group.may_deliver(id("a"), at(0)));
        assert!(!group.may_deliver(id("b"), at(0)));
        let leased = group.leased(Lease { holder: 1, until: at(10) });
        assert!(!leased.may_deliver(id("a"), at(9)));
        assert!(leased.may_deliver(id("a"), at(10)), "a lease ends by the clock");
        assert!(leased.without(id("a")).may_deliver(id("b"), at(0)));
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
