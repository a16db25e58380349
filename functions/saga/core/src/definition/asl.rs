//! The state machine: a definition as Amazon States Language (<https://states-language.net/spec.html>).
//!
//! What makes it more than a chain of tasks is where each error leads:
//!
//! | A step fails with | what is known | undoing begins |
//! |---|---|---|
//! | `StepRefused` | it has no effect, and never will have | at the step before |
//! | `SagaNotRunning` | somebody else has begun to undo: cancelled, past its deadline, retried | at the last step |
//! | anything else | nothing: the answer may have been lost | at the step itself |
//!
//! A new round enters the same machine: its first step answers `SagaNotRunning` (or, after the pivot, walks
//! over what is done to what is not). An undo that fails for good leaves a letter in the dead-letter queue,
//! and the next undo follows in any case. At the end the coordinator looks at the rows and says what became
//! of the saga.
//!
//! n steps are n transitions when all goes well.

mod state;

use smol_str::format_smolstr;

pub(super) use self::state::pretty;
use self::state::{Catcher, Json, Machine, Retrier, State, Task, Then};
use super::policy::Retry;
use super::saga::Definition;
use super::step::{Role, Step};
use crate::error::{
    BAD_EVENT, SAGA_COMMITTED, SAGA_NOT_RUNNING, SAGA_STUCK, SAGA_UNSETTLED, STEP_REFUSED, UNDO_REFUSED,
    UNKNOWN_SAGA, WRONG_STEP,
};
use crate::mutant::{Mutant, is_in};

const ALL: &str = "States.ALL";
const SETTLE: &str = "Settle";
const COMMITTED: &str = "Committed";
const COMPENSATED: &str = "Compensated";
const STUCK: &str = "Stuck";
const UNSETTLED: &str = "Unsettled";

/// The path to the whole input, of which the carrier is read. It may have none, since it was written by a version that
/// knew none, and a path to what is not there would end the execution.
const WHOLE: &str = "$";

/// How long the coordinator and the dead-letter queue may take to answer: seconds.
const TIMEOUT: u32 = 30;

/// Returns the state machine as JSON. Resources are substitutions, as `DefinitionSubstitutions` of SAM fills
/// them in: `${SagaFlightArn}` for the function of the step `flight` where `prefix` is `Saga`, and
/// `${SagaCoordinatorArn}` and `${SagaDeadLetterQueueUrl}`.
#[must_use]
pub fn machine<P>(definition: &Definition<P>, prefix: &str) -> String {
    let generator = Generator { definition, prefix };
    let machine = Machine {
        comment: format!(
            "The saga `{}`, generated from its definition: do not edit. In reading order: do, undo, end.",
            definition.name()
        ),
        start_at: doing(&definition.steps()[0]),
        states: generator.states(),
    };
    pretty(&machine)
}

struct Generator<'a, P> {
    definition: &'a Definition<P>,
    prefix: &'a str,
}

fn doing<P>(step: &Step<P>) -> String {
    format!("Do {}", step.name)
}

fn undoing<P>(step: &Step<P>) -> String {
    format!("Undo {}", step.name)
}

fn reporting<P>(step: &Step<P>) -> String {
    format!("Report {}", step.name)
}

