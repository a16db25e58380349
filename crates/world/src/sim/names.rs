//! What runs are called on the command line.

use super::pattern::Pattern;
use crate::explore::{Violation, Workload};
use crate::run::limits::Order;

/// How an order is said in a command; none for the random part, in which calls are made in any order.
pub(super) fn said(order: Option<Order>) -> String {
    match order {
        Some(Order::Invocations) => "every order".to_owned(),
        Some(Order::Interrupted(n)) => format!("{n} interruptions"),
        Some(Order::Timed) => "by time".to_owned(),
        Some(Order::Calls) => "every order of calls".to_owned(),
        None => "random".to_owned(),
    }
}

/// What is said, as an order again.
pub(super) fn understood(text: &str) -> Option<Order> {
    match text.split_once(' ') {
        Some((n, "interruptions")) => n.parse().ok().map(Order::Interrupted),
        _ if text == "every order" => Some(Order::Invocations),
        _ if text == "by time" => Some(Order::Timed),
        _ if text == "every order of calls" => Some(Order::Calls),
        _ => None,
    }
}

/// A violation that says which workload it is of, and how to run it again.
pub(super) fn named(
    violation: Violation,
    pattern: &Pattern,
    workload: &Workload,
    order: Option<Order>,
) -> Violation {
    let Violation { what, replay, .. } = &violation;
    let again = format!("{}: {}: {replay}", workload.name, said(order));
    Violation {
        what: format!("{}: {what}", workload.name),
        replay: format!("make sim P={} REPLAY='{again}'", pattern.slug),
        ..violation
    }
}
