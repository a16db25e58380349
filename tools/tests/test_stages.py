"""`tools/stages.py` on stages that do nothing but what a test is about."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import stages
from stages import Machine, Outcome, Stage, over_budget

QUICK = Machine(2, 1.0)


def shell(name: str, script: str, **options) -> Stage:
    return Stage(name, (("sh", "-c", script),), **options)


@pytest.fixture
def ran(tmp_path, monkeypatch, capfd):
    """Runs stages; gives the exit code, what was written and what was printed."""
    monkeypatch.setattr(Machine, "measured", classmethod(lambda _: QUICK))

    def run(*listed: Stage):
        code = stages.run("test", list(listed), tmp_path)
        written = json.loads((tmp_path / ".local" / "stages.json").read_text())
        return code, written, capfd.readouterr().out

    return run


def statuses(written) -> dict[str, str]:
    return {stage["name"]: stage["status"] for stage in written["stages"]}


def test_what_is_needed_comes_first(ran, tmp_path):
    code, _, _ = ran(
        shell("last", "echo last >> order", needs=("middle",)),
        shell("middle", "echo middle >> order", needs=("first",), lane="stack"),
        shell("first", "echo first >> order"),
    )
    assert code == 0
    assert (tmp_path / "order").read_text().split() == ["first", "middle", "last"]


def test_a_lane_has_one_stage_at_a_time_and_another_lane_goes_on_beside_it(ran):
    """The two meet: each waits for the other to have begun. Two of a lane never do."""
    meet = "touch {mine}; until [ -e {other} ]; do sleep 0.01; done"
    alone = "mkdir lock && sleep 0.05 && rmdir lock"
    code, written, _ = ran(
        shell("a", meet.format(mine="a", other="b")),
        shell("b", meet.format(mine="b", other="a"), lane="stack"),
        shell("c", alone),
        shell("d", alone),
        shell("e", alone),
    )
    assert (code, set(statuses(written).values())) == (0, {"ok"})


def test_a_failure_skips_what_needs_it_and_nothing_else(ran):
    code, written, out = ran(
        shell("broken", "echo the reason; exit 3"),
        shell("child", "true", needs=("broken",)),
        shell("grandchild", "true", needs=("child",)),
        shell("later", "true", after=("broken",)),
        shell("other", "true"),
        shell("tidy", "touch tidied", needs=("other",), after=("broken", "child")),
    )
    assert code == 1
    assert written["status"] == "FAILED"
    assert statuses(written) == {
        "broken": "FAILED",
        "child": "skipped",
        "grandchild": "skipped",
        "later": "ok",
        "other": "ok",
        "tidy": "ok",
    }
    assert "the reason" in out and "exit code 3" in out


def test_a_command_that_is_not_there_fails_its_stage(ran):
    code, written, out = ran(Stage("lost", (("no-such-command-at-all",),)))
    assert (code, statuses(written)["lost"]) == (1, "FAILED")
    assert "no-such-command-at-all" in out


def test_tests_are_counted_and_the_last_line_is_their_number(ran):
    code, written, out = ran(
        shell("rust", "echo 'test result: ok. 5 passed; 0 failed; 1 ignored'", has_tests=True),
        shell("python", "echo '===== 7 passed, 1 skipped in 0.41s ====='", has_tests=True, lane="stack"),
        shell("quiet", "echo '3 passed in 1.00s'"),
    )
    assert code == 0
    assert [(s["passed"], s["failed"]) for s in written["stages"]] == [(5, 0), (7, 0), (None, None)]
    assert out.splitlines()[-1] == "12 passed, 0 failed"


def test_failed_tests_are_counted_too(ran):
    code, _, out = ran(shell("t", "echo '2 failed, 3 passed in 0.41s'; exit 1", has_tests=True))
    assert (code, out.splitlines()[-1]) == (1, "3 passed, 2 failed")


@pytest.mark.parametrize("script", ["true", "echo 'no tests ran in 0.01s'", "echo '1 skipped in 0.01s'"])
def test_a_stage_that_ran_no_test_fails(ran, script):
    code, written, out = ran(shell("t", script, has_tests=True))
    assert (code, statuses(written)["t"]) == (1, "NO TESTS")
    assert "ran no test" in out


def test_every_command_of_a_stage_has_to_run_tests(ran):
    some = ("sh", "-c", "echo '3 passed in 0.01s'")
    code, written, _ = ran(Stage("t", (some, ("true",)), has_tests=True))
    assert (code, statuses(written)["t"]) == (1, "NO TESTS")


def test_the_output_of_a_stage_is_printed_whole(ran):
    talk = "for n in 1 2 3; do echo {name}-$n; sleep 0.02; done"
    _, _, out = ran(
        shell("a", talk.format(name="a")), shell("b", talk.format(name="b"), lane="stack")
    )
    for name in "ab":
        assert f"{name}-1\n{name}-2\n{name}-3\n" in out


def test_it_is_said_what_is_under_way(ran, monkeypatch):
    monkeypatch.setattr(stages, "PROGRESS", 0.05)
    _, _, out = ran(shell("long", "echo halfway; until [ -e over ]; do sleep 0.01; done"), over())
    assert "long for" in out and "(halfway)" in out


def over() -> Stage:
    """Ends the other stage once it has been under way for some progress lines."""
    return shell("over", "sleep 0.3; touch over", lane="stack")


def test_what_does_not_exist_is_absent_and_not_missed(ran):
    code, written, _ = ran(
        shell("absent", "exit 1", exists=lambda: False), shell("next", "true", needs=("absent",))
    )
    assert (code, statuses(written)) == (0, {"absent": "absent", "next": "ok"})


def test_seconds_of_patterns_are_added_up(ran):
    code, written, out = ran(
        shell("unit", "echo 'seconds: saga unit 1.5'; echo 'seconds: saga unit 2.5'; echo 'seconds: fan-out e2e 9'"),
        shell("e2e", "echo 'seconds: saga e2e 70.25'", lane="stack"),
    )
    assert code == 0
    assert written["patterns"] == {
        "fan-out": {"e2e": 9.0, "seconds": 9.0},
        "saga": {"unit": 4.0, "e2e": 70.2, "seconds": 74.2},
    }
    assert "saga" in out


def test_a_pattern_over_its_budget_by_half_fails_the_run_in_one_line(ran):
    code, written, out = ran(
        shell("e2e", "echo 'seconds: saga e2e 170'; echo 'seconds: fan-out e2e 200.4'")
    )
    assert (code, written["status"]) == (1, "FAILED")
    (line,) = [line for line in out.splitlines() if line.startswith("error:")]
    assert "fan-out takes 200 s" in line
    assert out.splitlines()[-1] == "0 passed, 0 failed"


def test_on_a_slow_machine_no_budget_is_judged(ran, monkeypatch):
    monkeypatch.setattr(Machine, "measured", classmethod(lambda _: Machine(2, 0.4)))
    code, written, out = ran(shell("e2e", "echo 'seconds: saga e2e 500'"))
    assert (code, written["machine"]["slow"]) == (0, True)
    assert "the machine is slow" in out


def test_beside_much_compiling_no_budget_is_judged(ran, monkeypatch):
    monkeypatch.setattr(stages, "COMPILED", 0.1)
    code, _, out = ran(
        shell("compile", "sleep 0.3"), shell("e2e", "echo 'seconds: saga e2e 500'", needs=("compile",))
    )
    assert code == 0
    assert "went into compiling" in out


def test_the_budget_is_exceeded_by_more_than_half():
    assert over_budget({"saga": {"seconds": 180.0}}) == []
    assert len(over_budget({"saga": {"seconds": 180.1}})) == 1


def test_a_machine_is_measured():
    machine = Machine.measured(0.05)
    assert machine.cores >= 1 and machine.speed > 0


def test_the_stages_are_sound():
    """Names are unique, what is needed is listed, and nothing needs itself by a detour."""
    names = [stage.name for stage in stages.STAGES]
    assert len(set(names)) == len(names)
    for run in stages.RUNS.values():
        assert set(run) <= set(names)
    outcomes: dict[str, Outcome] = {}
    left = list(stages.STAGES)
    while left:
        ready = [stage for stage in left if {*stage.needs, *stage.after} <= set(outcomes)]
        assert ready, f"these wait for each other: {[stage.name for stage in left]}"
        outcomes |= {stage.name: Outcome("ok") for stage in ready}
        left = [stage for stage in left if stage not in ready]
