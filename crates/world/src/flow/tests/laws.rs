//! What holds for every machine of a kind.

use std::hash::BuildHasher;

use proptest::prelude::*;
use rustc_hash::FxBuildHasher;

use super::*;

/// `n` tasks in a row.
fn chain(n: usize, more: &Value) -> AslMachine {
    let states = (0..n).map(|i| {
        let mut more = more.clone();
        if i + 1 < n {
            more["Next"] = json!(format!("S{}", i + 1));
        }
        (format!("S{i}"), task(more))
    });
    machine(&json!({"StartAt": "S0", "States": Value::Object(states.collect())}))
}

fn digest(execution: &Execution) -> u64 {
    FxBuildHasher.hash_one(execution)
}

const NAMES: [&str; 5] = ["A", "B", "C", "States.TaskFailed", "States.Timeout"];

fn error_names() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(&NAMES[..]), 1..3)
}

/// What the specification says, said again and otherwise.
fn is_for(names: &[&str], error: &str) -> bool {
    names.contains(&error)
        || names.contains(&"States.ALL")
        || (names.contains(&"States.TaskFailed") && error != "States.Timeout")
}

proptest! {
    #[test]
    fn n_tasks_that_succeed_take_n_transitions(n in 1..30_usize) {
        let ran = run(&chain(n, &json!({})), json!({}), |i, _| Ok(json!(i)));
        prop_assert_eq!(ran.execution.transitions() as usize, n);
        prop_assert_eq!(ran.calls.len(), n);
        prop_assert_eq!(ran.output(), &json!(n - 1));
    }

    #[test]
    fn a_task_that_keeps_failing_is_tried_once_and_as_often_as_it_may(
        most in 0..12_u32, interval in 1..9_u32, rate in 1..4_u32,
    ) {
        let retry = json!([{
            "ErrorEquals": ["States.ALL"], "MaxAttempts": most, "IntervalSeconds": interval, "BackoffRate": rate,
        }]);
        let ran = run(&one(task(json!({"Retry": retry}))), json!({}), |_, _| Err(error("Broken")));
        prop_assert_eq!(ran.error(), "Broken");
        prop_assert_eq!(ran.calls.len(), 1 + most as usize);
        prop_assert_eq!(ran.execution.transitions(), 1 + most);
        let delays: Vec<f64> = (0..most).map(|n| f64::from(interval * rate.pow(n))).collect();
        prop_assert_eq!(ran.slept, delays);
    }

    #[test]
    fn the_first_catcher_that_is_for_the_error_has_it(
        catchers in prop::collection::vec(error_names(), 0..4), all in any::<bool>(), which in 0..NAMES.len(),
    ) {
        let mut catchers: Vec<Vec<&str>> = catchers;
        if all {
            catchers.push(vec!["States.ALL"]);
        }
        let catch: Vec<Value> = catchers.iter().enumerate()
            .map(|(i, names)| json!({"ErrorEquals": names, "Next": format!("C{i}")})).collect();
        let mut states = json!({"A": task(json!({"Catch": catch}))});
        for i in 0..catchers.len() {
            states[format!("C{i}")] = json!({"Type": "Succeed"});
        }
        let failing = NAMES[which];
        let ran = run(&machine(&json!({"StartAt": "A", "States": states})), json!({}), |_, _| Err(error(failing)));
        if let Some(i) = catchers.iter().position(|names| is_for(names, failing)) {
            prop_assert_eq!(ran.states(), ["A".to_owned(), format!("C{i}")]);
        } else {
            prop_assert_eq!(ran.error(), failing);
        }
    }

    /// Of a run that is told what happened at every step: a clone made anywhere goes on like the original.
    #[test]
    fn a_clone_goes_on_like_the_original(n in 1..6_usize, at in 0..12_usize, failures in 0..3_usize) {
        let machine = chain(n, &json!({"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}]}));
        let mut now = begin();
        let mut one = Execution::start(&machine, "one", json!({}), now);
        let mut other = one.clone();
        for i in 0..40 {
            if i == at {
                other = one.clone();
            }
            if i >= at {
                prop_assert_eq!(digest(&one), digest(&other));
            }
            let step = one.next(now, &mut || 0.5);
            if i >= at {
                prop_assert_eq!(&step, &other.next(now, &mut || 0.5));
            }
            match step {
                ExecutionStep::Invoke { task, .. } => {
                    let answer = if i % 4 < failures { Err(error("Busy")) } else { Ok(json!(i)) };
                    prop_assert!(one.resume(task, answer.clone(), now));
                    prop_assert_eq!(other.resume(task, answer, now), i >= at);
                }
                ExecutionStep::Wait(until) => now = until,
                ExecutionStep::Ended(_) => break,
            }
        }
    }
}

#[test]
fn executions_hash_by_where_they_are_and_what_they_hold() {
    let machine = chain(2, &json!({"ResultPath": null}));
    let after = |name: &str, input: Value, answers: &[Value]| {
        let mut execution = Execution::start(&machine, name, input, begin());
        for answer in answers {
            match execution.next(begin(), &mut || 0.0) {
                ExecutionStep::Invoke { task, .. } => {
                    assert!(execution.resume(task, Ok(answer.clone()), begin()));
                }
                other => panic!("{other:?}"),
            }
        }
        execution.next(begin(), &mut || 0.0);
        digest(&execution)
    };
    let same = after("one", json!({}), &[json!(1)]);
    assert_eq!(same, after("one", json!({}), &[json!(2)]), "the result was dropped: the same from now on");
    assert_ne!(same, after("two", json!({}), &[json!(1)]));
    assert_ne!(same, after("one", json!(7), &[json!(1)]));
    assert_ne!(same, after("one", json!({}), &[]));
    assert_ne!(same, after("one", json!({}), &[json!(1), json!(1)]));
}

#[test]
fn events_do_not_make_executions_differ() {
    let mut execution = Execution::start(&chain(1, &json!({})), "one", json!({}), begin());
    execution.next(begin(), &mut || 0.0);
    let before = digest(&execution);
    assert_eq!(execution.take_events().len(), 2);
    assert_eq!(digest(&execution), before);
}
