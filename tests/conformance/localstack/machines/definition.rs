//! A plan as a definition in the Amazon States Language.

use serde_json::{Map, Value, json};

use super::plan::{Call, End, ExecutionStep, FIELDS, Fate, Handling, Keep, Pass, Place, Plan, Task};

/// What the tasks of a machine call.
#[derive(Debug, Clone)]
pub struct Targets {
    pub table: String,
    /// The partition of the rows [`THERE`] and [`RETRY`]1.
    pub partition: String,
    /// The URL of a queue, but for its last character, which is `1`.
    pub queue: String,
}

/// The row that every update finds.
pub const THERE: &str = "there";
/// With `1`, the row that only a first retry finds.
pub const RETRY: &str = "retry-";

/// A machine's definition.
///
/// A state is named by the scope that it is in, `S`, and a number; a scope by its state, and `b` and a number
/// for a branch, or `m` for the iterations of a Map.
pub fn definition(plan: &Plan, targets: &Targets) -> Value {
    Writer { targets, names: 0 }.scope("", &plan.steps, plan.end, false)
}

struct Writer<'a> {
    targets: &'a Targets,
    names: u32,
}

impl Writer<'_> {
    fn name(&mut self, scope: &str) -> String {
        self.names += 1;
        format!("{scope}S{}", self.names)
    }

    /// The states of a scope. In a safe one nothing fails: of branches that fail at once, which is heard
    /// first is left to chance, and what the others have done by then.
    fn scope(&mut self, scope: &str, steps: &[ExecutionStep], end: End, safe: bool) -> Value {
        let mut states = Map::new();
        let last = self.name(scope);
        states.insert(
            last.clone(),
            match end {
                End::Fail if !safe => json!({"Type": "Fail", "Error": "Failed", "Cause": "because"}),
                End::Pass => json!({"Type": "Pass", "Result": true, "ResultPath": "$.ended", "End": true}),
                End::Succeed | End::Fail => json!({"Type": "Succeed"}),
            },
        );
        let start = self.steps(scope, steps, last, safe, &mut states);
        json!({"StartAt": start, "States": states})
    }

    /// Writes steps that go on with `next`, and gives the name of the first state.
    fn steps(
        &mut self,
        scope: &str,
        steps: &[ExecutionStep],
        next: String,
        safe: bool,
        states: &mut Map<String, Value>,
    ) -> String {
        steps.iter().rev().fold(next, |next, step| self.step(scope, step, &next, safe, states))
    }

    fn step(
        &mut self,
        scope: &str,
        step: &ExecutionStep,
        next: &str,
        safe: bool,
        states: &mut Map<String, Value>,
    ) -> String {
        let name = self.name(scope);
        let mut state = match step {
            ExecutionStep::Wait => json!({"Type": "Wait", "Seconds": 0}),
            ExecutionStep::Pass(pass) => self::pass(pass),
            ExecutionStep::Task(task) => self.task(task, safe),
            ExecutionStep::Choice { test, then } => {
                let then = self.steps(scope, then, next.to_owned(), safe, states);
                let mut rule = test.clone();
                rule["Next"] = json!(then);
                states.insert(name.clone(), json!({"Type": "Choice", "Choices": [rule], "Default": next}));
                return name;
            }
            ExecutionStep::Parallel { branches, fails, keep, .. } => {
                let branches = branches.iter().enumerate().map(|(i, steps)| {
                    let end = if *fails && i == 0 { End::Fail } else { End::Pass };
                    self.scope(&format!("{name}b{i}"), steps, end, safe || i > 0)
                });
                let branches: Vec<Value> = branches.collect();
                with(json!({"Type": "Parallel", "Branches": branches}), &kept(keep, "$[0].n"))
            }
            ExecutionStep::Map { steps, at_once, keep } => {
                let mut processor = self.scope(&format!("{name}m"), steps, End::Pass, true);
                processor["ProcessorConfig"] = json!({"Mode": "INLINE"});
                let mut selector = all_fields();
                selector["item.$"] = json!("$$.Map.Item.Value");
                selector["at.$"] = json!("$$.Map.Item.Index");
                let state = json!({
                    "Type": "Map", "ItemsPath": "$.list", "ItemSelector": selector, "ItemProcessor": processor,
                    "MaxConcurrency": at_once,
                });
                with(state, &kept(keep, "$[0].at"))
            }
        };
        if let ExecutionStep::Task(Task { handling, .. }) | ExecutionStep::Parallel { handling, .. } = step {
            self.handle(scope, handling, next, &mut state, states);
        }
        state["Next"] = json!(next);
        states.insert(name.clone(), state);
        name
    }

    fn task(&self, task: &Task, safe: bool) -> Value {
        let Targets { table, partition, queue } = self.targets;
        let fate = if safe { Fate::Works } else { task.fate };
        let (resource, parameters, selected) = match task.call {
            Call::Send => {
                let mut parameters = json!({"MessageBody": task.template});
                match fate {
                    Fate::Works => parameters["QueueUrl"] = json!(format!("{queue}1")),
                    Fate::Fails => parameters["QueueUrl"] = json!(format!("{queue}none")),
                    Fate::FailsFirst => {
                        let url = format!("States.Format('{queue}{{}}', $$.State.RetryCount)");
                        parameters["QueueUrl.$"] = json!(url);
                    }
                }
                ("sqs:sendMessage", parameters, None)
            }
            Call::Update => {
                let row = match fate {
                    Fate::Works => json!({"S": THERE}),
                    Fate::Fails => json!({"S": "none"}),
                    Fate::FailsFirst => {
                        json!({"S.$": format!("States.Format('{RETRY}{{}}', $$.State.RetryCount)")})
                    }
                };
                let parameters = json!({
                    "TableName": table,
                    "Key": {"pk": {"S": partition}, "sk": row},
                    "UpdateExpression": "SET told = :told",
                    "ConditionExpression": "attribute_exists(pk)",
                    "ExpressionAttributeValues": {":told": {"S.$": "States.Format('{}{}', $.n, $.s)"}},
                    "ReturnValues": "UPDATED_NEW",
                });
                ("dynamodb:updateItem", parameters, Some("$.Attributes.told.S"))
            }
        };
        let mut state = json!({
            "Type": "Task", "Resource": format!("arn:aws:states:::{resource}"), "Parameters": parameters,
        });
        // A message has an id of its own on each side.
        let keep = match selected {
            Some(selected) => kept(&task.keep, selected),
            None => {
                json!({"ResultSelector": {"sent": true, "by.$": "$$.State.Name"}, "ResultPath": "$.sent"})
            }
        };
        state = with(state, &keep);
        state
    }

    fn handle(
        &mut self,
        scope: &str,
        handling: &Handling,
        next: &str,
        state: &mut Value,
        states: &mut Map<String, Value>,
    ) {
        if let Some((names, once)) = &handling.retry {
            let most = u32::from(*once);
            state["Retry"] = json!([{"ErrorEquals": names, "IntervalSeconds": 1, "MaxAttempts": most}]);
        }
        let mut catch = Vec::new();
        for (names, place) in &handling.catch {
            let name = self.name(scope);
            let mut catcher = json!({"ErrorEquals": names, "Next": name});
            set_place(&mut catcher, place);
            // An error that replaced the input gives way to fields that others can go on with.
            let handler = if place.is_some() {
                json!({"Type": "Pass", "Result": "handled", "ResultPath": "$.by", "Next": next})
            } else {
                json!({"Type": "Pass", "Next": next, "Parameters": {
                    "n": 9, "s": "e", "flag": false, "list": [8], "no": null, "was.$": "$.Error",
                    "deep": {"a": 1, "t": "2026-01-02T03:04:05Z"},
                }})
            };
            states.insert(name, handler);
            catch.push(catcher);
        }
        if !catch.is_empty() {
            state["Catch"] = json!(catch);
        }
    }
}

