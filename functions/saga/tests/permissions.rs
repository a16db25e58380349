//! Least privilege: the policies of the template allow what the handlers do in the world, and nothing else.

#[path = "../core/tests/world/mod.rs"]
mod world;

use tenfold_permissions::{Template, difference, together, used};
use tenfold_world::Site;

/// What a call is about, by its name in the template.
fn resource(site: &Site) -> Option<&'static str> {
    Some(match (site.call, site.about) {
        // Who sends what nobody can read is no function.
        _ if site.role == "person" => return None,
        // The state machine's own, which its definition tells.
        ("flow.send", _) => return None,
        ("flow.start", _) => "StateMachine",
        ("queue.send", "letters") => "DeadLetterQueue",
        ("topic.publish", _) => "EventTopic",
        (_, "open") => "Table/index/open",
        _ => "Table",
    })
}

#[test]
fn the_policies_allow_what_the_handlers_do_and_nothing_else() {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/sam/saga.yaml");
    let template = Template::read(template).unwrap();
    let handlers = used(world::workloads::ALL, resource).unwrap();
    let by_aws = together(template.polled().unwrap(), template.driven().unwrap());
    assert_eq!(
        difference(&together(handlers, by_aws), &template.allowed().unwrap()),
        <[String; 0]>::default()
    );
}
