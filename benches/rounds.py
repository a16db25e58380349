"""Runs what decides in process: all of it in rounds, so that whatever else the machine does slows all alike."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

import figures
import java
from running import ALL, ROOT, run, step

TARGET = ROOT / "target"
CRATE = ROOT / "benches" / "decisions" / "Cargo.toml"
LEFT_BEHIND = TARGET / "decisions"
# Of what Criterion says, the cases and their times.
CASES = re.compile(r"^(?!Benchmarking|Warning: Unable|\s*thrpt:|\s*$)")


@dataclass(frozen=True)
class Effort:
    """How long everything is measured."""

    rounds: int
    criterion: tuple[str, ...]
    jmh: tuple[str, ...]


FULL = Effort(
    3,
    ("--warm-up-time", "0.5", "--measurement-time", "1", "--sample-size", "30", "--nresamples", "2000"),
    ("-f", "1", "-wi", "3", "-w", "500ms", "-i", "3", "-r", "500ms"),
)
QUICK = Effort(
    1,
    ("--warm-up-time", "0.02", "--measurement-time", "0.05", "--sample-size", "10", "--nresamples", "100"),
    ("-f", "1", "-wi", "1", "-w", "100ms", "-i", "1", "-r", "100ms"),
)


def measured(effort: Effort) -> tuple[list[figures.Figure], list[str]]:
    """Builds and runs everything. Gives the figures, and a line for what was left out."""
    step("building the decisions: a minute or two the first time")
    if cargo("bench", "--no-run"):
        sys.exit("error: cargo bench failed: its messages are above")
    step("building resilience4j's with Maven: a download the first time")
    reason = java.unbuilt()
    shutil.rmtree(LEFT_BEHIND, ignore_errors=True)
    rounds, java_bytes = [], []
    for n in range(1, effort.rounds + 1):
        step(f"decisions in process, round {n} of {effort.rounds}")
        home = LEFT_BEHIND / f"round-{n}"
        run_criterion(home, effort)
        times = figures.criterion(home)
        if not reason:
            of_java, bytes_ = java.measured(home / "jmh.json", effort.jmh)
            times |= of_java
            java_bytes.append(bytes_)
        rounds.append(times)
    left_out = [f"resilience4j was left out: {reason}."] if reason else []
    return figures.figures(rounds, allocations(), java_bytes), left_out


def run_criterion(home: Path, effort: Effort) -> None:
    arguments = ("bench", "--quiet", "--bench", "times", "--", "--quiet", "--noplot", *effort.criterion)
    if cargo(*arguments, shown=CASES, env={"CRITERION_HOME": str(home)}):
        sys.exit("error: the bench `times` failed: its messages are above")


def allocations() -> list[dict]:
    """Counted once: the numbers are exact."""
    step("allocations of the same")
    command = cargo_command("bench", "--quiet", "--bench", "allocations")
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("error: the bench `allocations` failed: its messages are above")
    return json.loads(done.stdout)


def cargo_command(subcommand: str, *arguments: str) -> list[str]:
    return ["cargo", subcommand, "--manifest-path", str(CRATE), "--target-dir", str(TARGET), *arguments]


def cargo(*arguments: str, shown: re.Pattern = ALL, env: dict[str, str] | None = None) -> int:
    return run(cargo_command(*arguments), shown, env)
