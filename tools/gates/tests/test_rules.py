"""What is opted out has a reason and is little; what a parameter switches on holds once it is on."""

from pathlib import Path

import pytest
from report import ROOT, Finding, Gate, Outcome, Refused, all_of, judge
from rules import DEFAULTS, HARDENED, Rules
from templates import SAM, Expanded, cdk_nag_on, checkov_on, expanded

REASON = "The function does it already, and says more about it."
OPTED_OUT = "[[opted_out]]\nrule = '{}'\nreason = '{}'\n"


@pytest.fixture
def read(tmp_path):
    def read(text: str) -> Rules:
        path = tmp_path / "rules.toml"
        path.write_text(text)
        return Rules.read(path)

    return read


def finding(rule: str, variant: str) -> Finding:
    return Finding(rule, "infra/sam/saga.yaml:1", "Queue", "is not encrypted", "encrypt it", variant)


def test_a_rule_is_opted_out_with_a_reason(read):
    rules = read(OPTED_OUT.format("CKV_AWS_27", REASON))
    assert rules.judged([finding("CKV_AWS_27", HARDENED)], "CKV") == []


@pytest.mark.parametrize("reason", ["", "   ", "does not fit"])
def test_an_opt_out_without_a_reason_is_refused(read, reason):
    with pytest.raises(Refused, match="CKV_AWS_27 is opted out with the reason"):
        read(OPTED_OUT.format("CKV_AWS_27", reason))


def test_a_fourth_opt_out_is_refused(read):
    entries = [OPTED_OUT.format(f"CKV_AWS_{n}", REASON) for n in range(4)]
    assert len(read("".join(entries[:3])).opted_out) == 3
    with pytest.raises(Refused, match="4 rules are opted out .* at most 3"):
        read("".join(entries))


def test_an_opt_out_that_nothing_needs_is_found(read):
    rules = read(OPTED_OUT.format("CKV_AWS_27", REASON))
    (idle,) = rules.judged([], "CKV")
    assert (idle.rule, idle.what) == ("CKV_AWS_27", "is in this file, and finds nothing any more")
    assert rules.judged([], "AwsSolutions") == [], "another tool's rule"


def test_a_rule_of_a_parameter_may_fail_by_default_and_not_when_all_is_on(read):
    rules = read("[[switched_on]]\nby = 'KmsKeyArn'\nvalues = { KmsKeyArn = 'arn' }\nrules = ['CKV_AWS_27']\n")
    by_default, hardened = finding("CKV_AWS_27", DEFAULTS), finding("CKV_AWS_27", HARDENED)
    assert rules.judged([by_default], "CKV") == []
    assert rules.judged([by_default, hardened], "CKV") == [hardened]
    other = finding("CKV_AWS_28", DEFAULTS)
    assert rules.judged([by_default, other], "CKV") == [other]


def test_each_parameter_by_itself_switches_its_rules_on(tmp_path):
    rules = Rules.read()
    rules_of = {entry.by: entry.rules for entry in rules.switched_on}

    def alone(tool: str, *sources: Path) -> list[Expanded]:
        entries = [entry for entry in rules.switched_on if any(rule.startswith(tool) for rule in entry.rules)]
        return expanded(list(sources), {entry.by: entry.values for entry in entries}, tmp_path)

    one, *others = sorted(SAM.glob("*.yaml"))
    # One template is enough for checkov, which is slow, and has all that its entries are about.
    findings = [
        *checkov_on(alone("CKV", one)).findings,
        *cdk_nag_on(alone("AwsSolutions", one, *others)).findings,
    ]
    assert [str(found) for found in findings if found.rule in rules_of[found.variant]] == []


def test_a_gate_that_checked_nothing_fails(capsys):
    well, said = judge(Gate("empty", "", lambda: Outcome(0, "no templates")))
    assert not well and "nothing was checked of no templates" in said
    assert all_of([Gate("empty", "", lambda: Outcome(0, "nothing"))]) == 1
    assert all_of([Gate("full", "", lambda: Outcome(1, "one thing"))]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("gates: 1 passed, 0 failed in ")


def test_a_gate_that_breaks_fails(capsys):
    def breaks() -> Outcome:
        raise ValueError("no JSON")

    assert all_of([Gate("broken", "", breaks)]) == 1
    assert "ValueError: no JSON" in capsys.readouterr().out


def test_a_finding_says_the_rule_the_place_and_what_to_do(capsys):
    outcome = Outcome(9, "9 rules", [finding("CKV_AWS_27", HARDENED)])
    assert all_of([Gate("checkov", "", lambda: outcome)]) == 1
    said = capsys.readouterr().out
    assert "CKV_AWS_27  infra/sam/saga.yaml:1  Queue (hardened)" in said
    assert "what to do: encrypt it" in said


def test_the_project_has_its_rules_in_this_one_place():
    """Suppressions elsewhere are findings; these are the words that tools look for."""
    for path in [*SAM.glob("*"), *(ROOT / "statemachines").glob("*")]:
        text = path.read_text()
        assert "checkov:" not in text and "cdk_nag" not in text and "rules_to_suppress" not in text, path
