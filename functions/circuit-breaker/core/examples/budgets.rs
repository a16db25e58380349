//! What a request costs in AWS calls, counted in the world as this runs; a table and one JSON line.
//!
//! `tests/budgets.rs` asserts the same counts with `==`.

#[path = "../tests/world/mod.rs"]
mod world;

use std::collections::BTreeSet;

use tenfold_world::downstream::Health;
use world::bodies::LARGE;
use world::costs::{Calls, SMALL, TEN, closed, failed, idle, kept_by, open, tried};

/// What is done, and for how many requests.
struct Unit {
    name: &'static str,
    requests: usize,
    calls: Calls,
}

impl Unit {
    /// Everything but the call of the target, which is no AWS service.
    fn aws_calls(&self) -> usize {
        self.calls.iter().filter(|(call, _)| !call.starts_with("downstream.")).map(|(_, n)| n).sum()
    }

    fn aws_calls_a_request(&self) -> String {
        match self.requests {
            0 => "-".to_owned(),
            requests => format!("{:.1}", self.aws_calls() as f64 / requests as f64),
        }
    }
}

fn main() {
    let unit = |name, requests, calls| Unit { name, requests, calls };
    let (gateway, target) = (kept_by("gateway"), kept_by("target"));
    let units = [
        unit("closed, key kept by the target", TEN.len(), closed(&target)),
        unit("closed, key kept by the gateway", TEN.len(), closed(&gateway)),
        unit("open, parked at once", TEN.len(), open(&gateway, SMALL)),
        unit("failed, key kept by the target", 1, failed(&target)),
        unit("failed, key kept by the gateway", 1, failed(&gateway)),
        unit("parked, delivered by a run", TEN.len(), tried(&gateway, SMALL, Health::Well)),
        unit("the same, with large bodies", TEN.len(), tried(&gateway, LARGE, Health::Well)),
        unit("a run that finds nothing", 0, idle()),
    ];
    print_table(&units);
    println!("{}", json(&units));
}

/// A column for each call that any unit makes: none can be forgotten.
fn print_table(units: &[Unit]) {
    let columns: BTreeSet<&str> = units.iter().flat_map(|unit| unit.calls.keys().copied()).collect();
    print!("{:<31}  requests", "");
    for call in &columns {
        print!("  {call}");
    }
    println!("  AWS calls a request");
    for unit in units {
        print!("{:<31}  {:>8}", unit.name, unit.requests);
        for call in &columns {
            print!("  {:>1$}", unit.calls.get(call).unwrap_or(&0), call.len());
        }
        println!("  {:>19}", unit.aws_calls_a_request());
    }
}

fn json(units: &[Unit]) -> serde_json::Value {
    let units = units.iter().map(|unit| {
        let told = serde_json::json!({
            "requests": unit.requests, "calls": unit.calls, "awsCalls": unit.aws_calls(),
        });
        (unit.name.to_owned(), told)
    });
    serde_json::Value::Object(units.collect())
}
