//! A state machine as it was defined: read once, and shared by all its executions.

use std::rc::Rc;

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::choice::Test;
use super::context::ValueSource;
use super::json::SharedJson;
use super::path::ReferencePath;
use super::policy::{CatchPolicy, RetryPolicy};
use super::resource::Integration;
use super::template::PayloadTemplate;
use super::wait::Until;

/// The states of a machine, a branch or an iteration.
#[derive(Debug)]
pub(super) struct Scope {
    pub start: usize,
    pub states: Vec<FlowState>,
}

/// A state.
#[derive(Debug)]
pub(super) struct FlowState {
    pub name: SmolStr,
    /// `InputPath`; none for null, which is `{}`.
    pub input: Option<ValueSource>,
    /// `OutputPath`; none for null, which is `{}`.
    pub output: Option<ValueSource>,
    /// The next state; none where the scope ends. A Choice and a Fail have none.
    pub next: Option<usize>,
    pub kind: StateKind,
}

/// What kind of state it is, and the fields that only this kind has.
#[derive(Debug)]
pub(super) enum StateKind {
    Pass {
        result: Option<SharedJson>,
        parameters: Option<PayloadTemplate>,
        place: Option<ReferencePath>,
    },
    Task {
        service: Integration,
        timeout: SignedDuration,
        work: WorkFields,
    },
    Parallel {
        branches: Vec<Rc<Scope>>,
        work: WorkFields,
    },
    Map {
        items: ValueSource,
        selector: Option<PayloadTemplate>,
        most: usize,
        iteration: Rc<Scope>,
        work: WorkFields,
    },
    Choice {
        rules: Vec<(Test, usize)>,
        default: Option<usize>,
    },
    Wait(Until),
    Succeed,
    Fail {
        error: SmolStr,
        cause: SmolStr,
    },
}

/// What Task, Parallel and Map have in common.
#[derive(Debug)]
pub(super) struct WorkFields {
    /// `Parameters`. A Map has its own.
    pub parameters: Option<PayloadTemplate>,
    pub selector: Option<PayloadTemplate>,
    /// `ResultPath`; none for null, which drops the result.
    pub place: Option<ReferencePath>,
    pub retry: Vec<RetryPolicy>,
    pub catch: Vec<CatchPolicy>,
}

impl FlowState {
    /// What Task, Parallel and Map have in common.
    pub const fn work(&self) -> Option<&WorkFields> {
        match &self.kind {
            StateKind::Task { work, .. } | StateKind::Parallel { work, .. } | StateKind::Map { work, .. } => {
                Some(work)
            }
            StateKind::Pass { .. }
            | StateKind::Choice { .. }
            | StateKind::Wait(_)
            | StateKind::Succeed
            | StateKind::Fail { .. } => None,
        }
    }
}
