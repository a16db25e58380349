//! Small state machines: what they are made of, so that one that differs can be made smaller.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// A machine and its input.
#[derive(Debug, Clone)]
pub struct Plan {
    pub steps: Vec<ExecutionStep>,
    pub end: End,
    pub input: Value,
}

/// A state, or a few that belong together.
#[derive(Debug, Clone)]
pub enum ExecutionStep {
    Pass(Pass),
    /// For no time.
    Wait,
    Choice {
        test: Value,
        then: Vec<ExecutionStep>,
    },
    Task(Task),
    Parallel {
        branches: Vec<Vec<ExecutionStep>>,
        /// Whether the first branch ends in a Fail.
        fails: bool,
        keep: Keep,
        handling: Handling,
    },
    Map {
        steps: Vec<ExecutionStep>,
        at_once: u32,
        keep: Keep,
    },
}

#[derive(Debug, Clone)]
pub enum Pass {
    Copies,
    Puts(Value, Place),
    /// With a template.
    Fills(Value, Place),
    /// With an input path.
    Moves(&'static str, Place),
    /// Wraps all fields, and unwraps them with its output path.
    Unwraps,
    /// Reads what is not there.
    Misses(&'static str),
}

#[derive(Debug, Clone)]
pub struct Task {
    pub call: Call,
    pub fate: Fate,
    /// What it says.
    pub template: Value,
    pub keep: Keep,
    pub handling: Handling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Send,
    Update,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Works,
    Fails,
    /// Unless it is a retry.
    FailsFirst,
}

/// What becomes of an error.
#[derive(Debug, Clone)]
pub struct Handling {
    /// The names that are retried once, or with false never.
    pub retry: Option<(Vec<&'static str>, bool)>,
    /// Which names are caught, and where the error goes.
    pub catch: Vec<(Vec<&'static str>, Place)>,
}

/// Where a result goes: `ResultPath`, which may be null or absent.
pub type Place = Option<Option<&'static str>>;

/// What of a result is kept, and where.
#[derive(Debug, Clone)]
pub enum Keep {
    Nothing,
    At(&'static str),
    /// A part of it, by a result selector.
    Selected(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Succeed,
    Pass,
    Fail,
}

/// Fields that every state's input has, so that most paths find something.
pub const FIELDS: [&str; 6] = ["n", "s", "flag", "list", "deep", "no"];

pub fn plan() -> impl Strategy<Value = Plan> {
    let input = (0..4_i64, select(vec!["x", "it's", "über", ""]), any::<bool>(), vec(0..5_i64, 1..4));
    let input = input.prop_map(|(n, s, flag, list)| {
        json!({"n": n, "s": s, "flag": flag, "list": list, "no": null,
            "deep": {"a": n + 1, "t": "2026-01-02T03:04:05Z"}})
    });
    let end = prop_oneof![3 => Just(End::Succeed), 3 => Just(End::Pass), 2 => Just(End::Fail)];
    let misses = select(vec!["InputPath", "Parameters", "OutputPath"])
        .prop_map(|field| ExecutionStep::Pass(Pass::Misses(field)));
    let step = prop_oneof![20 => step(1), 3 => step(2), 1 => misses];
    (vec(step, 1..4), end, input).prop_map(|(steps, end, input)| Plan { steps, end, input })
}

fn step(depth: u32) -> BoxedStrategy<ExecutionStep> {
    let flat = prop_oneof![
        4 => pass().prop_map(ExecutionStep::Pass),
        1 => Just(ExecutionStep::Wait),
        6 => task().prop_map(ExecutionStep::Task),
    ];
    if depth == 0 {
        return flat.boxed();
    }
    let inner = move || vec(step(depth - 1), 1..3);
    prop_oneof![
        7 => flat,
        3 => (test(2), inner()).prop_map(|(test, then)| ExecutionStep::Choice { test, then }),
        3 => (vec(inner(), 1..4), prop::bool::weighted(0.3), keep(), handling()).prop_map(
            |(branches, fails, keep, handling)| ExecutionStep::Parallel { branches, fails, keep, handling }
        ),
        1 => (inner(), 0..3_u32, keep()).prop_map(|(steps, at_once, keep)| ExecutionStep::Map { steps, at_once, keep }),
    ]
    .boxed()
}

fn place() -> impl Strategy<Value = Place> {
    let path = select(vec!["$.r", "$.deep.r", "$.new.er.place", "$['r-2']", "$.a_b"]);
    prop_oneof![4 => path.prop_map(|path| Some(Some(path))), 1 => Just(Some(None))]
}

fn keep() -> impl Strategy<Value = Keep> {
    prop_oneof![
        2 => Just(Keep::Nothing),
        3 => select(vec!["$.r", "$.both", "$.deep.r"]).prop_map(Keep::At),
        2 => select(vec!["$.r", "$.part"]).prop_map(Keep::Selected),
    ]
}

fn pass() -> impl Strategy<Value = Pass> {
    let fixed = select(vec![json!(1), json!("x"), json!({"a": [1, {"b": null}]}), json!([]), json!(false)]);
    prop_oneof![
        1 => Just(Pass::Copies),
        2 => (fixed, place()).prop_map(|(value, place)| Pass::Puts(value, place)),
        4 => (template(2), place()).prop_map(|(template, place)| Pass::Fills(template, place)),
        2 => (select(vec!["$.deep", "$.list[0]", "$.s"]), place()).prop_map(|(path, place)| Pass::Moves(path, place)),
        1 => Just(Pass::Unwraps),
    ]
}

fn task() -> impl Strategy<Value = Task> {
    let fate = prop_oneof![4 => Just(Fate::Works), 3 => Just(Fate::Fails), 2 => Just(Fate::FailsFirst)];
    let call = prop_oneof![Just(Call::Send), Just(Call::Update)];
    (call, fate, template(1), keep(), handling()).prop_map(|(call, fate, template, keep, handling)| Task {
        call,
        fate,
        template,
        keep,
        handling,
    })
}

fn handling() -> impl Strategy<Value = Handling> {
    let names = || {
        let own = vec![
            "DynamoDB.ConditionalCheckFailedException",
            "SQS.SdkClientException",
            "States.TaskFailed",
            "States.Timeout",
            "Failed",
            "Other",
        ];
        vec(select(own), 1..3)
    };
    let place = prop_oneof![3 => place(), 1 => Just(None)];
    let all = option::weighted(0.4, place);
    let place = prop_oneof![3 => self::place(), 1 => Just(None)];
    let retry = option::weighted(0.35, (names(), prop::bool::weighted(0.7)));
    (retry, vec((names(), place), 0..3), all).prop_map(|(retry, mut catch, all)| {
        catch.extend(all.map(|place| (vec!["States.ALL"], place)));
        Handling { retry, catch }
    })
}

/// A value whose fields read the input, the context object, or call a function.
fn template(depth: u32) -> BoxedStrategy<Value> {
    let read = select(vec![
        "$",
        "$.n",
        "$.s",
        "$.list",
        "$.list[0]",
        "$.list[*]",
        "$.list[0:2]",
        "$.deep.a",
        "$['deep']['a']",
        "$.no",
        "$$.Execution.Name",
        "$$.Execution.Input",
        "$$.Execution.Input.deep.a",
        "$$.State.Name",
        "States.Format('{} of {}', $.n, $.s)",
        "States.Format('so {} is {}, {}', 1, $.flag, $.no)",
        "States.JsonToString($.list)",
        "States.StringToJson('[1,{\"a\":null}]')",
        "States.Array($.n, 'x', $.flag, $.no, States.Format('{}', $.n))",
        "States.Array()",
    ]);
    let fixed = select(vec![json!(7), json!("$.n"), json!(null), json!([1, "x"]), json!({})]);
    let name = || select(vec!["a", "b", "c-d"]);
    let inner = if depth == 0 {
        fixed.clone().boxed()
    } else {
        let nested = template(depth - 1);
        prop_oneof![nested.clone(), nested.prop_map(|inner| json!([1, inner]))].boxed()
    };
    let field = prop_oneof![
        6 => (name(), read).prop_map(|(name, read)| (format!("{name}.$"), json!(read))),
        2 => (name(), fixed).prop_map(|(name, value)| (name.to_owned(), value)),
        2 => (name(), inner).prop_map(|(name, value)| (name.to_owned(), value)),
    ];
    vec(field, 1..4)
        .prop_map(|fields| {
            let mut all = serde_json::Map::new();
            for (name, value) in fields {
                let other = name.strip_suffix(".$").map_or_else(|| format!("{name}.$"), str::to_owned);
                if !all.contains_key(&other) {
                    all.insert(name, value);
                }
            }
            Value::Object(all)
        })
        .boxed()
}

/// A test of a Choice.
fn test(depth: u32) -> BoxedStrategy<Value> {
    let one = select(vec![
        json!({"Variable": "$.n", "NumericEquals": 2}),
        json!({"Variable": "$.n", "NumericLessThan": 2}),
        json!({"Variable": "$.n", "NumericGreaterThanEquals": 1}),
        json!({"Variable": "$.n", "NumericGreaterThanPath": "$.list[0]"}),
        json!({"Variable": "$.s", "NumericEquals": 2}),
        json!({"Variable": "$.s", "StringEquals": "x"}),
        json!({"Variable": "$.s", "StringLessThan": "y"}),
        json!({"Variable": "$.s", "StringMatches": "*t*s"}),
        json!({"Variable": "$.n", "StringEquals": "2"}),
        json!({"Variable": "$.flag", "BooleanEquals": true}),
        json!({"Variable": "$.no", "IsNull": true}),
        json!({"Variable": "$.deep", "IsNull": false}),
        json!({"Variable": "$.missing", "IsPresent": true}),
        json!({"Variable": "$.r", "IsPresent": false}),
        json!({"Variable": "$.s", "IsString": true}),
        json!({"Variable": "$.s", "IsNumeric": false}),
        json!({"Variable": "$.n", "IsBoolean": false}),
        json!({"Variable": "$.deep.t", "IsTimestamp": true}),
        json!({"Variable": "$.deep.t", "TimestampLessThan": "2026-01-02T03:04:06Z"}),
        json!({"Variable": "$.deep.t", "TimestampEquals": "2026-01-02T03:04:06Z"}),
    ]);
    if depth == 0 {
        return one.boxed();
    }
    prop_oneof![
        4 => one,
        1 => vec(test(depth - 1), 1..3).prop_map(|tests| json!({"And": tests})),
        1 => vec(test(depth - 1), 1..3).prop_map(|tests| json!({"Or": tests})),
        1 => test(depth - 1).prop_map(|test| json!({"Not": test})),
    ]
    .boxed()
}
