//! The command service: `event-sourcing-command-service`.
//!
//! This module owns the routes of commands and of what the log itself can be asked: an order's events, and its state at any
//! version. `orders` carries commands out, `audit` reads the log, `problem` is what is answered where that cannot be done.

mod audit;
mod orders;
mod problem;

use tenfold_pattern::http::{RouteResult, segments};
use tenfold_ports::api::{Fault, Problem, Request, Response};
use tenfold_ports::{Context, Runtime, Table};

use crate::aggregate::Aggregate;
use crate::execute::Commands;
use crate::names::AggregateName;
use crate::order::ShopOrder;

/// The command service, and what it reaches.
#[derive(Debug)]
pub struct CommandService<T, R> {
    /// The log, and what carries commands out.
    pub commands: Commands<T, R>,
}

impl<T: Table, R: Runtime> CommandService<T, R> {
    /// Answers a request: with a problem (RFC 9457) where it cannot be done.
    pub async fn handle(&self, request: &Request, context: &Context) -> Response {
        self.route(request, context).await.unwrap_or_else(Response::from)
    }

    /// Does what needs not be done before the answer.
    pub async fn tend(&self) {
        self.commands.tend().await;
    }

    async fn route(&self, request: &Request, context: &Context) -> RouteResult {
        let method = request.method.as_str();
        let allow = |allowed: &[&str]| Err(Problem::method_not_allowed(method, allowed));
        let parts = segments(request)?;
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        match *parts {
            ["orders", id, "commands", command] => match method {
                "POST" => orders::command(&self.commands, order(id)?, command, request, context).await,
                _ => allow(&["POST"]),
            },
            ["orders", id, "events"] => match method {
                "GET" => audit::events(&self.commands.log, order(id)?, request).await,
                _ => allow(&["GET"]),
            },
            ["orders", id, "versions", version] => match method {
                "GET" => audit::version(&self.commands.log, order(id)?, version).await,
                _ => allow(&["GET"]),
            },
            _ => Err(Problem::no_route(&request.path)),
        }
    }
}

fn order(id: &str) -> Result<AggregateName, Problem> {
    AggregateName::parse(ShopOrder::KIND, id).ok_or_else(|| {
        let detail = "an order's id is 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`";
        Problem::invalid(vec![Fault::new("path", detail)])
    })
}
