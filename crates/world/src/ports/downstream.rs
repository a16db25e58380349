//! The port of the service that the handlers call.

use jiff::SignedDuration;
use tenfold_ports::CallError;
use tenfold_ports::downstream::{Answer, Call, Downstream, Method, NoAnswer};

use crate::aws::downstream::{DownstreamService, answer};
use crate::kernel::call::Takes;
use crate::kernel::fault::Fails;
use crate::run::env::Env;
use crate::run::state::{RunState, detail};
use crate::run::world::World;

impl World {
    /// Looks at or changes the service that the handlers call.
    pub fn service<R>(&self, look: impl FnOnce(&mut DownstreamService) -> R) -> R {
        look(&mut self.state.borrow_mut().service)
    }
}

#[derive(Clone, Hash)]
struct DownstreamAnswer(Result<Answer, NoAnswer>);

impl Fails for DownstreamAnswer {
    fn fails(error: CallError) -> Self {
        Self(match error {
            CallError::Throttled => Ok(answer(429, "slow down")),
            CallError::Unavailable | CallError::Refused(_) => Err(NoAnswer::NotConnected("fault".to_owned())),
            CallError::Unknown => Err(NoAnswer::TimedOut),
        })
    }
}

impl Downstream for Env {
    async fn call(&self, call: Call) -> Result<Answer, NoAnswer> {
        let timeout = SignedDuration::try_from(call.timeout).unwrap_or(SignedDuration::MAX);
        let actor = self.actor;
        let url = call.url.clone();
        let about = if call.method == Method::Get { "health" } else { "request" };
        let effect = move |state: &mut RunState| {
            if let Some(answer) = state.timed.as_mut().and_then(|timed| timed.answer.take()) {
                return (DownstreamAnswer(answer), String::new());
            }
            let now = state.now;
            let result = state.service.take(now, actor, &call);
            let result = if state.service.latency > timeout { Err(NoAnswer::TimedOut) } else { result };
            let what = detail(state, || format!("{result:?}"));
            (DownstreamAnswer(result), what)
        };
        self.call_for(self.site("downstream.call", about), Takes::Service { url, most: timeout }, effect)
            .await
            .0
    }
}
