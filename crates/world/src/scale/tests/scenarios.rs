//! What a scenario may say, and what is said of one that speaks of what there is not.

use super::*;
use crate::scale::scenario::Scenario;

const BEGIN: &str = "says = \"a load\"\nrate = 10\nseconds = 2\n";

fn bad(text: &str) -> String {
    Scenario::parse(&format!("{BEGIN}{text}")).unwrap_err()
}

/// What is said before a run of a stack with one function that calls one host.
fn said(text: &str) -> Result<(), String> {
    let mut simulation = simulation(10.0, 2.0, &[]);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    simulation.calls("pay");
    simulation.check(&Scenario::parse(&format!("{BEGIN}{text}")).unwrap(), &["Opened"])
}

#[test]
fn a_field_that_there_is_not_is_an_error_wherever_it_is() {
    for text in [
        "rte = 5",
        "[hosts.pay]\np5O = 500",
        "[[script]]\nat = 1\nhost = { name = \"pay\", dwon = true }",
        "[[script]]\nat = 1\nfunction = { role = \"test\", reservd = 0 }",
        "[[script]]\nat = 1\nhosts = { name = \"pay\" }",
        "[[script]]\nat = 1",
        "[[script]]\nat = 1\nhost = { down = true }",
        "arrivals = \"clients\"",
        "[limits]\napi.burst = 1",
    ] {
        assert!(bad(text).contains("SCENARIOS.md"), "{text}: {}", bad(text));
    }
    assert!(bad("[[script]]\nat = 1").contains("changes a host or a function"));
    assert!(bad("[[script]]\nat = 1\nhost = { down = true }").contains("needs its name"));
}

#[test]
fn arrivals_are_said_in_four_ways() {
    for text in ["\"poisson\"", "{ bursts = { size = 5 } }", "{ day = { period = 60 } }", "{ clients = 8 }"] {
        Scenario::parse(&format!("{BEGIN}arrivals = {text}")).unwrap();
    }
}

#[test]
fn hosts_functions_and_measured_values_that_there_are_not_are_named_with_those_there_are() {
    let script = |line: &str| said(&format!("[[script]]\nat = 1\n{line}"));
    assert_eq!(said("[hosts.pay]\np50 = 5"), Ok(()));
    assert_eq!(said("[hosts.play]\np50 = 5").unwrap_err(), "there is no host \"play\"; there are pay");
    assert!(script("host = { name = \"play\", down = true }").unwrap_err().contains("there are pay"));
    assert!(script("function = { role = \"tset\" }").unwrap_err().contains("there are test"));
    assert_eq!(script("function = { role = \"test\" }"), Ok(()));
    let must = |claim: &str| said(&format!("must = [\"{claim}\"]"));
    for claim in [
        "p99_ms < 40",
        "metric_Opened = 0",
        "answered_429+answered_503 = 0",
        "calls_table.get < in",
        "calls_of_pay > 0",
        "best_5s_of_pay > 1",
        "state_done = in",
        "invocations_test = in",
    ] {
        assert_eq!(must(claim), Ok(()), "{claim}");
    }
    for claim in
        ["metric_Opend = 0", "calls_a_requst < 9", "answered_5x = 0", "p99ms < 40", "calls_of_play = 0"]
    {
        let said = must(claim).unwrap_err();
        assert!(
            said.starts_with(claim) && said.contains("metric_Opened") && said.contains("p99_ms"),
            "{said}"
        );
    }
}

#[test]
fn what_does_not_hold_yet_fails_a_run_as_it_is_written_when_it_holds() {
    let mut simulation = simulation(10.0, 2.0, &[]);
    serve(&mut simulation, SETTINGS, |_, _| async { 200 });
    run(&mut simulation, 3);
    let scenario =
        format!("{BEGIN}must = [\"in < 2\"]\n[[not_yet]]\nclaim = \"failed_share = 0\"\nbecause = \"x\"");
    let scenario = Scenario::parse(&scenario).unwrap();
    let (as_written, other) = (simulation.outcome(&scenario, true), simulation.outcome(&scenario, false));
    let came = simulation.recorder.came;
    assert_eq!(as_written.wrong[0], format!("in < 2 does not hold: in is {came}"));
    assert!(as_written.wrong[1].contains("belongs into `must`"));
    assert_eq!(other.not_yet, ["holds in this run: failed_share = 0"]);
    assert!(
        other.wrong.len() == 2 && other.wrong[1].contains("this run was another one"),
        "{:?}",
        other.wrong
    );
}

#[test]
fn a_load_that_is_made_shorter_has_its_script_and_ramp_in_it() {
    let text = format!("{BEGIN}ramp = 1\n[[script]]\nat = 1\nhost = {{ name = \"pay\", down = true }}");
    let mut scenario = Scenario::parse(&text).unwrap();
    scenario.hurry(0.5);
    assert!(
        (scenario.seconds - 1.0).abs() + (scenario.ramp - 0.5).abs() + (scenario.script[0].at - 0.5).abs()
            < 1e-9
    );
}
