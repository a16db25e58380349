"""The table of `make bench`, made of what the tools leave behind, and its place in benches/README.md."""

import datetime
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benches"))

import figures
import readme
from figures import JAVA, OURS, TITLES, Figure, NoFigures
from readme import BEGIN, END, NoPlace


def leave(home: Path, decision: str, of: str, ns: float, units: int | None = 1) -> None:
    """As Criterion does, with what else it says."""
    folder = home / decision / of / "new"
    folder.mkdir(parents=True)
    throughput = None if units is None else {"Elements": units}
    told = {"group_id": decision, "function_id": of, "throughput": throughput, "title": f"{decision}/{of}"}
    (folder / "benchmark.json").write_text(json.dumps(told))
    estimate = {"point_estimate": ns, "standard_error": 1.0, "confidence_interval": {}}
    wrong = {"point_estimate": -1.0}
    (folder / "estimates.json").write_text(json.dumps({"mean": wrong, "median": estimate, "slope": None}))


def of_java(path: Path, unit: str = "ns/op") -> Path:
    """As JMH does with `-prof gc -rf json`."""
    run = {
        "benchmark": "tenfold.Decisions.breakerClosed",
        "mode": "avgt",
        "primaryMetric": {"score": 80.0, "scoreUnit": unit},
        "secondaryMetrics": {
            "gc.alloc.rate": {"score": 218.0, "scoreUnit": "MB/sec"},
            "gc.alloc.rate.norm": {"score": 16.0008, "scoreUnit": "B/op"},
        },
    }
    path.write_text(json.dumps([run]))
    return path


def test_what_criterion_leaves_is_read(tmp_path):
    leave(tmp_path, "breakerClosed", OURS, 500.0)
    leave(tmp_path, "breakerClosed", "recloser", 8.0, None)
    leave(tmp_path, "worldStep", OURS, 40_000.0, 20)
    # The run before, which Criterion keeps.
    (tmp_path / "breakerClosed" / OURS / "base").mkdir()
    (tmp_path / "breakerClosed" / OURS / "base" / "estimates.json").write_text("{}")
    assert figures.criterion(tmp_path) == {
        ("breakerClosed", OURS): 500.0,
        ("breakerClosed", "recloser"): 8.0,
        ("worldStep", OURS): 2_000.0,
    }


def test_that_criterion_left_nothing_is_said(tmp_path):
    with pytest.raises(NoFigures, match="Criterion measured nothing"):
        figures.criterion(tmp_path)


def test_what_jmh_leaves_is_read(tmp_path):
    times, bytes_ = figures.jmh(of_java(tmp_path / "jmh.json"))
    assert times == {("breakerClosed", JAVA): 80.0}
    assert bytes_ == {"breakerClosed": 16.0008}


def test_another_unit_is_refused(tmp_path):
    with pytest.raises(NoFigures, match="ns/op was expected"):
        figures.jmh(of_java(tmp_path / "jmh.json", "us/op"))


COUNTED = [
    {"decision": "breakerClosed", "of": OURS, "allocations": 5, "bytes": 59.0},
    {"decision": "breakerClosed", "of": "recloser", "allocations": 0, "bytes": 0},
    {"decision": "worldStep", "of": OURS, "allocations": 12.5, "bytes": 1234},
]


def round_of(ours: float, recloser: float) -> figures.Times:
    return {("worldStep", OURS): 9.0, ("breakerClosed", "recloser"): recloser, ("breakerClosed", OURS): ours}


def test_ratios_are_of_one_round():
    """One round was four times slower than the others for all, and one for ours only."""
    rounds = [round_of(100.0, 10.0), round_of(400.0, 40.0), round_of(200.0, 10.0)]
    assert figures.figures(rounds, COUNTED) == [
        Figure("breakerClosed", OURS, 200.0, None, 5, 59.0),
        Figure("breakerClosed", "recloser", 10.0, 0.1, 0, 0),
        Figure("worldStep", OURS, 9.0, None, 12.5, 1234),
    ]


def test_java_comes_last_and_its_allocations_are_not_known():
    rounds = [{("breakerClosed", JAVA): 80.0, **round_of(100.0, 10.0)}]
    told = figures.figures(rounds, COUNTED, [{"breakerClosed": 40.1}, {"breakerClosed": 16.0008}, {"breakerClosed": 0.1}])
    assert [f.of for f in told if f.decision == "breakerClosed"] == [OURS, "recloser", JAVA]
    assert told[2] == Figure("breakerClosed", JAVA, 80.0, 0.8, None, 16)


def test_a_decision_without_a_title_is_not_left_out():
    with pytest.raises(NoFigures, match="leaseTaken.*TITLES"):
        figures.figures([{("leaseTaken", OURS): 1.0}], [])


def test_the_table_reads_in_a_terminal_and_as_markdown():
    told = figures.figures([round_of(1234.5, 8.5)], COUNTED)
    lines = figures.decisions(told).splitlines()
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in [lines[0], *lines[2:]]] == [
        ["decision", "by", "ns", "/ Tenfold", "allocations", "bytes"],
        [TITLES["breakerClosed"], OURS, "1,234", "", "5", "59"],
        ["", "recloser", "8.5", "0.01", "0", "0"],
        [TITLES["worldStep"], OURS, "9.0", "", "12.5", "1,234"],
    ]
    assert len({len(line) for line in lines}) == 1
    assert lines[1].startswith("| ---") and lines[1].endswith("-: |")


def test_only_what_is_between_the_lines_is_replaced():
    before = f"# Head\n\n{BEGIN}\nold\n{END}\n\n## Tail\n\nold\n"
    after = readme.with_figures(before, "new\n\n| a |\n")
    assert after == f"# Head\n\n{BEGIN}\n\nnew\n\n| a |\n\n{END}\n\n## Tail\n\nold\n"
    assert readme.with_figures(after, "new\n\n| a |") == after


@pytest.mark.parametrize(
    "text, said",
    [
        ("nothing", "0 times"),
        (f"{BEGIN}\n", f"0 times `{END}`"),
        (f"{BEGIN}\n{BEGIN}\n{END}\n", f"2 times `{BEGIN}`"),
        (f"{END}\n{BEGIN}\n", "in their order"),
    ],
)
def test_without_its_place_nothing_is_written(text, said):
    with pytest.raises(NoPlace, match=said):
        readme.with_figures(text, "new")


def test_the_readme_has_the_place():
    text = readme.README.read_text()
    assert "the new figures" in readme.with_figures(text, "the new figures")


def test_the_machine_and_the_day_are_named():
    assert readme.machine().split(" core")[0].isdigit()
    assert readme.today(datetime.date(2026, 3, 7)) == "7 March 2026"
