//! Least privilege, proven: what the policies of the template allow is what the handlers do, call for call.
//!
//! The handlers run through all workloads of the world; each call that they make is looked up in the adapters'
//! tables of IAM actions. A missing permission fails here and not in production, and so does one too many.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of a test")]

#[path = "../core/tests/world/mod.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use serde_norway::Value;
use tenfold_world::{Bounds, Memory, Order, Site, sample};
use world::workloads::ALL;

/// A role's actions on resources, as `dynamodb:GetItem on Table`.
type Rights = BTreeMap<String, BTreeSet<String>>;

fn used() -> Rights {
    let mut rights = Rights::new();
    let bounds =
        Bounds { faults: 2, order: Order::Calls, stale_reads: true, runs: 3_000, ..Bounds::default() };
    for workload in ALL {
        let report = sample(bounds, 7, &mut Memory::default(), workload.run);
        for (site, _) in report.coverage.keys() {
            for (action, resource) in actions(site) {
                rights.entry(site.role.to_owned()).or_default().insert(format!("{action} on {resource}"));
            }
        }
    }
    rights
}

/// The IAM actions of a call, and on what.
fn actions(site: &Site) -> Vec<(&'static str, &'static str)> {
    let (port, method) = site.call.split_once('.').expect("port.method");
    let table = match port {
        "table" => tenfold_aws::table::ACTIONS,
        "queue" => tenfold_aws::queue::ACTIONS,
        "downstream" => tenfold_aws::downstream::ACTIONS,
        other => panic!("no adapter for the port {other}"),
    };
    let (_, actions) =
        table.iter().find(|(m, _)| *m == method).unwrap_or_else(|| panic!("no actions for {site}"));
    let resource = match (port, site.about) {
        ("queue", "retries") => "RetryQueue",
        ("queue", _) => "DeadLetterQueue",
        (_, "queue") => "Table/index/queue",
        _ => "Table",
    };
    // Of the writes only the kinds that are made: what deletes says so.
    let wanted = |action: &&str| match *action {
        "dynamodb:PutItem" => {
            !site.about.starts_with("(delete)") && (method == "transact" || !site.about.ends_with("(delete)"))
        }
        "dynamodb:DeleteItem" => site.about.contains("(delete)"),
        "dynamodb:UpdateItem" | "dynamodb:ConditionCheckItem" => false,
        _ => true,
    };
    actions.iter().copied().filter(wanted).map(|action| (action, resource)).collect()
}

fn allowed() -> Rights {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/sam/circuit-breaker.yaml");
    let text = std::fs::read_to_string(template).expect("the template");
    let mut template: Value = serde_norway::from_str(&text).expect("YAML");
    template.apply_merge().expect("YAML merges");
    let mut rights = Rights::new();
    let resources = template["Resources"].as_mapping().expect("resources");
    for (_, role) in resources.iter().filter(|(_, r)| r["Type"] == "AWS::IAM::Role") {
        for policy in role["Properties"]["Policies"].as_sequence().into_iter().flatten() {
            let name = policy["PolicyName"].as_str().expect("a policy's name").to_owned();
            let statements = policy["PolicyDocument"]["Statement"].as_sequence();
            for statement in statements.into_iter().flatten() {
                let resource = resource(&statement["Resource"]);
                let actions = match &statement["Action"] {
                    Value::Sequence(all) => all.iter().filter_map(Value::as_str).collect(),
                    one => vec![one.as_str().expect("an action")],
                };
                for action in actions.into_iter().filter(|a| !a.starts_with("logs:")) {
                    rights.entry(name.clone()).or_default().insert(format!("{action} on {resource}"));
                }
            }
        }
    }
    rights
}

/// `!GetAtt Table.Arn` or `!Sub ${Table.Arn}/index/queue`.
fn resource(value: &Value) -> String {
    let Value::Tagged(tagged) = value else {
        panic!("a resource should be !GetAtt or !Sub, and is {value:?}")
    };
    let text = tagged.value.as_str().expect("text");
    text.replace("${", "").replace('}', "").replace(".Arn", "")
}

#[test]
fn the_policies_allow_what_the_handlers_do_and_nothing_else() {
    let (used, allowed) = (used(), allowed());
    for (role, used) in &used {
        let allowed = allowed.get(role).unwrap_or_else(|| panic!("no policy named {role}"));
        let missing: Vec<_> = used.difference(allowed).collect();
        let needless: Vec<_> = allowed.difference(used).collect();
        assert!(
            missing.is_empty() && needless.is_empty(),
            "{role} lacks {missing:?} and does not need {needless:?}"
        );
    }
    assert_eq!(used.keys().collect::<Vec<_>>(), allowed.keys().collect::<Vec<_>>());
}
