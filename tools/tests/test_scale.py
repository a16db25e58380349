"""`tools/scale.py`: what it makes of lines of JSON."""

import importlib.util
import pathlib
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[1] / "scale.py"


@pytest.fixture(scope="module")
def scale():
    spec = importlib.util.spec_from_file_location("scale", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["scale"] = module
    spec.loader.exec_module(module)
    return module


RESULT = {
    "scenario": "fair",
    "hottest": "queue=a",
    "measured": {"in": 200.0, "answered_5xx": 1.0, "answered_429": 1.0, "p50_ms": 73.7, "p99_ms": 195.6, "usd_a_million": 3.89},
}


def test_a_run_is_a_line_of_the_table(scale):
    line = scale.row("circuit-breaker", 1_000, RESULT)
    assert line.startswith("| fair | 1,000 | 73.7 / 196 | 0 | 1 % | 0, 0 |")
    assert "`queue=a`" in line and line.endswith("| 0 | 3.89 |")


def test_what_goes_on_after_the_answer_has_columns_of_its_own(scale):
    measured = RESULT["measured"] | {"state_committed": 150.0, "state_stuck": 2.0, "state_running": 1.0}
    line = scale.row("saga", 10, RESULT | {"measured": measured | {"state_committed_p50_s": 1.5}})
    assert "| 150, 0, 3 | 1.5 / 0 |" in line


def test_without_a_pattern_those_are_run_that_have_the_scenario(scale, monkeypatch):
    monkeypatch.delenv("P", raising=False)
    monkeypatch.setenv("SCENARIO", "drain")
    assert scale.patterns() == ["circuit-breaker"]
    monkeypatch.setenv("SCENARIO", "nothing")
    with pytest.raises(SystemExit, match="no pattern has a scenario 'nothing'"):
        scale.patterns()


@pytest.mark.parametrize(("number", "text"), [(None, "not in this run"), (0, "0"), (1_000, "1,000"), (99_400, "99.4 k"), (2_790_000, "2.79 M")])
def test_numbers_are_short(scale, number, text):
    assert scale.short(number) == text


def test_every_pattern_with_a_simulation_has_scenarios_and_a_place_for_its_table(scale):
    for slug in scale.patterns():
        folder = TOOL.parents[1] / "functions" / slug
        assert list((folder / "core" / "scenarios").glob("*.toml"))
        text = (folder / "README.md").read_text()
        assert text.index(scale.BEGIN) < text.index(scale.END)
        assert (folder / "scale.svg").exists()


def test_an_unknown_pattern_is_named_with_those_there_are(scale, monkeypatch):
    monkeypatch.setenv("P", "nothing")
    with pytest.raises(SystemExit, match="circuit-breaker, saga"):
        scale.patterns()
