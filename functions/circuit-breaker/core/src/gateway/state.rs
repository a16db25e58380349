//! `POST /targets/{target}/state`: a person forces a breaker into a state, or gives it back to itself.

use tenfold_pattern::http::RouteResult;
use tenfold_ports::api::{Request, Response};
use tenfold_ports::{Downstream, Queue, Runtime, Table};

use super::body::{ForceCommand, Forced};
use super::view::BreakerView;
use super::{Gateway, unknown_target};
use crate::decide::breaker::{Breaker, BreakerState, DecisionContext};
use crate::names::BreakerName;
use crate::rows::HistoryChange;

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn force(&self, name: &BreakerName, request: &Request) -> RouteResult {
        let command = ForceCommand::parse(&request.body)?;
        // Not by what this environment knows: somebody may have said otherwise a moment ago.
        self.registry.read_consistently(&name.target, &[name]).await?;
        let target = self.registry.target(&name.target).ok_or_else(|| unknown_target(&name.target))?;
        let decide = |b: &Breaker, context: DecisionContext<'_>| forced(b, context, &command);
        let beside = |breaker: &Breaker| {
            let (tenant, state) = (name.tenant.clone(), breaker.state.name().into());
            let change = HistoryChange::Forced { tenant, state, reason: breaker.reason.clone() };
            self.noted(&name.target, request, change)
        };
        let changed = self.registry.commit_beside(name, &target.config, decide, beside).await?;
        let lets_through = |b: &Breaker| matches!(b.state, BreakerState::Closed | BreakerState::ForcedClosed);
        if changed.as_ref().is_some_and(lets_through) {
            self.wake_all(&name.target).await;
        }
        let breaker = changed.unwrap_or_else(|| self.registry.row(name).breaker);
        Ok(Response::json(200, &BreakerView::new(name, &breaker)))
    }
}

/// Returns the breaker as it was told to be, or none where it is so already.
fn forced(breaker: &Breaker, context: DecisionContext<'_>, command: &ForceCommand) -> Option<Breaker> {
    let state = match command.force {
        Forced::Open => Some(BreakerState::ForcedOpen),
        Forced::Closed => Some(BreakerState::ForcedClosed),
        Forced::Auto => None,
    };
    let already = match &state {
        Some(state) => breaker.state == *state,
        None => !matches!(breaker.state, BreakerState::ForcedOpen | BreakerState::ForcedClosed),
    };
    (!already).then(|| breaker.force(context, state, &command.reason))
}
