//! What each kind of state does: on the way in, at work, and on the way out with its data (States Language,
//! "Input and Output Processing").

use std::rc::Rc;

use serde_json::{Value, json};

use super::walk::{Fork, Phase, TaskCall, Walk, WalkContext};
use crate::flow::context::Context;
use crate::flow::definition::{FlowState, StateKind};
use crate::flow::error::{NO_CHOICE_MATCHED, TaskError};
use crate::flow::history::Happening;
use crate::flow::json::{SharedJson, brief};
use crate::flow::path::placed;
use crate::flow::template::PayloadTemplate;
use crate::flow::wait::after;

impl Walk {
    fn context<'a>(&self, state: &'a FlowState, moment: &'a WalkContext<'_>) -> Context<'a> {
        Context {
            execution: moment.about,
            state: &state.name,
            entered: self.entered,
            retries: self.retries.iter().sum(),
            item: None,
        }
    }

    /// The input behind the `InputPath`.
    fn effective(&self, state: &FlowState, moment: &WalkContext<'_>) -> Result<SharedJson, TaskError> {
        match &state.input {
            Some(path) => path.read("InputPath", &self.input, self.context(state, moment)),
            None => Ok(json!({}).into()),
        }
    }

    pub(super) fn enter(
        &mut self,
        state: &FlowState,
        moment: &mut WalkContext<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        moment.book.note(moment.now, Happening::Entered { state: state.name.clone() });
        self.entered = moment.now;
        self.retries = vec![0; state.work().map_or(0, |work| work.retry.len())];
        moment.book.transition()?;
        match &state.kind {
            StateKind::Task { .. } | StateKind::Parallel { .. } | StateKind::Map { .. } => {
                self.work(state, moment)
            }
            StateKind::Pass { result, parameters, place } => {
                let input = self.effective(state, moment)?;
                let result = match result {
                    Some(result) => result.clone(),
                    None => self.filled(parameters.as_ref(), &input, state, moment)?,
                };
                let output = placed(place.as_ref(), &self.input, result)?;
                self.leave(state, &output, state.next, moment)
            }
            StateKind::Choice { rules, default } => {
                let input = self.effective(state, moment)?;
                let context = self.context(state, moment);
                for (test, next) in rules {
                    if test.passes(&input, context)? {
                        return self.leave(state, &input, Some(*next), moment);
                    }
                }
                let why = || TaskError::new(NO_CHOICE_MATCHED, "no rule matched, and there is no Default");
                let next = default.ok_or_else(why)?;
                self.leave(state, &input, Some(next), moment)
            }
            StateKind::Wait(until) => {
                let input = self.effective(state, moment)?;
                self.phase = Phase::Waiting(until.time(&input, self.context(state, moment), moment.now)?);
                Ok(None)
            }
            StateKind::Succeed => self.pass_on(state, moment),
            StateKind::Fail { error, cause } => Err(TaskError::new(error.clone(), cause.clone())),
        }
    }

    /// Leaves a state whose output is its input.
    pub(super) fn pass_on(
        &mut self,
        state: &FlowState,
        moment: &WalkContext<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        let input = self.effective(state, moment)?;
        self.leave(state, &input, state.next, moment)
    }

    /// Begins what a Task, a Parallel or a Map does, or begins it again.
    pub(super) fn work(
        &mut self,
        state: &FlowState,
        moment: &mut WalkContext<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        let input = self.effective(state, moment)?;
        match &state.kind {
            StateKind::Task { service, timeout, work } => {
                let payload = self.filled(work.parameters.as_ref(), &input, state, moment)?.within_limit()?;
                let (resource, input) = service.call(payload)?;
                let (task, deadline) = (moment.book.next_task(), after(moment.now, *timeout));
                moment.book.note(moment.now, Happening::Called { state: state.name.clone(), task });
                self.phase = Phase::Calling { task, deadline };
                Ok(Some(TaskCall { task, resource, input, deadline }))
            }
            StateKind::Parallel { branches, work } => {
                let payload = self.filled(work.parameters.as_ref(), &input, state, moment)?.within_limit()?;
                let seeds = branches.iter().map(|scope| (Rc::clone(scope), payload.clone())).collect();
                self.phase = Phase::Forked(Fork::new(seeds, branches.len()));
                Ok(None)
            }
            StateKind::Map { items, selector, most, iteration, .. } => {
                let context = self.context(state, moment);
                let found = items.read("ItemsPath", &input, context)?;
                let Value::Array(found) = &*found else {
                    let path = items.text();
                    return Err(TaskError::runtime(format!(
                        "ItemsPath: `{path}` is no array in {}",
                        brief(&input)
                    )));
                };
                let seed = |(at, item): (usize, &Value)| {
                    let context = Context { item: Some((at, item)), ..context };
                    let input = match selector {
                        Some(selector) => selector.fill(&input, context)?,
                        None => item.clone(),
                    };
                    Ok((Rc::clone(iteration), input.into()))
                };
                let seeds = found.iter().enumerate().map(seed).collect::<Result<_, _>>()?;
                self.phase = Phase::Forked(Fork::new(seeds, *most));
                Ok(None)
            }
            StateKind::Pass { .. }
            | StateKind::Choice { .. }
            | StateKind::Wait(_)
            | StateKind::Succeed
            | StateKind::Fail { .. } => Ok(None),
        }
    }

    /// Makes the output of the result, and leaves the state.
    pub(super) fn complete(
        &mut self,
        state: &FlowState,
        result: SharedJson,
        moment: &WalkContext<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        let Some(work) = state.work() else { return Ok(None) };
        let result = result.within_limit()?;
        let result = match &state.kind {
            StateKind::Task { service, .. } => service.result(result),
            _ => result,
        };
        let result = self.filled(work.selector.as_ref(), &result, state, moment)?;
        let output = placed(work.place.as_ref(), &self.input, result)?;
        self.leave(state, &output, state.next, moment)
    }

    fn filled(
        &self,
        template: Option<&PayloadTemplate>,
        input: &SharedJson,
        state: &FlowState,
        moment: &WalkContext<'_>,
    ) -> Result<SharedJson, TaskError> {
        match template {
            Some(template) => Ok(template.fill(input, self.context(state, moment))?.into()),
            None => Ok(input.clone()),
        }
    }

    fn leave(
        &mut self,
        state: &FlowState,
        output: &SharedJson,
        next: Option<usize>,
        moment: &WalkContext<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        let output = match &state.output {
            Some(path) => path.read("OutputPath", output, self.context(state, moment))?,
            None => json!({}).into(),
        };
        self.go(output.within_limit()?, next);
        Ok(None)
    }

    pub(super) fn go(&mut self, output: SharedJson, next: Option<usize>) {
        match next {
            Some(next) => {
                self.at = next;
                self.input = output;
                self.phase = Phase::Entering;
            }
            None => self.phase = Phase::Ended(Ok(output)),
        }
    }
}
