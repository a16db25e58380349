//! Whether a scenario speaks of what there is: said before a run, and not after it.

use super::scenario::{Becomes, Scenario};
use super::simulation::Simulation;

impl Simulation {
    /// Whether the stack has the hosts and functions of a scenario, and a run measures what its claims go by.
    pub(super) fn check(&self, scenario: &Scenario, metrics: &[&str]) -> Result<(), String> {
        let hosts = || self.called.iter().map(ToString::to_string).collect::<Vec<_>>();
        let roles =
            || self.functions.iter().map(|function| function.settings.role.to_owned()).collect::<Vec<_>>();
        let changed = scenario.script.iter().filter_map(|change| match &change.becomes {
            Becomes::Host(host) => Some(&host.name),
            Becomes::Function(_) => None,
        });
        for host in scenario.hosts.keys().chain(changed) {
            if !self.called.contains(host) {
                return Err(unknown("host", host, &hosts()));
            }
        }
        for change in &scenario.script {
            if let Becomes::Function(function) = &change.becomes
                && !roles().iter().any(|role| *role == function.role)
            {
                return Err(unknown("function", &function.role, &roles()));
            }
        }
        let measured = self.measured();
        for (name, claim) in scenario.names() {
            if !measured.contains_key(name) && !self.may_count(name, metrics) {
                let known = measured.keys().map(String::as_str).chain([
                    "answered_<status>",
                    "calls_<call>",
                    "state_<state>",
                ]);
                let known =
                    known.map(ToOwned::to_owned).chain(metrics.iter().map(|name| format!("metric_{name}")));
                return Err(format!(
                    "{claim}: {}",
                    unknown("measured value", name, &known.collect::<Vec<_>>())
                ));
            }
        }
        Ok(())
    }

    /// Whether a run may count something of this name that has not been counted yet.
    fn may_count(&self, name: &str, metrics: &[&str]) -> bool {
        let Some((kind, of)) = name.split_once('_') else { return false };
        match kind {
            "metric" => metrics.contains(&of),
            "answered" => of.parse::<u16>().is_ok_and(|status| (100..600).contains(&status)),
            "calls" => {
                let host = of.strip_prefix("of_").is_some_and(|host| self.called.contains(host));
                host || of == "downstream.call" || self.figures.knows(of)
            }
            "state" => true,
            "hottest" => of.ends_with("_writes"),
            "best" | "last" => self.called.iter().any(|host| name.ends_with(&format!("_of_{host}"))),
            _ => false,
        }
    }
}

fn unknown(what: &str, name: &str, known: &[String]) -> String {
    format!("there is no {what} {name:?}; there are {}", known.join(", "))
}
