//! The service that the handlers call: steered by the run, and keeping count of its effects.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;
use tenfold_ports::Bytes;
use tenfold_ports::downstream::{Answer, Call, NoAnswer};

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
pub struct DownstreamService {
    /// How it behaves now.
    pub health: Health,
    /// Keys that it answers with 500 although it is well otherwise.
    pub ill: Vec<SmolStr>,
    /// The header and the value that each call has to have; without it the answer is 401, and nothing is done.
    pub wants: Option<(SmolStr, SmolStr)>,
    /// The body that each call has to have that is no safe one; with another one the answer is 400, and nothing is done.
    pub wants_body: Option<Bytes>,
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

/// An answer of the service.
pub(crate) fn answer(status: u16, body: &'static str) -> Answer {
    Answer { status, headers: Vec::new(), body: Bytes::from_static(body.as_bytes()), truncated: false }
}

impl DownstreamService {
    pub(crate) fn take(&mut self, now: Timestamp, actor: usize, call: &Call) -> Result<Answer, NoAnswer> {
        self.calls.push((now, actor, self.health));
        if self.health != Health::Down
            && self.wants.as_ref().is_some_and(|wanted| !call.headers.contains(wanted))
        {
            return Ok(answer(401, "who are you"));
        }
        if self.health != Health::Down
            && !call.method.is_safe()
            && self.wants_body.as_ref().is_some_and(|wanted| *wanted != call.body)
        {
            return Ok(answer(400, "another body"));
        }
        match self.health {
            Health::Down => Err(NoAnswer::NotConnected("refused".to_owned())),
            Health::Answers(status) => Ok(answer(status, "unwell")),
            Health::Well => {
                let key = call.headers.iter().find(|(name, _)| name == "idempotency-key").map(|(_, key)| key);
                if key.is_some_and(|key| self.ill.contains(key)) {
                    return Ok(answer(500, "ill"));
                }
                if let (false, Some(key)) = (call.method.is_safe(), key) {
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