fn pass(pass: &Pass) -> Value {
    let mut state = json!({"Type": "Pass"});
    match pass {
        Pass::Copies => {}
        Pass::Puts(value, place) => {
            state["Result"] = value.clone();
            set_place(&mut state, place);
        }
        Pass::Fills(template, place) => {
            state["Parameters"] = template.clone();
            set_place(&mut state, place);
        }
        Pass::Moves(path, place) => {
            state["InputPath"] = json!(path);
            set_place(&mut state, place);
        }
        Pass::Unwraps => {
            state["Parameters"] = json!({"box": all_fields()});
            state["OutputPath"] = json!("$.box");
        }
        Pass::Misses("Parameters") => state["Parameters"] = json!({"x.$": "$.missing"}),
        Pass::Misses(field) => state[*field] = json!("$.missing"),
    }
    state
}

/// A template of all fields that every state's input has.
fn all_fields() -> Value {
    Value::Object(FIELDS.iter().map(|name| (format!("{name}.$"), json!(format!("$.{name}")))).collect())
}

fn set_place(state: &mut Value, place: &Place) {
    if let Some(place) = place {
        state["ResultPath"] = json!(place);
    }
}

/// The fields that keep a result; `part` is what a selector takes of it.
fn kept(keep: &Keep, part: &str) -> Value {
    match keep {
        Keep::Nothing => json!({"ResultPath": null}),
        Keep::At(path) => json!({"ResultPath": path}),
        Keep::Selected(path) => json!({"ResultSelector": {"part.$": part, "of": "it"}, "ResultPath": path}),
    }
}

fn with(mut state: Value, more: &Value) -> Value {
    if let (Value::Object(state), Value::Object(more)) = (&mut state, more) {
        state.extend(more.clone());
    }
    state
}
