//! Several walks that go on at once: the branches of a Parallel, the iterations of a Map.

use std::rc::Rc;

use serde_json::Value;

use super::walk::{Fork, Forked, Walk, WalkContext};
use crate::flow::json::SharedJson;

impl Fork {
    /// Goes on with each branch. A failure ends the others, but only after each of them has called what it
    /// had to call: they run "as concurrently as possible" (States Language, "Parallel State"), so nobody may
    /// count on a branch's failure keeping another's task from being called.
    pub fn advance(&mut self, moment: &mut WalkContext<'_>) -> Forked {
        loop {
            for branch in &mut self.branches {
                if let Some(call) = branch.advance(moment) {
                    return Forked::Goes(Some(call));
                }
            }
            let failed = self.branches.iter().find_map(|branch| branch.ended()?.as_ref().err());
            if let Some(error) = failed {
                return Forked::Ended(Err(error.clone()));
            }
            let walking = self.branches.iter().filter(|branch| branch.ended().is_none()).count();
            let begun = self.branches.len();
            let more = self.most.saturating_sub(walking).min(self.seeds.len() - begun);
            if more == 0 {
                return if walking > 0 { Forked::Goes(None) } else { Forked::Ended(Ok(self.outputs())) };
            }
            let seeds = self.seeds[begun..begun + more].iter();
            self.branches
                .extend(seeds.map(|(scope, input)| Walk::new(Rc::clone(scope), input.clone(), moment.now)));
        }
    }

    /// The outputs of the branches, in the branches' order.
    fn outputs(&self) -> SharedJson {
        let outputs = self.branches.iter().filter_map(|branch| branch.ended()?.as_ref().ok());
        Value::Array(outputs.map(|output| Value::clone(output)).collect()).into()
    }
}
