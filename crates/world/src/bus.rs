//! Event buses in memory, with the semantics of EventBridge: rules with patterns, targets that get an event at
//! least once and in any order.
//!
//! Targets are queues and functions, which are invoked asynchronously ([`crate::invocations`]). Both get the
//! whole event. Not modelled: input transformers, archives, targets of other kinds, delivery that fails for good.

mod rules;

use std::rc::Rc;

use tenfold_ports::CallError;
use tenfold_ports::bus::{Bus, BusEvent};
use tenfold_ports::queue::Rejected;

pub use rules::{BusSettings, Rule, Rules, Target};

use crate::env::Env;
use crate::executor::{State, World};
use crate::ids::BusId;
use crate::invocations::Payload;
use crate::queue::Posted;
use crate::trace::told;

impl World {
    /// Adds an event bus.
    pub fn add_bus(&self, name: &'static str, settings: BusSettings) -> BusId {
        let buses = &mut self.state.borrow_mut().services.buses;
        buses.push(Rules::new(name, settings));
        BusId { index: buses.len() - 1, name }
    }

    /// Adds a rule to a bus. Its queues are standard queues.
    pub fn add_rule(&self, bus: BusId, rule: Rule) {
        self.state.borrow_mut().services.buses[bus.index].add(rule);
    }
}

/// An event bus as a handler holds it: an environment and which bus.
#[derive(Debug, Clone)]
pub struct BusOf {
    env: Env,
    bus: BusId,
}

impl Env {
    /// The port of an event bus.
    #[must_use]
    pub fn bus(&self, bus: BusId) -> BusOf {
        BusOf { env: self.clone(), bus }
    }
}

impl State {
    fn put_events(&mut self, bus: usize, events: &[BusEvent]) -> Result<Rejected, CallError> {
        let (rejected, sent) = self.services.buses[bus].put(events, self.now, &mut self.choices)?;
        for (target, body) in sent {
            match target {
                Target::Queue(queue) => {
                    self.post(Posted { queue, body, fifo: None });
                }
                Target::Function(function) => {
                    let now = self.now;
                    self.services.functions[function].push(Payload::Event(body), now);
                }
            }
        }
        Ok(rejected)
    }
}

impl Bus for BusOf {
    async fn put(&self, events: Vec<BusEvent>) -> Result<Rejected, CallError> {
        if events.is_empty() {
            return Ok(Rejected::new());
        }
        let BusId { index: bus, name } = self.bus;
        let events: Rc<[BusEvent]> = events.into();
        let effect = move |state: &mut State| {
            let result = state.sends(&events, |state, events| state.put_events(bus, events));
            let what = told(state, || {
                let show = |event: &BusEvent| format!("{} {}", event.detail_type, event.detail);
                let all = events.iter().map(show).collect::<Vec<_>>().join(", ");
                match &result {
                    Ok(rejected) if rejected.is_empty() => all,
                    result => format!("{all} -> {result:?}"),
                }
            });
            (result, what)
        };
        self.env.call(self.env.site("bus.put", name), effect).await
    }
}

#[cfg(test)]
mod tests;
