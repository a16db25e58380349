//! A state machine as it was defined: read once, and shared by all its executions.

use std::rc::Rc;

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::choice::Test;
use super::context::Source;
use super::json::Json;
use super::path::ReferencePath;
use super::policy::{Catcher, Retrier};
use super::resource::Service;
use super::template::Template;
use super::wait::Until;

/// The states of a machine, a branch or an iteration.
#[derive(Debug)]
pub(super) struct Scope {
    pub start: usize,
    pub states: Vec<State>,
}

/// A state.
#[derive(Debug)]
pub(super) struct State {
    pub name: SmolStr,
    /// `InputPath`; none for null, which is `{}`.
    pub input: Option<Source>,
    /// `OutputPath`; none for null, which is `{}`.
    pub output: Option<Source>,
    /// The next state; none where the scope ends. A Choice and a Fail have none.
    pub next: Option<usize>,
    pub kind: Kind,
}

/// What kind of state it is, and the fields that only this kind has.
#[derive(Debug)]
pub(super) enum Kind {
    Pass { result: Option<Json>, parameters: Option<Template>, place: Option<ReferencePath> },
    Task { service: Service, timeout: SignedDuration, work: Work },
    Parallel { branches: Vec<Rc<Scope>>, work: Work },
    Map { items: Source, selector: Option<Template>, most: usize, iteration: Rc<Scope>, work: Work },
    Choice { rules: Vec<(Test, usize)>, default: Option<usize> },
    Wait(Until),
    Succeed,
    Fail { error: SmolStr, cause: SmolStr },
}

/// What Task, Parallel and Map have in common.
#[derive(Debug)]
pub(super) struct Work {
    /// `Parameters`. A Map has its own.
    pub parameters: Option<Template>,
    pub selector: Option<Template>,
    /// `ResultPath`; none for null, which drops the result.
    pub place: Option<ReferencePath>,
    pub retry: Vec<Retrier>,
    pub catch: Vec<Catcher>,
}

impl State {
    /// What Task, Parallel and Map have in common.
    pub const fn work(&self) -> Option<&Work> {
        match &self.kind {
            Kind::Task { work, .. } | Kind::Parallel { work, .. } | Kind::Map { work, .. } => Some(work),
            Kind::Pass { .. } | Kind::Choice { .. } | Kind::Wait(_) | Kind::Succeed | Kind::Fail { .. } => {
                None
            }
        }
    }
}
