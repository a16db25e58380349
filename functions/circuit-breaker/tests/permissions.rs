//! Least privilege: the policies of the template allow what the handlers do in the world, and nothing else.

#[path = "../core/tests/world/mod.rs"]
mod world;

use std::collections::BTreeSet;

use circuit_breaker_core::config::SERVICES_OF_OUR_OWN;
use tenfold_permissions::{Template, difference, together, used};
use tenfold_world::Site;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/sam/circuit-breaker.yaml");

/// As the template names what targets may name for their credentials.
const PARAMETERS: &str = "arn:AWS::Partition:ssm:AWS::Region:AWS::AccountId:parameter/AWS::StackName/*";
const SECRETS: &str = "arn:AWS::Partition:secretsmanager:AWS::Region:AWS::AccountId:secret:AWS::StackName/*";

/// What a call is about, by its name in the template.
fn resource(site: &Site) -> Option<&'static str> {
    Some(match (site.call.split('.').next()?, site.about) {
        ("queue", "retries") => "RetryQueue",
        ("queue", _) => "DeadLetterQueue",
        ("table", "queue") => "Table/index/queue",
        ("table", _) => "Table",
        ("secrets", "parameter") => PARAMETERS,
        ("secrets", _) => SECRETS,
        // Of IAM a target knows nothing.
        _ => "",
    })
}

/// Calls are signed in the name of the functions' roles: whoever configures targets must not have what these may do
/// for the functions themselves.
#[test]
fn no_call_is_signed_for_a_service_in_which_the_functions_have_rights() {
    let template = std::fs::read_to_string(TEMPLATE).unwrap();
    let allowed = Template::read(TEMPLATE).unwrap().allowed().unwrap();
    let actions = allowed.values().flatten().map(String::as_str);
    // Of the rights that hang on a condition, and those on `*`, the template's text has the names.
    let words = template.lines().filter(|line| line.trim_start().starts_with(['A', '-']));
    let words = words.flat_map(|line| line.split(['[', ']', ',', ' '])).filter(|word| {
        let action = |(service, name): (&str, &str)| {
            service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                && name.starts_with(|first: char| first.is_ascii_uppercase())
                && name.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        word.split_once(':').is_some_and(action)
    });
    let services: BTreeSet<&str> = actions.chain(words).filter_map(|a| Some(a.split_once(':')?.0)).collect();
    // Who may take a role, call a function or tell a topic are no rights of the roles.
    let services: Vec<&str> =
        services.into_iter().filter(|s| !["lambda", "sns", "sts"].contains(s)).collect();
    assert_eq!(services, SERVICES_OF_OUR_OWN);
}

#[test]
fn the_policies_allow_what_the_handlers_do_and_nothing_else() {
    let template = Template::read(TEMPLATE).unwrap();
    let needed = together(used(world::workloads::ALL, resource).unwrap(), template.polled().unwrap());
    assert_eq!(difference(&needed, &template.allowed().unwrap()), <[String; 0]>::default());
}
