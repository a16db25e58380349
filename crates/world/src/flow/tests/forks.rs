//! Parallel and Map.

use super::*;

/// A branch of one task that is given its name.
fn branch(name: &str, more: Value) -> Value {
    let mut more = more;
    more["Parameters"] = json!({"name": name, "input.$": "$"});
    json!({"StartAt": name, "States": {name: task(more)}})
}

fn parallel(branches: &[Value], more: Value) -> AslMachine {
    let mut state = json!({"Type": "Parallel", "Branches": branches, "Next": "End"});
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let states = json!({"Both": state, "End": {"Type": "Succeed"}});
    machine(&json!({"StartAt": "Both", "States": states}))
}

/// States Language, "Parallel State".
#[test]
fn branches_get_the_same_input_and_give_an_array_in_their_order() {
    let machine = parallel(&[branch("Add", json!({})), branch("Subtract", json!({}))], json!({}));
    let ran = run(&machine, json!([3, 2]), |_, call| {
        let (a, b) = (call["input"][0].as_i64().unwrap(), call["input"][1].as_i64().unwrap());
        Ok(json!(if call["name"] == "Add" { a + b } else { a - b }))
    });
    assert_eq!(*ran.output(), json!([5, 1]));
    assert_eq!(ran.states(), ["Both", "Add", "Subtract", "End"]);
    assert_eq!(ran.execution.transitions(), 4);
}

fn both_called(execution: &mut Execution) -> [TaskId; 2] {
    [(); 2].map(|()| match execution.next(begin(), &mut || 0.0) {
        ExecutionStep::Invoke { task, .. } => task,
        other => panic!("{other:?}"),
    })
}

#[test]
fn branches_run_at_once_and_end_in_any_order() {
    let machine = parallel(&[branch("A", json!({})), branch("B", json!({}))], json!({}));
    let mut execution = Execution::start(&machine, "one", json!({}), begin());
    let [a, b] = both_called(&mut execution);
    assert!(matches!(execution.next(begin(), &mut || 0.0), ExecutionStep::Wait(_)));
    assert!(execution.resume(b, Ok(json!("b")), begin()));
    assert!(matches!(execution.next(begin(), &mut || 0.0), ExecutionStep::Wait(_)));
    assert!(execution.resume(a, Ok(json!("a")), begin()));
    let ended = ExecutionStep::Ended(ExecutionOutcome::Succeeded(json!(["a", "b"]).into()));
    assert_eq!(execution.next(begin(), &mut || 0.0), ended);
}

#[test]
fn a_branch_that_fails_ends_the_others() {
    let catch = json!([{"ErrorEquals": ["Broken"], "ResultPath": "$.error", "Next": "End"}]);
    let machine = parallel(&[branch("A", json!({})), branch("B", json!({}))], json!({"Catch": catch}));
    let mut execution = Execution::start(&machine, "one", json!({}), begin());
    let [a, b] = both_called(&mut execution);
    assert!(execution.resume(b, Err(error("Broken")), begin()));
    let output = json!({"error": {"Error": "Broken", "Cause": "Broken happened"}});
    assert_eq!(
        execution.next(begin(), &mut || 0.0),
        ExecutionStep::Ended(ExecutionOutcome::Succeeded(output.into()))
    );
    assert!(!execution.resume(a, Ok(json!("a")), begin()), "nobody waits for it any more");
}

/// Nobody may count on a branch's failure keeping another's task from being called.
#[test]
fn a_branch_calls_its_task_although_one_before_it_fails_at_once() {
    let fails = json!({"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Never"}}});
    let machine = parallel(&[fails, branch("B", json!({}))], json!({}));
    let mut execution = Execution::start(&machine, "one", json!({}), begin());
    assert!(matches!(execution.next(begin(), &mut || 0.0), ExecutionStep::Invoke { .. }));
    let failed = ExecutionOutcome::Failed(TaskError::new("Never", ""));
    assert_eq!(execution.next(begin(), &mut || 0.0), ExecutionStep::Ended(failed));
}

#[test]
fn a_parallel_is_retried_whole() {
    let retry = json!([{"ErrorEquals": ["Busy"], "IntervalSeconds": 2}]);
    let machine = parallel(&[branch("A", json!({})), branch("B", json!({}))], json!({"Retry": retry}));
    let ran = run(
        &machine,
        json!({}),
        |n, call| if n == 1 { Err(error("Busy")) } else { Ok(call["name"].clone()) },
    );
    assert_eq!(*ran.output(), json!(["A", "B"]));
    assert_eq!((ran.slept.as_slice(), ran.calls.len()), ([2.0].as_slice(), 4));
    assert_eq!(ran.states(), ["Both", "A", "B", "A", "B", "End"]);
    assert_eq!(ran.execution.transitions(), 7, "six states entered, and a retry");
}

