"""What Criterion, the counter of allocations and JMH leave behind, as rows of one table. Nothing here measures."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

OURS = "Tenfold"
JAVA = "resilience4j"

# What is decided, by the names that `decisions/src` and `resilience4j/` give it, in the order of the table.
TITLES = {
    "breakerClosed": "breaker closed, calls go well",
    "breakerWritten": "breaker closed, calls go well again",
    "breakerTenant": "breaker closed, calls of a tenant go well",
    "breakerFailing": "breaker closed, calls fail",
    "breakerOpen": "breaker open, calls are refused",
    "gatewayRequest": "a whole request, idempotency: gateway",
    "gatewayTarget": "a whole request, idempotency: target",
    "sagaStep": "saga: a step is done",
    "worldStep": "world: one state of an exploration",
}

# The time of each decision by each implementation, in nanoseconds.
Times = dict[tuple[str, str], float]


class NoFigures(Exception):
    """What should have been left behind and is not there, and what to do."""


@dataclass(frozen=True)
class Figure:
    """What one decision costs, made by one implementation."""

    decision: str
    of: str
    ns: float
    # Its time beside ours, in the same round.
    ratio: float | None
    allocations: int | None
    bytes: float | None


def criterion(home: Path) -> Times:
    """The medians below Criterion's folder; an operation that holds several decisions says so in its throughput."""
    times: Times = {}
    for path in sorted(home.glob("*/*/new/estimates.json")):
        told = json.loads(path.with_name("benchmark.json").read_text())
        median = json.loads(path.read_text())["median"]["point_estimate"]
        units = (told["throughput"] or {}).get("Elements", 1)
        times[told["group_id"], told["function_id"]] = median / units
    if not times:
        raise NoFigures(f"no <decision>/<implementation>/new/estimates.json in {home}: Criterion measured nothing")
    return times


def jmh(path: Path) -> tuple[Times, dict[str, float]]:
    """The times in a result of JMH, and the bytes that each decision allocates."""
    times: Times = {}
    bytes_: dict[str, float] = {}
    for run in json.loads(path.read_text()):
        score = run["primaryMetric"]
        if score["scoreUnit"] != "ns/op":
            raise NoFigures(f"{run['benchmark']} is in {score['scoreUnit']}; ns/op was expected (-tu ns -bm avgt)")
        decision = run["benchmark"].rpartition(".")[2]
        times[decision, JAVA] = score["score"]
        for name, metric in run.get("secondaryMetrics", {}).items():
            if name.endswith("gc.alloc.rate.norm"):
                bytes_[decision] = metric["score"]
    return times, bytes_


def figures(rounds: list[Times], counted: list[dict], java_bytes: Sequence[dict[str, float]] = ()) -> list[Figure]:
    """All rounds as one: the median of the times, of the ratios within a round, and of Java's bytes, which its compiler
    decides on. In the order of TITLES; of one decision ours comes first, the others follow as they were counted, and
    Java last."""
    unknown = {decision for times in rounds for decision, _ in times} - set(TITLES)
    if unknown:
        raise NoFigures(f"{sorted(unknown)} have no title: say in TITLES of benches/figures.py what they are")
    allocated = {(c["decision"], c["of"]): (c["allocations"], c["bytes"]) for c in counted}
    for decision in {decision for bytes_ in java_bytes for decision in bytes_}:
        allocated[decision, JAVA] = (None, round(statistics.median(bytes_[decision] for bytes_ in java_bytes)))
    of_all = list(dict.fromkeys([OURS, *(of for _, of in allocated), *(of for times in rounds for _, of in times)]))
    return [
        Figure(
            decision,
            of,
            _median(rounds, decision, of),
            _ratio(rounds, decision, of),
            *allocated.get((decision, of), (None, None)),
        )
        for decision in TITLES
        for of in of_all
        if all((decision, of) in times for times in rounds)
    ]


def _median(rounds: list[Times], decision: str, of: str) -> float:
    return statistics.median(times[decision, of] for times in rounds)


def _ratio(rounds: list[Times], decision: str, of: str) -> float | None:
    if of == OURS or any((decision, OURS) not in times for times in rounds):
        return None
    return statistics.median(times[decision, of] / times[decision, OURS] for times in rounds)


def as_json(told: list[Figure]) -> list[dict]:
    return [{**asdict(f), "ns": round(f.ns, 1), "ratio": f.ratio and round(f.ratio, 3)} for f in told]


def decisions(told: list[Figure]) -> str:
    """The table of decisions."""
    rows, before = [], None
    for figure in told:
        title = "" if figure.decision == before else TITLES[figure.decision]
        before = figure.decision
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        rows.append([title, figure.of, number(figure.ns), ratio, count(figure.allocations), count(figure.bytes)])
    return table(["decision", "by", "ns", f"/ {OURS}", "allocations", "bytes"], rows, left=2)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def count(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}".removesuffix(".0")


def table(head: list[str], rows: list[list[str]], left: int = 1) -> str:
    """A table for a terminal and for Markdown; the first columns are on the left, the others on the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: list[str]) -> str:
        padded = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join([line(head), line(rule), *map(line, rows)])
