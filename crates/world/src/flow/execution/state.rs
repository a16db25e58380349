//! What each kind of state does: on the way in, at work, and on the way out with its data (States Language,
//! "Input and Output Processing").

use std::rc::Rc;

use serde_json::{Value, json};

use super::walk::{Fork, Moment, Phase, TaskCall, Walk};
use crate::flow::context::Context;
use crate::flow::definition::{Kind, State};
use crate::flow::error::{NO_CHOICE_MATCHED, TaskError};
use crate::flow::history::Happening;
use crate::flow::json::{Json, brief};
use crate::flow::path::placed;
use crate::flow::template::Template;
use crate::flow::wait::after;

impl Walk {
    fn context<'a>(&self, state: &'a State, moment: &'a Moment<'_>) -> Context<'a> {
        Context {
            execution: moment.about,
            state: &state.name,
            entered: self.entered,
            retries: self.retries.iter().sum(),
            item: None,
        }
    }

    /// The input behind the `InputPath`.
    fn effective(&self, state: &State, moment: &Moment<'_>) -> Result<Json, TaskError> {
        match &state.input {
            Some(path) => path.read("InputPath", &self.input, self.context(state, moment)),
            None => Ok(json!({}).into()),
        }
    }

    pub(super) fn enter(
        &mut self,
        state: &State,
        moment: &mut Moment<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        moment.book.note(moment.now, Happening::Entered { state: state.name.clone() });
        self.entered = moment.now;
        self.retries = vec![0; state.work().map_or(0, |work| work.retry.len())];
        moment.book.transition()?;
        match &state.kind {
            Kind::Task { .. } | Kind::Parallel { .. } | Kind::Map { .. } => self.work(state, moment),
            Kind::Pass { result, parameters, place } => {
                let input = self.effective(state, moment)?;
                let result = match result {
                    Some(result) => result.clone(),
                    None => self.filled(parameters.as_ref(), &input, state, moment)?,
                };
                let output = placed(place.as_ref(), &self.input, result)?;
                self.leave(state, &output, state.next, moment)
            }
            Kind::Choice { rules, default } => {
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
            Kind::Wait(until) => {
                let input = self.effective(state, moment)?;
                self.phase = Phase::Waiting(until.time(&input, self.context(state, moment), moment.now)?);
                Ok(None)
            }
            Kind::Succeed => self.pass_on(state, moment),
            Kind::Fail { error, cause } => Err(TaskError::new(error.clone(), cause.clone())),
        }
    }

    /// Leaves a state whose output is its input.
    pub(super) fn pass_on(
        &mut self,
        state: &State,
        moment: &Moment<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        let input = self.effective(state, moment)?;
        self.leave(state, &input, state.next, moment)
    }

    /// Begins what a Task, a Parallel or a Map does, or begins it again.
    pub(super) fn work(
        &mut self,
        state: &State,
        moment: &mut Moment<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        let input = self.effective(state, moment)?;
        match &state.kind {
            Kind::Task { service, timeout, work } => {
                let payload = self.filled(work.parameters.as_ref(), &input, state, moment)?.within_limit()?;
                let (resource, input) = service.call(payload)?;
                let (task, deadline) = (moment.book.next_task(), after(moment.now, *timeout));
                moment.book.note(moment.now, Happening::Called { state: state.name.clone(), task });
                self.phase = Phase::Calling { task, deadline };
                Ok(Some(TaskCall { task, resource, input, deadline }))
            }
            Kind::Parallel { branches, work } => {
                let payload = self.filled(work.parameters.as_ref(), &input, state, moment)?.within_limit()?;
                let seeds = branches.iter().map(|scope| (Rc::clone(scope), payload.clone())).collect();
                self.phase = Phase::Forked(Fork::new(seeds, branches.len()));
                Ok(None)
            }
            Kind::Map { items, selector, most, iteration, .. } => {
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
            Kind::Pass { .. } | Kind::Choice { .. } | Kind::Wait(_) | Kind::Succeed | Kind::Fail { .. } => {
                Ok(None)
            }
        }
    }

    /// Makes the output of the result, and leaves the state.
    pub(super) fn complete(
        &mut self,
        state: &State,
        result: Json,
        moment: &Moment<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        let Some(work) = state.work() else { return Ok(None) };
        let result = result.within_limit()?;
        let result = match &state.kind {
            Kind::Task { service, .. } => service.result(result),
            _ => result,
        };
        let result = self.filled(work.selector.as_ref(), &result, state, moment)?;
        let output = placed(work.place.as_ref(), &self.input, result)?;
        self.leave(state, &output, state.next, moment)
    }

    fn filled(
        &self,
        template: Option<&Template>,
        input: &Json,
        state: &State,
        moment: &Moment<'_>,
    ) -> Result<Json, TaskError> {
        match template {
            Some(template) => Ok(template.fill(input, self.context(state, moment))?.into()),
            None => Ok(input.clone()),
        }
    }

    fn leave(
        &mut self,
        state: &State,
        output: &Json,
        next: Option<usize>,
        moment: &Moment<'_>,
    ) -> Result<Option<TaskCall>, TaskError> {
        let output = match &state.output {
            Some(path) => path.read("OutputPath", output, self.context(state, moment))?,
            None => json!({}).into(),
        };
        self.go(output.within_limit()?, next);
        Ok(None)
    }

    pub(super) fn go(&mut self, output: Json, next: Option<usize>) {
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
