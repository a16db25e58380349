//! The port of an event bus, and the buses of a run.

use std::rc::Rc;

use tenfold_ports::CallError;
use tenfold_ports::bus::{Bus, BusEvent};
use tenfold_ports::queue::Rejected;

use crate::aws::bus::{BusRule, BusSettings, RuleTarget, Rules};
use crate::aws::invocations::InvocationPayload;
use crate::aws::queue::Posted;
use crate::kernel::ids::BusId;
use crate::run::env::Env;
use crate::run::state::{RunState, detail};
use crate::run::timed::Transport;
use crate::run::world::World;

impl World {
    /// Adds an event bus.
    pub fn add_bus(&self, name: &'static str, settings: BusSettings) -> BusId {
        let buses = &mut self.state.borrow_mut().services.buses;
        buses.push(Rules::new(name, settings));
        BusId { index: buses.len() - 1, name }
    }

    /// Adds a rule to a bus. Its queues are standard queues.
    pub fn add_rule(&self, bus: BusId, rule: BusRule) {
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

impl RunState {
    fn put_events(&mut self, bus: usize, events: &[BusEvent]) -> Result<Rejected, CallError> {
        self.spend_rate("bus.puts", "", 1)?;
        let (rejected, sent) = self.services.buses[bus].put(events, self.now, &mut self.choices)?;
        if let Some(timed) = &mut self.timed {
            timed.put += events.len() as u64;
        }
        for (target, body) in sent {
            match (target, &mut self.timed) {
                (RuleTarget::Queue(queue), _) => {
                    self.bring(Transport::Bus, Posted { queue, body, fifo: None });
                }
                (RuleTarget::Function(function), Some(timed)) => timed.to_functions.push((function, body)),
                (RuleTarget::Function(function), None) => {
                    let now = self.now;
                    self.services.functions[function].push(InvocationPayload::Event(body), now);
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
        let effect = move |state: &mut RunState| {
            let result = state.sends(&events, |state, events| state.put_events(bus, events));
            let what = detail(state, || {
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