impl<P> Generator<'_, P> {
    fn states(&self) -> Vec<(String, State)> {
        let steps = self.definition.steps();
        let mut states: Vec<(String, State)> = Vec::new();
        states.extend(steps.iter().enumerate().map(|(at, step)| (doing(step), self.do_step(at, step))));
        for (at, step) in steps.iter().enumerate().take(self.definition.pivot() + 1).rev() {
            states.push((undoing(step), self.undo_step(at, step)));
            states.push((reporting(step), self.report(at, step)));
        }
        let fail = |error, cause| State::Fail { error, cause };
        states.extend([
            (SETTLE.to_owned(), self.settle()),
            (COMMITTED.to_owned(), State::Succeed {}),
            (COMPENSATED.to_owned(), fail("SagaCompensated", "No step has an effect any more.")),
            (
                STUCK.to_owned(),
                fail(SAGA_STUCK, "A step could not be undone, or not be done: a person is needed."),
            ),
            (UNSETTLED.to_owned(), fail(SAGA_UNSETTLED, "The saga goes on in another round.")),
        ]);
        states
    }

    fn do_step(&self, at: usize, step: &Step<P>) -> State {
        let steps = self.definition.steps();
        let catch = if matches!(step.role, Role::Retryable(_)) {
            // There is no way back any more.
            vec![catch(&[ALL], SETTLE)]
        } else {
            let itself = if is_in(Mutant::UndoOnlyAnswered) {
                self.undo_or_settle(self.definition.undo_from(at))
            } else {
                undoing(step)
            };
            vec![
                catch(&[STEP_REFUSED], self.undo_or_settle(self.definition.undo_from(at))),
                catch(&[SAGA_NOT_RUNNING], undoing(&steps[self.definition.undo_first()])),
                catch(&[ALL], itself),
            ]
        };
        let mut certain = vec![STEP_REFUSED, SAGA_NOT_RUNNING, UNKNOWN_SAGA, WRONG_STEP, BAD_EVENT];
        if matches!(step.role, Role::Retryable(_)) {
            // After the pivot even a refusal is tried again: there is nowhere else to go.
            certain.remove(0);
        }
        State::Task(Task {
            resource: self.function(step),
            parameters: step_parameters("do", step),
            result_path: (),
            timeout_seconds: step.policy.timeout,
            retry: retry(&certain, step.policy.retry.into()),
            catch,
            then: steps.get(at + 1).map_or(Then::End(true), |next| Then::Next(doing(next))),
        })
    }

    fn undo_step(&self, at: usize, step: &Step<P>) -> State {
        let committed = self.definition.steps().get(self.definition.pivot() + 1);
        let committed = committed.map_or_else(|| COMMITTED.to_owned(), doing);
        let certain = [SAGA_COMMITTED, UNDO_REFUSED, UNKNOWN_SAGA, WRONG_STEP, BAD_EVENT];
        State::Task(Task {
            resource: self.function(step),
            parameters: step_parameters("undo", step),
            result_path: (),
            timeout_seconds: step.policy.timeout,
            retry: retry(&certain, step.policy.undo_retry.into()),
            catch: vec![catch(&[SAGA_COMMITTED], committed), catch(&[ALL], reporting(step))],
            then: Then::Next(self.undo_or_settle(self.definition.undo_next(at))),
        })
    }

    /// A letter about an undo that failed. Whether or not it can be sent, the undoing goes on.
    fn report(&self, at: usize, step: &Step<P>) -> State {
        let next = self.undo_or_settle(self.definition.undo_next(at));
        let letter = Json::Map(vec![
            ("saga.$", "$.saga".into()),
            ("round.$", "$.round".into()),
            ("step", step.name.as_str().into()),
            // Whole: a time-out has no cause, and a path to what is not there would end the execution.
            ("error.$", "$.error".into()),
        ]);
        let queue = format!("${{{}DeadLetterQueueUrl}}", self.prefix);
        State::Task(Task {
            resource: "arn:aws:states:::sqs:sendMessage".to_owned(),
            parameters: Json::Map(vec![("QueueUrl", queue.as_str().into()), ("MessageBody", letter)]),
            result_path: (),
            timeout_seconds: TIMEOUT,
            retry: vec![Retrier::of(&[ALL], step.policy.undo_retry.into())],
            catch: vec![catch(&[ALL], next.clone())],
            then: Then::Next(next),
        })
    }

    fn settle(&self) -> State {
        let settle = [
            ("action", "settle".into()),
            ("saga.$", "$.saga".into()),
            ("round.$", "$.round".into()),
            ("carrier.$", WHOLE.into()),
        ];
        let certain = [SAGA_COMMITTED, SAGA_STUCK, SAGA_UNSETTLED, UNKNOWN_SAGA, BAD_EVENT];
        State::Task(Task {
            resource: format!("${{{}CoordinatorArn}}", self.prefix),
            parameters: Json::Map(settle.into()),
            result_path: (),
            timeout_seconds: TIMEOUT,
            retry: retry(&certain, Retry::UNDO.into()),
            catch: vec![
                catch(&[SAGA_COMMITTED], COMMITTED),
                catch(&[SAGA_STUCK], STUCK),
                catch(&[ALL], UNSETTLED),
            ],
            then: Then::Next(COMPENSATED.to_owned()),
        })
    }

    fn undo_or_settle(&self, at: Option<usize>) -> String {
        at.map_or_else(|| SETTLE.to_owned(), |at| undoing(&self.definition.steps()[at]))
    }

    fn function(&self, step: &Step<P>) -> String {
        format!("${{{}{}Arn}}", self.prefix, step.name.pascal())
    }
}

fn step_parameters<P>(action: &'static str, step: &Step<P>) -> Json {
    let path = |name| (format_smolstr!("{name}.$"), format!("$.{name}").as_str().into());
    let fixed = [("action".into(), action.into()), ("step".into(), step.name.as_str().into())];
    let carrier = [("carrier.$".into(), WHOLE.into())];
    let paths = ["saga", "round", "style", "payload"].map(path);
    Json::Object(fixed.into_iter().chain(paths).chain(carrier).collect())
}

/// What is certain is not tried again; all else is, since every task is safe to repeat.
fn retry(certain: &[&'static str], otherwise: state::Waits) -> Vec<Retrier> {
    vec![Retrier::never(certain), Retrier::of(&[ALL], otherwise)]
}

fn catch(errors: &[&'static str], next: impl Into<String>) -> Catcher {
    Catcher { error_equals: errors.to_vec(), result_path: "$.error", next: next.into() }
}

#[cfg(test)]
mod tests;
