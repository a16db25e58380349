"""A state machine that leads nowhere is refused."""

import json

import pytest
from machines import statelint_on

GOOD = {
    "StartAt": "Work",
    "States": {"Work": {"Type": "Task", "Resource": "${WorkArn}", "Next": "Done"}, "Done": {"Type": "Succeed"}},
}
FILLED_IN = {"WorkArn": {"Fn::GetAtt": ["Work", "Arn"]}}


@pytest.fixture
def said(tmp_path):
    def said(machine: dict, substitutions=FILLED_IN) -> list[str]:
        file = tmp_path / "work.asl.json"
        file.write_text(json.dumps(machine))
        return [str(finding) for finding in statelint_on(file, substitutions)]

    return said


def test_a_good_one_passes(said):
    assert said(GOOD) == []


def test_a_state_that_is_not_there_is_found(said):
    found, *_ = said({**GOOD, "States": {"Work": GOOD["States"]["Work"]}})
    assert 'No state found named "Done"' in found and "work.asl.json  Work" in found


def test_a_state_that_nothing_leads_to_is_found(said):
    (found,) = said({**GOOD, "States": {**GOOD["States"], "Alone": {"Type": "Succeed"}}})
    assert "Alone" in found


def test_what_no_template_fills_in_is_found(said):
    found = said(GOOD, {})
    assert any("WorkArn" in line and "no substitution of the template" in line for line in found)


def test_a_machine_that_no_template_has_is_found(said):
    (found,) = said(GOOD, None)
    assert "no template has this state machine" in found
