//! The floors of the source: what a file imports is on its own floor or below, and no files import each other in a
//! circle.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// From the top down; those in one line know nothing of each other.
const FLOORS: [&[&str]; 7] = [
    &["sim", "smoke", "harness"],
    &["explore"],
    &["ports"],
    &["run"],
    &["aws"],
    &["flow", "pattern"],
    &["kernel"],
];

/// Floors that use another of the same line.
const BESIDE: [(&str, &str); 1] = [("harness", "smoke")];

/// A module by its path: `["aws", "queue", "messages"]`.
type Module = Vec<String>;

/// The modules and their code, without comments and tests.
fn sources(folder: &Path, module: &[String], all: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let here = [module, std::slice::from_ref(&name)].concat();
        if path.is_dir() {
            sources(&path, &here, all);
        } else if name != "lib" && !here.iter().any(|name| name == "tests") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            all.insert(here, code.join("\n"));
        }
    }
}

/// The modules that a module's code names, and itself.
fn named(module: &Module, code: &str, all: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    for (start, skipped) in [("crate::", 0), ("super::", module.len() - 1)] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            let path = rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next().unwrap();
            let path = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned);
            let whole: Module = module[..skipped].iter().cloned().chain(path).collect();
            let known = (1..=whole.len()).rev().map(|n| whole[..n].to_vec()).find(|m| all.contains_key(m));
            found.extend(known);
        }
    }
    found
}

fn all() -> BTreeMap<Module, BTreeSet<Module>> {
    let mut all = BTreeMap::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[], &mut all);
    assert!(all.len() > 100, "the source has gone elsewhere");
    let edges = all.iter().map(|(module, code)| (module.clone(), named(module, code, &all)));
    edges.collect()
}

#[test]
fn imports_run_downwards() {
    let floor = |module: &Module| FLOORS.iter().position(|names| names.contains(&module[0].as_str()));
    for (module, named) in all() {
        for other in named {
            let (here, there) = (floor(&module).unwrap(), floor(&other).unwrap());
            let beside = module[0] == other[0] || BESIDE.contains(&(&module[0], &other[0]));
            assert!(here < there || (here == there && beside), "{module:?} is not above {other:?}");
        }
    }
}

/// A module counts as importing its children, as it is where others find what they have; so no child names it.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut left = all();
    let modules: Vec<Module> = left.keys().cloned().collect();
    for (module, named) in &mut left {
        named.remove(module);
        named.extend(modules.iter().filter(|child| child.starts_with(module) && *child != module).cloned());
    }
    // What imports nothing that is left, or is imported by nothing that is left, is in no circle.
    loop {
        let imported: BTreeSet<Module> = left.values().flatten().cloned().collect();
        let before = left.len();
        let modules: BTreeSet<Module> = left.keys().cloned().collect();
        left.retain(|module, named| imported.contains(module) && !named.is_disjoint(&modules));
        if left.len() == before {
            break;
        }
    }
    assert_eq!(left.keys().collect::<Vec<_>>(), <[&Module; 0]>::default());
}
