//! What becomes of a state that failed.

use serde_json::json;

use super::walk::{Phase, Walk, WalkContext};
use crate::flow::definition::FlowState;
use crate::flow::error::TaskError;
use crate::flow::history::Happening;
use crate::flow::json::SharedJson;
use crate::flow::path::placed;
use crate::flow::wait::after;

impl Walk {
    /// A state failed: it is tried again, or caught, or that was the end. Retriers come first (States
    /// Language, "Fallback states").
    pub(super) fn fail(&mut self, state: &FlowState, error: TaskError, moment: &mut WalkContext<'_>) {
        let name = || state.name.clone();
        moment.book.note(moment.now, Happening::Failed { state: name(), error: error.clone() });
        let work = state.work();
        // Only the first retrier that is for the error counts; once it is used up, none is.
        let retry = work.and_then(|work| {
            let at = work.retry.iter().position(|retrier| retrier.errors.matches(&error.error))?;
            self.retries
                .get_mut(at)
                .filter(|used| **used < work.retry[at].most)
                .map(|used| (&work.retry[at], used))
        });
        if let Some((retrier, used)) = retry {
            let delay = retrier.delay(*used, moment.chance);
            *used += 1;
            let retry = self.retries.iter().sum();
            moment.book.note(moment.now, Happening::Retrying { state: name(), retry, after: delay });
            self.phase = Phase::Resting(after(moment.now, delay));
            return;
        }
        let catcher = work.and_then(|work| work.catch.iter().find(|c| c.errors.matches(&error.error)));
        let Some(catcher) = catcher else {
            self.phase = Phase::Ended(Err(error));
            return;
        };
        let next = self.scope.states.get(catcher.next).map(|state| state.name.clone()).unwrap_or_default();
        moment.book.note(moment.now, Happening::Caught { state: name(), error: error.error.clone(), next });
        // The error output is not subject to the OutputPath.
        let described = json!({"Error": error.error.as_str(), "Cause": error.cause.as_str()});
        let output = placed(catcher.place.as_ref(), &self.input, described.into());
        match output.and_then(SharedJson::within_limit) {
            Ok(output) => self.go(output, Some(catcher.next)),
            Err(error) => self.phase = Phase::Ended(Err(error)),
        }
    }
}
