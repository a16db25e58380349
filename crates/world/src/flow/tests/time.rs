//! Waits and time-outs.

use jiff::SignedDuration;

use super::*;

fn slept(wait: Value, input: Value) -> Vec<f64> {
    let mut state = json!({"Type": "Wait", "End": true});
    state.as_object_mut().unwrap().extend(wait.as_object().unwrap().clone());
    let ran = pass(&one(state), input.clone());
    assert_eq!(*ran.output(), input);
    ran.slept
}

/// States Language, "Wait State"; every execution here begins at 03:04:05.
#[test]
fn a_wait_waits_for_so_long_or_until_then() {
    assert_eq!(slept(json!({"Seconds": 10}), json!({})), [10.0]);
    assert_eq!(slept(json!({"Seconds": 0}), json!({})), [] as [f64; 0]);
    assert_eq!(slept(json!({"SecondsPath": "$.s"}), json!({"s": 3})), [3.0]);
    assert_eq!(slept(json!({"Timestamp": "2026-01-02T03:05:05Z"}), json!({})), [60.0]);
    assert_eq!(slept(json!({"Timestamp": "2016-03-14T01:59:00Z"}), json!({})), [] as [f64; 0]);
    let path = json!({"TimestampPath": "$.expirydate"});
    assert_eq!(slept(path, json!({"expirydate": "2026-01-02T03:04:06.5Z"})), [1.5]);
}

#[test]
fn a_wait_fails_on_what_is_no_time() {
    for (wait, input) in [
        (json!({"SecondsPath": "$.s"}), json!({})),
        (json!({"SecondsPath": "$.s"}), json!({"s": -1})),
        (json!({"SecondsPath": "$.s"}), json!({"s": "1"})),
        (json!({"TimestampPath": "$.t"}), json!({"t": "tomorrow"})),
    ] {
        let mut state = json!({"Type": "Wait", "End": true});
        state.as_object_mut().unwrap().extend(wait.as_object().unwrap().clone());
        assert_eq!(pass(&one(state), input).error(), error::RUNTIME, "{wait}");
    }
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[track_caller]
fn invoked(step: ExecutionStep) -> (TaskId, Timestamp) {
    match step {
        ExecutionStep::Invoke { task, deadline, .. } => (task, deadline),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_after_the_deadline_is_not_heard() {
    let retry = json!([{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 5, "MaxAttempts": 1}]);
    let machine = one(task(json!({"TimeoutSeconds": 30, "Retry": retry})));
    let mut execution = Execution::start(&machine, "one", json!({}), begin());
    let never = &mut || panic!("there is no jitter");
    let (first, deadline) = invoked(execution.next(begin(), never));
    assert_eq!(deadline, begin() + seconds(30));
    assert_eq!(execution.next(begin() + seconds(29), never), ExecutionStep::Wait(deadline));
    assert_eq!(execution.next(deadline, never), ExecutionStep::Wait(begin() + seconds(35)));
    assert!(!execution.resume(first, Ok(json!(1)), deadline + seconds(1)), "it has timed out");
    let (second, deadline) = invoked(execution.next(begin() + seconds(35), never));
    assert_ne!(first, second);
    assert!(!execution.resume(first, Ok(json!(1)), deadline), "another task is on its way");
    assert!(execution.resume(second, Ok(json!(2)), deadline), "just in time");
    assert!(!execution.resume(second, Ok(json!(3)), deadline), "one answer is enough");
    assert_eq!(
        execution.next(deadline, never),
        ExecutionStep::Ended(ExecutionOutcome::Succeeded(json!(2).into()))
    );
    assert_eq!(execution.transitions(), 2);
}

#[test]
fn an_answer_past_its_deadline_comes_too_late_although_nobody_looked() {
    let machine = one(task(json!({"TimeoutSeconds": 30})));
    let mut execution = Execution::start(&machine, "one", json!({}), begin());
    let (task, deadline) = invoked(execution.next(begin(), &mut || 0.0));
    let late = deadline + SignedDuration::from_millis(1);
    assert!(!execution.resume(task, Ok(json!(1)), late));
    let timeout = ExecutionOutcome::Failed(TaskError::new(error::TIMEOUT, ""));
    assert_eq!(execution.next(late, &mut || 0.0), ExecutionStep::Ended(timeout));
}

/// The machine's own time-out is not an error of a state: nothing catches it.
#[test]
fn a_machine_out_of_time_has_timed_out() {
    let all = json!([{"ErrorEquals": ["States.ALL"], "Next": "B"}]);
    let states = json!({"A": task(json!({"TimeoutSeconds": 60, "Catch": all})), "B": {"Type": "Succeed"}});
    let machine = machine(&json!({"StartAt": "A", "TimeoutSeconds": 40, "States": states}));
    let mut execution = Execution::start(&machine, "one", json!({}), begin());
    let (task, deadline) = invoked(execution.next(begin(), &mut || 0.0));
    assert_eq!(deadline, begin() + seconds(40), "no task outlives its execution");
    assert_eq!(execution.next(deadline, &mut || 0.0), ExecutionStep::Ended(ExecutionOutcome::TimedOut));
    assert!(!execution.resume(task, Ok(json!(1)), deadline));
}

/// Developer guide, "Step Functions service quotas".
#[test]
fn no_execution_is_older_than_a_year() {
    let mut execution = Execution::start(&one(task(json!({}))), "one", json!({}), begin());
    let (_, deadline) = invoked(execution.next(begin(), &mut || 0.0));
    assert_eq!(deadline, begin() + seconds(365 * 24 * 60 * 60));
    assert_eq!(execution.next(deadline, &mut || 0.0), ExecutionStep::Ended(ExecutionOutcome::TimedOut));
}