#[test]
fn what_ends_an_execution_ends_it_out_of_a_branch() {
    let broken = branch("A", json!({"ResultSelector": {"x.$": "$.none"}}));
    let catch = json!([{"ErrorEquals": ["States.ALL"], "Next": "End"}]);
    let ran = run(&parallel(&[broken], json!({"Catch": catch})), json!({}), |_, _| Ok(json!({})));
    assert_eq!(ran.error(), error::RUNTIME);
}

#[test]
fn branches_may_fork_too() {
    let inner = json!({"Type": "Parallel", "Branches": [branch("A", json!({})), branch("B", json!({}))], "End": true});
    let outer = [json!({"StartAt": "Inner", "States": {"Inner": inner}}), branch("C", json!({}))];
    let ran = run(&parallel(&outer, json!({})), json!({}), |_, call| Ok(call["name"].clone()));
    assert_eq!(*ran.output(), json!([["A", "B"], "C"]));
}

/// States Language, "Map State".
#[test]
fn a_map_goes_through_its_items() {
    let shipped = json!([
        {"prod": "R31", "dest-code": 9511, "quantity": 1344},
        {"prod": "S39", "dest-code": 9511, "quantity": 40},
    ]);
    let input = json!({"ship-date": "2016-03-14T01:59:00Z", "detail": {"delivery-partner": "UQS", "shipped": shipped}});
    let state = |more: Value| {
        let mut state = json!({
            "Type": "Map", "InputPath": "$.detail", "ItemsPath": "$.shipped", "MaxConcurrency": 0,
            "ResultPath": "$.detail.shipped", "End": true,
        });
        state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one(state)
    };
    let iterator = json!({"StartAt": "Validate", "States": {"Validate": task(json!({}))}});
    let ran = run(&state(json!({"Iterator": iterator})), input.clone(), |_, item| Ok(item["prod"].clone()));
    assert_eq!(ran.output()["detail"], json!({"delivery-partner": "UQS", "shipped": ["R31", "S39"]}));
    assert_eq!(ran.calls[0].1, shipped[0]);
    assert_eq!(ran.execution.transitions(), 3);

    let template = json!({"parcel.$": "$$.Map.Item.Value", "n.$": "$$.Map.Item.Index", "courier.$": "$.delivery-partner"});
    for (processor, selector) in [("Iterator", "Parameters"), ("ItemProcessor", "ItemSelector")] {
        let ran =
            run(&state(json!({processor: iterator, selector: template})), input.clone(), |_, _| Ok(json!(1)));
        assert_eq!(ran.calls[1].1, json!({"parcel": shipped[1], "n": 1, "courier": "UQS"}));
    }
}

fn map(concurrency: u32) -> AslMachine {
    let processor =
        json!({"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "X", "States": {"X": task(json!({}))}});
    one(json!({"Type": "Map", "MaxConcurrency": concurrency, "ItemProcessor": processor, "End": true}))
}

#[test]
fn a_map_calls_no_more_at_once_than_it_may() {
    for (concurrency, items, at_once) in [(1, 3, 1), (2, 5, 2), (0, 50, 40), (100, 50, 40), (7, 3, 3)] {
        let input: Vec<u32> = (0..items).collect();
        let mut execution = Execution::start(&map(concurrency), "one", json!(input), begin());
        let (mut waiting, mut most) = (std::collections::VecDeque::new(), 0);
        let output = loop {
            match execution.next(begin(), &mut || 0.0) {
                ExecutionStep::Invoke { task, input, .. } => waiting.push_back((task, input)),
                ExecutionStep::Wait(_) => {
                    most = most.max(waiting.len());
                    let (task, input) = waiting.pop_front().unwrap();
                    assert!(execution.resume(task, Ok(input.into_value()), begin()));
                }
                ExecutionStep::Ended(ExecutionOutcome::Succeeded(output)) => break output,
                ExecutionStep::Ended(other) => panic!("{other}"),
            }
        };
        assert_eq!((output, most), (json!(input).into(), at_once));
    }
}

#[test]
fn a_map_of_nothing_is_an_empty_array_and_of_no_array_an_error() {
    assert_eq!(*pass(&map(0), json!([])).output(), json!([]));
    assert_eq!(pass(&map(0), json!({"a": 1})).error(), error::RUNTIME);
}
