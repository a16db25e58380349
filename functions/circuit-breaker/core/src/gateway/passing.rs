//! `GET` and `HEAD` of `/requests/{target}`: passed on, and no more. What asks for nothing to be done is not parked, and
//! needs no key: its caller asks again.

use std::sync::Arc;

use tenfold_pattern::http::RouteResult;
use tenfold_ports::api::{Fault, Problem, Request};
use tenfold_ports::downstream::{Method, NoAnswer};
use tenfold_ports::{Bytes, Context, Downstream, Queue, Runtime, Table};

use super::body::tenant_header;
use super::passage::{not_forwarded, passage};
use super::requests::{LEAST, RESERVE};
use super::view::passed_on;
use super::{Gateway, unknown_target};
use crate::call::{self, HELD_BACK};
use crate::credentials::{Purpose, TargetCall};
use crate::decide::judge::Verdict;
use crate::decide::timing::seconds_until;
use crate::metrics;
use crate::names::{BreakerName, TargetName};
use crate::registry::Admission;

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    pub(super) async fn pass(
        &self,
        target: TargetName,
        method: Method,
        request: &Request,
        context: &Context,
    ) -> RouteResult {
        let tenant = tenant_header(request).map_err(|fault| Problem::invalid(vec![fault]))?;
        if !request.body.is_empty() {
            let detail =
                "what asks for nothing to be done has no body here; the target would be asked something else";
            return Err(Problem::invalid(vec![Fault::new("", detail)]));
        }
        let mut passage = passage(method, request, context)?;
        passage.headers.extend(tenant.iter().map(|tenant| ("tenant".into(), tenant.clone())));
        let name = BreakerName { target, tenant };
        let tenant = name.tenant.as_ref().map(|_| &name);
        self.takes(&name.target, &passage, request)?;
        let now = self.runtime.now();
        let known = self.registry.target(&name.target);
        if known.is_some_and(|known| self.credentials.are_missing(&known.config, now)) {
            metrics::held_back(&self.runtime, &name.target);
            let detail = "the credentials that are configured for the target cannot be had; ask again";
            return Err(Problem::unavailable(detail, HELD_BACK.as_secs()));
        }
        let permit = match self.registry.admit(&name.target, tenant).await? {
            Admission::Unknown => return Err(unknown_target(&name.target)),
            Admission::Wait { until, .. } => {
                let seconds = until.map(|until| seconds_until(self.runtime.now(), until));
                return Err(not_let_through(&name.target, seconds));
            }
            Admission::Call(permit) => permit,
        };
        let config = Arc::clone(&permit.config);
        let timeout = permit.time_for(context.deadline, RESERVE);
        if timeout < LEAST {
            permit.release().await;
            return Err(Problem::unavailable("no time was left to call the target; ask again", 1));
        }
        let call = match call::outgoing(&config, &passage, [], Bytes::new(), timeout, context) {
            Ok(call) => call,
            Err(refusal) => {
                permit.release().await;
                return Err(not_forwarded(refusal, &config.forward, method, &request.path));
            }
        };
        let target_call = TargetCall {
            config: &config,
            call,
            purpose: Purpose::Passing,
            time_left: &|| permit.time_for(context.deadline, RESERVE),
        };
        let result = self.credentials.make(&self.downstream, &self.runtime, target_call).await;
        metrics::call(&self.runtime, &name.target, &result);
        self.settle(permit, result.outcome, result.retry_after()).await;
        match result.verdict {
            Verdict::Final(answer) | Verdict::Again { came: Ok(answer), .. } => {
                passed_on(request, &name.target, &config, &answer)
            }
            Verdict::Again { came: Err(NoAnswer::TimedOut), why, .. } => {
                Err(Problem::new(504, "target-timed-out", "The target did not answer in time", why))
            }
            Verdict::Again { why, .. } => {
                Err(Problem::new(502, "target-unreachable", "The target gave no answer", why))
            }
        }
    }
}

fn not_let_through(target: &TargetName, seconds: Option<u64>) -> Problem {
    let detail = format!("the breaker of {target} is open; what asks for nothing to be done is not parked");
    let problem = Problem::new(503, "breaker-open", "The target is not called now", detail);
    match seconds {
        Some(seconds) => problem.after(seconds.max(1)),
        None => problem,
    }
}
