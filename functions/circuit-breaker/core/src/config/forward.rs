//! Reading what of a request goes through to the target.

use std::collections::BTreeSet;

use smol_str::SmolStr;
use tenfold_pattern::http::Fields;
use tenfold_pattern::http::fields::Node;
use tenfold_pattern::http::forwarding::may_be_below;
use tenfold_ports::downstream::Method;

use super::Forward;

/// The most paths that a target's configuration names.
const PATHS_MOST: usize = 20;
/// The longest of them, in bytes.
const PATH_MOST: usize = 200;

/// Reads the field `forward`.
pub(super) fn forward(fields: &mut Fields) -> Forward {
    let mut inner = fields.object("forward");
    let forward = Forward {
        methods: methods(&mut inner),
        paths: paths(&mut inner),
        query: inner.flag_or("query", false),
    };
    fields.close(inner);
    forward
}

fn methods(fields: &mut Fields) -> BTreeSet<Method> {
    let listed = fields.list("methods", Method::ALL.len());
    if listed.is_empty() {
        return Forward::default().methods;
    }
    let mut methods = BTreeSet::new();
    for element in listed {
        let named = if let Node::Text(name) = &element { Method::named(name) } else { None };
        let Some(method) = named else {
            let all = Method::ALL.map(|(name, _)| name).join(", ");
            fields.fault::<()>("methods", format!("holds {element}; the methods are {all}"));
            break;
        };
        methods.insert(method);
    }
    methods
}

fn paths(fields: &mut Fields) -> Vec<SmolStr> {
    let mut paths: Vec<SmolStr> = Vec::new();
    for element in fields.list("paths", PATHS_MOST) {
        let wrong = match &element {
            Node::Text(path) if path.len() > PATH_MOST => Err("is longer than 200 bytes"),
            Node::Text(path) => may_be_below(path),
            _ => Err("is no text"),
        };
        match (wrong, element) {
            (Ok(()), Node::Text(path)) => paths.push(path.into()),
            (wrong, element) => {
                let why = wrong.err().unwrap_or("is no path");
                fields.fault::<()>("paths", format!("holds {element}, which {why}"));
                break;
            }
        }
    }
    paths
}
