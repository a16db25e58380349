//! Least privilege: the policies of the template allow what the handlers do in the world, and nothing else.

#[path = "../core/tests/world/mod.rs"]
mod world;

use tenfold_permissions::{Template, difference, together, used};
use tenfold_world::Site;

/// What a call is about, by its name in the template.
fn resource(site: &Site) -> Option<&'static str> {
    Some(match (site.call.split('.').next()?, site.about) {
        ("queue", "retries") => "RetryQueue",
        ("queue", _) => "DeadLetterQueue",
        ("table", "queue") => "Table/index/queue",
        ("table", _) => "Table",
        // Of IAM a target knows nothing.
        _ => "",
    })
}

#[test]
fn the_policies_allow_what_the_handlers_do_and_nothing_else() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/sam/circuit-breaker.yaml");
    let template = Template::read(template).unwrap();
    let needed = together(used(world::workloads::ALL, resource).unwrap(), template.polled().unwrap());
    assert_eq!(difference(&needed, &template.allowed().unwrap()), <[String; 0]>::default());
}
