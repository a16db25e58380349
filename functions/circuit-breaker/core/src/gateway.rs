//! The API: `circuit-breaker-gateway`.
//!
//! This module owns the routes and what is common to them. What comes in is parsed in `body`, what goes out
//! is made in `view`; each resource has its module: `targets`, `tenants`, `state`, `requests` (with `passage`, `keys` and
//! `passing`). Operating them: `lists` and `filter`, `operate` for one request, `bulk` for many, `dead_letters`; `history`.

mod body;
mod bulk;
mod dead_letters;
mod filter;
mod history;
mod keys;
mod lists;
mod operate;
mod passage;
mod passing;
mod requests;
mod state;
mod targets;
mod tenants;
mod view;

use std::time::Duration;

use futures_util::future::join;
use tenfold_pattern::http::{RouteResult, segments};
use tenfold_pattern::send;
use tenfold_ports::api::{Problem, Request, Response};
use tenfold_ports::downstream::Method;
use tenfold_ports::{CallError, Context, Downstream, Queue, Runtime, Table};

use crate::credentials::Credentials;
use crate::names::{RequestId, TargetName};
use crate::park::{self, DeadLetters, Look, Wakes};
use crate::registry::Registry;

/// What a gateway reaches and remembers.
#[derive(Debug)]
pub struct Gateway<T, Q, D, R> {
    /// The pattern's table.
    pub table: T,
    /// The retry queue.
    pub queue: Q,
    /// The dead-letter queue.
    pub dead_letters: DeadLetters<Q>,
    /// The way to the targets.
    pub downstream: D,
    /// What calls of targets identify themselves by.
    pub credentials: Credentials,
    /// Time, chance, metrics.
    pub runtime: R,
    /// The breakers as this environment knows them.
    pub registry: Registry<T, R>,
    /// The time for which answers are kept.
    pub answer_retention: Duration,
    /// The time for which dead requests are kept.
    pub dead_retention: Duration,
    /// The number of partitions of the index that a target's requests are spread over:
    /// [`SHARDS`](crate::rows::SHARDS), at least 1.
    pub shards: u16,
    /// The messages that this environment has sent.
    pub wakes: Wakes,
}

impl<T: Table, Q: Queue, D: Downstream, R: Runtime> Gateway<T, Q, D, R> {
    /// Answers a request before the context's deadline, when this process is stopped.
    pub async fn handle(&self, request: &Request, context: &Context) -> Response {
        self.route(request, context).await.unwrap_or_else(Response::from)
    }

    /// Does what nobody waits for, after the answer: reads breakers and credentials anew, and reports calls.
    pub async fn tend(&self) {
        join(self.registry.tend(), self.credentials.tend(&self.runtime)).await;
    }

    /// Lets all be looked at that waits for a target, since a breaker has closed or its configuration was changed. Where the
    /// message cannot be sent, the sweep sends one.
    async fn wake_all(&self, target: &TargetName) {
        let now = self.runtime.now();
        let wake = park::outgoing(target, Look::All, now, now + park::INDEX_LAG);
        send::messages(&self.queue, vec![wake]).await;
    }

    /// Sends something to a target: what does something is tried until it is done, what only asks is passed on.
    async fn forward(&self, target: TargetName, request: &Request, context: &Context) -> RouteResult {
        let Some(method) = Method::named(&request.method) else {
            self.registry.load(&target, &[]).await?;
            let row = self.registry.target(&target).ok_or_else(|| unknown_target(&target))?;
            let methods: Vec<_> = row.config.forward.methods.iter().map(|method| method.name()).collect();
            return Err(Problem::method_not_allowed(&request.method, &methods));
        };
        if method.is_safe() {
            self.pass(target, method, request, context).await
        } else {
            self.submit(target, method, request, context).await
        }
    }

    async fn route(&self, request: &Request, context: &Context) -> RouteResult {
        let method = request.method.as_str();
        let allow = |methods: &[&str]| Err(Problem::method_not_allowed(method, methods));
        let parts = segments(request)?;
        let parts: Vec<&str> = parts.iter().map(|part| &**part).collect();
        match parts.as_slice() {
            ["targets"] => match method {
                "GET" => self.list_targets(request).await,
                _ => allow(&["GET"]),
            },
            ["targets", name] => match method {
                "PUT" => self.put_target(&body::target(name)?, request).await,
                "GET" => self.get_target(&body::breaker(body::target(name)?, request)?, request).await,
                "DELETE" => self.delete_target(&body::target(name)?, request).await,
                _ => allow(&["GET", "PUT", "DELETE"]),
            },
            ["targets", name, "state"] => match method {
                "POST" => self.force(&body::breaker(body::target(name)?, request)?, request).await,
                _ => allow(&["POST"]),
            },
            ["targets", name, "history"] => match method {
                "GET" => self.list_history(&body::target(name)?, request).await,
                _ => allow(&["GET"]),
            },
            ["targets", name, "tenants"] => match method {
                "GET" => self.list_tenants(body::target(name)?, request).await,
                _ => allow(&["GET"]),
            },
            ["targets", name, "requests"] => match method {
                "GET" => self.list_requests(&body::target(name)?, request).await,
                _ => allow(&["GET"]),
            },
            // Below the target, so that who may send requests may not command those of others.
            ["targets", name, "requests", id] => match method {
                "DELETE" => self.dismiss_request(&body::target(name)?, id, request).await,
                _ => allow(&["DELETE"]),
            },
            ["targets", name, "requests", id, "redrive"] => match method {
                "POST" => self.redrive_request(&body::target(name)?, id, request).await,
                _ => allow(&["POST"]),
            },
            ["targets", name, "redrive"] => match method {
                "POST" => self.redrive_many(&body::target(name)?, request, context).await,
                _ => allow(&["POST"]),
            },
            ["targets", name, "cancel"] => match method {
                "POST" => self.cancel_many(&body::target(name)?, request, context).await,
                _ => allow(&["POST"]),
            },
            ["targets", name, "discard"] => match method {
                "POST" => self.discard_many(&body::target(name)?, request, context).await,
                _ => allow(&["POST"]),
            },
            ["dead-letters", "clear"] => match method {
                "POST" => self.clear_dead_letters(context).await,
                _ => allow(&["POST"]),
            },
            // One resource of the API: an id to ask for, a target to send to. No target has an id for a name.
            ["requests", id] if RequestId::parse(id).is_some() => match method {
                "GET" => self.get_request(id).await,
                _ => allow(&["GET"]),
            },
            ["requests", name, ..] => self.forward(body::target(name)?, request, context).await,
            _ => Err(Problem::no_route(&request.path)),
        }
    }
}

fn unknown_target(name: &TargetName) -> Problem {
    let detail = format!("there is no target {name}; PUT /targets/{name} makes one");
    Problem::new(404, "unknown-target", "There is no such target", detail)
}

fn queue_failed(error: &CallError) -> Problem {
    tracing::error!(%error, "queue call failed");
    match error {
        CallError::Refused(_) => Problem::internal("the queue refused the call; the log has the reason"),
        _ => Problem::unavailable("the queue did not answer in time; send the same request again", 2),
    }
}
