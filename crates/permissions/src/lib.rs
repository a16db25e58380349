//! Least privilege, proven: what the roles of a template allow is what their functions do, call for call.
//!
//! [`used`] runs a pattern's handlers through all workloads of the world and looks each call that they make up in
//! the adapters' tables of IAM actions. [`Template`] reads what the policies allow, and what Lambda and Step
//! Functions themselves do in the name of a role. [`difference`] says what one lacks and the other does not need:
//! a missing permission fails a test and not production, and so does one too many.
//!
//! A policy has the name that its role has in the world.
//!
//! Not here: who may call a function, a queue or a topic (resource policies), and the rights to write logs, which
//! every function has on its own group.

mod template;

use std::collections::{BTreeMap, BTreeSet};

pub use template::{Template, TemplateError};
use tenfold_aws::MethodActions;
use tenfold_world::{Bounds, Memory, Site, Workload, sample};

/// A role's actions on resources, as `dynamodb:GetItem on Table`.
pub type Rights = BTreeMap<String, BTreeSet<String>>;

/// How many runs of each workload are looked at, at random.
const RUNS: u64 = 1_000;

/// What the handlers do in the workloads. `resource` names what a site's call is about as the template does
/// (`Table/index/open` for an index), and nothing for a call that no function makes.
///
/// # Errors
/// A call that no adapter makes.
pub fn used(
    workloads: &[Workload],
    resource: impl Fn(&Site) -> Option<&'static str>,
) -> Result<Rights, NoAdapter> {
    let mut rights = Rights::new();
    for workload in workloads {
        let bounds = Bounds { faults: 2, runs: RUNS, ..workload.deep() };
        let report = sample(bounds, 7, &mut Memory::default(), workload.run);
        for (site, _) in report.coverage.keys() {
            let Some(resource) = resource(site) else { continue };
            let of_role = rights.entry(site.role.to_owned()).or_default();
            for action in actions(site)?.iter().filter(|action| is_made(site, action)) {
                of_role.insert(format!("{action} on {resource}"));
            }
        }
    }
    Ok(rights)
}

/// A call that no adapter makes.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is a call that no module of tenfold-aws has in its ACTIONS")]
pub struct NoAdapter(Site);

fn actions(site: &Site) -> Result<&'static [&'static str], NoAdapter> {
    let (port, method) = site.call.split_once('.').unwrap_or_default();
    let table: &[MethodActions] = match port {
        "table" => tenfold_aws::table::ACTIONS,
        "queue" => tenfold_aws::queue::ACTIONS,
        "topic" => tenfold_aws::topic::ACTIONS,
        "flow" => tenfold_aws::flow::ACTIONS,
        "downstream" => tenfold_aws::downstream::ACTIONS,
        "secrets" => tenfold_aws::secrets::ACTIONS,
        _ => &[],
    };
    let found = table.iter().find(|(name, _)| *name == method);
    found.map(|(_, actions)| *actions).ok_or(NoAdapter(*site))
}

/// Whether a call with several kinds of writes, or of one of several services, makes this one: the site says which.
fn is_made(site: &Site, action: &str) -> bool {
    const KINDS: [&str; 3] = ["(update)", "(delete)", "(check)"];
    let any = |kind| site.about.split(" + ").any(|row| row.ends_with(kind));
    match action {
        "dynamodb:PutItem" => {
            site.about.split(" + ").any(|row| !KINDS.iter().any(|kind| row.ends_with(kind)))
        }
        "dynamodb:UpdateItem" => any("(update)"),
        "dynamodb:DeleteItem" => any("(delete)"),
        "dynamodb:ConditionCheckItem" => any("(check)"),
        "ssm:GetParameter" => site.about == "parameter",
        "secretsmanager:GetSecretValue" => site.about == "secret",
        _ => true,
    }
}

/// Both together.
#[must_use]
pub fn together(mut one: Rights, other: Rights) -> Rights {
    for (role, actions) in other {
        one.entry(role).or_default().extend(actions);
    }
    one
}

/// What roles are not allowed though they need it, and are allowed though they do not: a line each, none where
/// all is well.
#[must_use]
pub fn difference(needed: &Rights, allowed: &Rights) -> Vec<String> {
    let roles: BTreeSet<&String> = needed.keys().chain(allowed.keys()).collect();
    let none = BTreeSet::new();
    let mut lines = Vec::new();
    for role in roles {
        let (needed, allowed) = (needed.get(role).unwrap_or(&none), allowed.get(role).unwrap_or(&none));
        lines.extend(needed.difference(allowed).map(|right| format!("{role} lacks {right}")));
        lines.extend(allowed.difference(needed).map(|right| format!("{role} does not need {right}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(all: &[(&str, &str)]) -> Rights {
        let mut rights = Rights::new();
        for (role, right) in all {
            rights.entry((*role).to_owned()).or_default().insert((*right).to_owned());
        }
        rights
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_said() {
        let needed = rights(&[("api", "a on T"), ("api", "b on T"), ("lone", "a on T")]);
        let allowed = rights(&[("api", "a on T"), ("api", "c on T"), ("idle", "a on T")]);
        let expected = [
            "api lacks b on T",
            "api does not need c on T",
            "idle does not need a on T",
            "lone lacks a on T",
        ];
        assert_eq!(difference(&needed, &allowed), expected);
        assert!(difference(&needed, &needed).is_empty());
    }

    #[test]
    fn a_transaction_needs_the_rights_of_the_writes_in_it() {
        let site = |about| Site { role: "api", call: "table.transact", about };
        let made = |about| -> Vec<&str> {
            let site = site(about);
            let all = actions(&site).unwrap();
            all.iter().copied().filter(|action| is_made(&site, action)).collect()
        };
        assert_eq!(made("saga + saga"), ["dynamodb:PutItem"]);
        assert_eq!(
            made("saga + saga (update) + stock (check)"),
            ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"]
        );
        assert_eq!(made("line (delete)"), ["dynamodb:DeleteItem"]);
    }

    #[test]
    fn a_call_without_an_adapter_is_named() {
        let site = Site { role: "api", call: "carrier.pigeon", about: "" };
        assert!(actions(&site).unwrap_err().to_string().contains("api carrier.pigeon"));
    }
}
