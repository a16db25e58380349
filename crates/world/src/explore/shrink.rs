//! Making a failing run small.

use super::bounds::{Bounds, Run};
use super::once::replay;
use super::report::Violation;

/// Makes a failing vector shorter and quieter for as long as it still fails.
pub(super) fn shrink(bounds: Bounds, run: &impl Run, what: String, mut choices: Vec<u32>) -> Violation {
    let fails = |choices: &[u32]| replay(bounds, run, choices).0.err();
    let mut what = what;
    loop {
        let before = choices.clone();
        while choices.last() == Some(&0) {
            choices.pop();
        }
        for at in (0..choices.len()).rev() {
            let cut = choices[..at].to_vec();
            let mut quieter = choices.clone();
            quieter[at] = 0;
            let mut without = choices.clone();
            without.remove(at);
            for candidate in [cut, quieter, without] {
                if candidate != choices
                    && candidate.len() <= choices.len()
                    && weight(&candidate) < weight(&choices)
                    && let Some(why) = fails(&candidate)
                {
                    choices = candidate;
                    what = why;
                    break;
                }
            }
        }
        if choices == before {
            break;
        }
    }
    let (_, timeline) = replay(bounds, run, &choices);
    let replay = choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    Violation { what, choices, replay, timeline }
}

fn weight(choices: &[u32]) -> (usize, usize, u64) {
    let busy = choices.iter().filter(|c| **c > 0).count();
    (busy, choices.len(), choices.iter().map(|c| u64::from(*c)).sum())
}
