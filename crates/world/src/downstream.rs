//! The service that the handlers call: steered by the run, and keeping count of its effects.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;
use tenfold_ports::downstream::{Answer, Call, Downstream, Method, NoAnswer};
use tenfold_ports::{Bytes, CallError};

use crate::env::Env;
use crate::executor::State;
use crate::fault::Fails;
use crate::memory::Takes;
use crate::trace::told;

/// How the service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Health {
    /// It answers 200.
    #[default]
    Well,
    /// It answers this status, without any effect.
    Answers(u16),
    /// It refuses connections.
    Down,
}

/// A service that has one effect for each idempotency key.
#[derive(Debug, Clone, Default, Hash)]
pub struct Service {
    /// How it behaves now.
    pub health: Health,
    /// Keys that it answers with 500 although it is well otherwise.
    pub ill: Vec<SmolStr>,
    /// How long an answer takes.
    pub latency: SignedDuration,
    /// How often each idempotency key was asked for while the service was well.
    pub seen: BTreeMap<SmolStr, u32>,
    /// The keys in the order of their first effect.
    pub effects: Vec<SmolStr>,
    /// All calls: when they ended, by whom, how the service was.
    pub calls: Vec<(Timestamp, usize, Health)>,
    /// The most calls that were on their way at once.
    pub most_in_flight: u32,
}

#[derive(Clone, Hash)]
struct Outcome(Result<Answer, NoAnswer>);

impl Fails for Outcome {
    fn fails(error: CallError) -> Self {
        Self(match error {
            CallError::Throttled => Ok(answer(429, "slow down")),
            CallError::Unavailable | CallError::Refused(_) => Err(NoAnswer::NotConnected("fault".to_owned())),
            CallError::Unknown => Err(NoAnswer::TimedOut),
        })
    }
}

fn answer(status: u16, body: &'static str) -> Answer {
    Answer {
        status,
        content_type: None,
        retry_after: None,
        body: Bytes::from_static(body.as_bytes()),
        truncated: false,
    }
}

impl Service {
    fn take(&mut self, now: Timestamp, actor: usize, call: &Call) -> Result<Answer, NoAnswer> {
        self.calls.push((now, actor, self.health));
        match self.health {
            Health::Down => Err(NoAnswer::NotConnected("refused".to_owned())),
            Health::Answers(status) => Ok(answer(status, "unwell")),
            Health::Well => {
                let key = call.headers.iter().find(|(name, _)| name == "idempotency-key").map(|(_, key)| key);
                if key.is_some_and(|key| self.ill.contains(key)) {
                    return Ok(answer(500, "ill"));
                }
                if let (Method::Post, Some(key)) = (call.method, key) {
                    let times = self.seen.entry(key.clone()).or_default();
                    *times += 1;
                    if *times == 1 {
                        self.effects.push(key.clone());
                    }
                }
                Ok(answer(200, "done"))
            }
        }
    }
}

impl Downstream for Env {
    async fn call(&self, call: Call) -> Result<Answer, NoAnswer> {
        let timeout = SignedDuration::try_from(call.timeout).unwrap_or(SignedDuration::MAX);
        let actor = self.actor;
        let about = if call.method == Method::Get { "health" } else { "request" };
        let effect = move |state: &mut State| {
            let now = state.now;
            let result = state.service.take(now, actor, &call);
            let result = if state.service.latency > timeout { Err(NoAnswer::TimedOut) } else { result };
            let what = told(state, || format!("{result:?}"));
            (Outcome(result), what)
        };
        self.call_for(self.site("downstream.call", about), Takes::Service(timeout), effect).await.0
    }
}
