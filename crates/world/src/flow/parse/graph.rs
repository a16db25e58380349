//! Whether every state is reached, and has its name for itself.

use std::collections::BTreeSet;

use super::fields::{DefinitionFault, MachineError};
use crate::flow::definition::{FlowState, Scope, StateKind};

/// Refuses a scope with a state that none leads to, as Step Functions does.
pub(super) fn check_reached(scope: &Scope, at: &str) -> Result<(), MachineError> {
    let mut reached = BTreeSet::from([scope.start]);
    let mut next = vec![scope.start];
    while let Some(state) = next.pop().and_then(|at| scope.states.get(at)) {
        next.extend(ways(state).into_iter().filter(|way| reached.insert(*way)));
    }
    match scope.states.iter().enumerate().find(|(i, _)| !reached.contains(i)) {
        None => Ok(()),
        Some((_, state)) => {
            Err(MachineError::new(format!("{at}/States/{}", state.name), DefinitionFault::Unreachable))
        }
    }
}

fn ways(state: &FlowState) -> Vec<usize> {
    let mut ways: Vec<usize> = state.next.into_iter().collect();
    if let StateKind::Choice { rules, default } = &state.kind {
        ways.extend(rules.iter().map(|(_, next)| *next).chain(*default));
    }
    ways.extend(state.work().into_iter().flat_map(|work| &work.catch).map(|catcher| catcher.next));
    ways
}

/// Refuses names that are there twice: they "MUST be unique within the scope of the whole state machine"
/// (States Language, "States").
pub(super) fn check_names(scope: &Scope) -> Result<(), MachineError> {
    let mut seen = BTreeSet::new();
    let mut scopes = vec![scope];
    while let Some(scope) = scopes.pop() {
        for state in &scope.states {
            if !seen.insert(state.name.clone()) {
                let at = format!("/States/{}", state.name);
                return Err(MachineError::new(at, DefinitionFault::SameName(state.name.to_string())));
            }
            match &state.kind {
                StateKind::Parallel { branches, .. } => {
                    scopes.extend(branches.iter().map(|branch| &**branch));
                }
                StateKind::Map { iteration, .. } => scopes.push(iteration),
                StateKind::Pass { .. }
                | StateKind::Task { .. }
                | StateKind::Choice { .. }
                | StateKind::Wait(_)
                | StateKind::Succeed
                | StateKind::Fail { .. } => {}
            }
        }
    }
    Ok(())
}
