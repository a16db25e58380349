#!/usr/bin/env python3
"""Runs the project's checks stage by stage: `tools/stages.py test` or `check`.

A stage begins when what it needs is done and its lane is free. Two lanes run beside each other: `cores`, whose
stages keep all cores busy (and stand back where the other lane needs one), and `stack`, whose stages mostly wait
for LocalStack. A stage's output is printed whole when it ends; meanwhile a line now and then says what is under
way. A stage that fails, or whose tests turn out to be none, fails the run. A table at the end tells what each took,
and each pattern; the last line is the number of tests.

Patterns: a command accounts for them by lines of its output like `seconds: saga e2e 71.2`. A pattern whose seconds
are over BUDGET by half fails the run, unless the machine is found to be slow or much had to be compiled first, beside
which everything takes longer.

Writes `.local/stages.json`:

    {"run": "test", "status": "ok" or "FAILED", "seconds": of the whole run,
     "stages": [{"name", "status", "began", "seconds", "passed", "failed"}],    began: seconds since the run's begin
     "patterns": {slug: {"unit", "world", "sim", "e2e", "seconds"}},            seconds: the sum of the others
     "machine": {"cores", "speed", "slow"}}                                     speed: 1 is what the budget is for
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TENFOLD = "localstack/tenfold"

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# The closing lines of cargo ("test result: ok. 5 passed; 0 failed; ...") and pytest ("5 passed in 0.4s").
CLOSING = re.compile(r"^test result: |\d (passed|failed|skipped|errors?).* in \d[\d.]*s")
PASSED = re.compile(r"(\d+) passed")
FAILED = re.compile(r"(\d+) (?:failed|errors?)")
SECONDS = re.compile(r"^seconds: (?P<slug>\S+) (?P<part>\S+) (?P<seconds>\d+(\.\d+)?)$")

# What a pattern may take of a run in which all is built already.
BUDGET = 120.0
OVER = 1.5
# For how many seconds a run in which all is built already compiles at most.
COMPILED = 120.0
# How often a second one core hashes a block, on the machine that the budget is for; and below which part of it a
# machine is slow.
BLOCKS = 25000.0
SLOW = 0.7
# How often it is said what is under way.
PROGRESS = 15.0


@dataclass(frozen=True)
class Stage:
    name: str
    commands: tuple[tuple[str, ...], ...]
    lane: str = "cores"
    has_tests: bool = False
    needs: tuple[str, ...] = ()
    # What has to be over, well or not.
    after: tuple[str, ...] = ()
    exists: Callable[[], bool] = lambda: True


@dataclass
class Outcome:
    status: str
    began: float = 0.0
    seconds: float = 0.0
    passed: int | None = None
    failed: int | None = None

    @property
    def is_well(self) -> bool:
        return self.status in ("ok", "absent")


def folder(path: str) -> Callable[[], bool]:
    return lambda: any((ROOT / path).rglob("test_*.py"))


def has_templates() -> bool:
    return any((ROOT / "infra" / "sam").glob("*.yaml"))


def tenfold(*arguments: str) -> tuple[str, ...]:
    return (TENFOLD, *arguments)


RUST = ("tools/rust.py",)
CLIPPY = (
    *("cargo", "clippy", "--workspace", "--all-targets", "--features", "tenfold-conformance/localstack"),
    *("--", "-D", "warnings"),
)

# A workspace of its own: what `make bench` measures. Nothing of it is run here, but it must not rot.
DECISIONS = ("--manifest-path", "benches/decisions/Cargo.toml")
CLIPPY_DECISIONS = (
    *("cargo", "clippy", *DECISIONS, "--target-dir", "target", "--all-targets", "--", "-D", "warnings"),
)

# Tests of the platform that a running LocalStack is needed for, or that start servers themselves.
ON_LOCALSTACK = tuple(f"localstack/tests/test_{name}.py" for name in ("two_stacks", "event_sources", "streams", "stores"))

STAGES = (
    Stage("install", (tenfold("install"),), lane="stack"),
    Stage("gates-tools", (tenfold("install-gates"),), lane="stack", needs=("install",)),
    Stage("format", (("cargo", "fmt", "--check"), ("cargo", "fmt", *DECISIONS, "--check"))),
    # Before all that needs longer: LocalStack's lane waits for the functions.
    Stage("build", (tenfold("build"),), exists=has_templates),
    Stage("compile", ((*RUST, "compile"),)),
    Stage("lint", (CLIPPY, CLIPPY_DECISIONS)),
    Stage("unit", ((*RUST, "unit"),), has_tests=True, needs=("compile",)),
    Stage(
        "platform",
        (
            tenfold("run", "pytest", "tools/tests"),
            (".local/venv/bin/python", "-m", "pytest", "localstack/plugin"),
            tenfold("run", "pytest", "localstack/tests", *(f"--ignore={test}" for test in ON_LOCALSTACK)),
        ),
        has_tests=True,
        needs=("install",),
    ),
    Stage(
        "contract",
        (tenfold("run", "pytest", "tests/contract"),),
        has_tests=True,
        needs=("install",),
        exists=folder("tests/contract"),
    ),
    # Documentation is made of what Clippy has had compiled.
    Stage(
        "gates",
        (tenfold("gates"), tenfold("run", "pytest", "tools/gates/tests")),
        has_tests=True,
        needs=("gates-tools",),
        after=("lint",),
    ),
    # A part of what `make sim` explores, and every mutant.
    Stage("sim", ((*RUST, "sim"),), needs=("compile",)),
    Stage("start", (tenfold("start"),), lane="stack", needs=("install",), exists=has_templates),
    Stage("deploy", (tenfold("up", "--built"),), lane="stack", needs=("start", "build"), exists=has_templates),
    Stage(
        "e2e",
        (tenfold("run", "pytest", "tests/e2e", "-n", "8"),),
        lane="stack",
        has_tests=True,
        needs=("deploy",),
        exists=folder("tests/e2e"),
    ),
    # Deploys a second stack beside the first, which the end-to-end tests are not to notice; and the platform's tests
    # of what runs.
    Stage(
        "stacks",
        (tenfold("run", "pytest", *ON_LOCALSTACK),),
        lane="stack",
        has_tests=True,
        needs=("deploy",),
        after=("e2e",),
        exists=has_templates,
    ),
    Stage(
        "conformance",
        (tenfold("run", *RUST, "conformance"),),
        lane="stack",
        has_tests=True,
        needs=("start", "compile"),
        after=("e2e",),
        exists=has_templates,
    ),
    # Only what was started: where that was refused, a LocalStack may run elsewhere.
    Stage(
        "down",
        (tenfold("stop"),),
        lane="stack",
        needs=("start",),
        after=("e2e", "stacks", "conformance"),
        exists=has_templates,
    ),
)

RUNS = {
    "test": tuple(stage.name for stage in STAGES),
    "check": ("install", "gates-tools", "format", "compile", "lint", "unit", "platform", "contract", "gates"),
}


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in RUNS:
        print(f"usage: tools/stages.py {'|'.join(RUNS)}", file=sys.stderr)
        return 2
    wanted = RUNS[sys.argv[1]]
    return run(sys.argv[1], [stage for stage in STAGES if stage.name in wanted])


def run(name: str, stages: list[Stage], root: Path = ROOT) -> int:
    """Runs stages, tells what came of them, and gives the exit code."""
    machine = Machine.measured()
    print(machine, flush=True)
    runner = Runner(stages, root)
    runner.run()
    told = runner.seconds_by_pattern()
    compiled = sum(runner.outcomes[name].seconds for name in ("build", "compile") if name in runner.outcomes)
    unfair = "the machine is slow" if machine.is_slow else ""
    unfair = unfair or (f"{compiled:.0f} s went into compiling" if compiled > COMPILED else "")
    over = [] if unfair else over_budget(told)
    well = not over and all(outcome.is_well for outcome in runner.outcomes.values())
    write(root / ".local" / "stages.json", name, well, runner, told, machine)
    print(table(runner, told), flush=True)
    for line in over:
        print(f"error: {line}", flush=True)
    if unfair and over_budget(told):
        print(f"the budget of a pattern is not judged: {unfair}", flush=True)
    outcomes = runner.outcomes.values()
    passed, failed = (sum(getattr(o, key) or 0 for o in outcomes) for key in ("passed", "failed"))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if well else 1


@dataclass(frozen=True)
class Machine:
    cores: int
    # How quick it is, beside the one that the budget is for.
    speed: float

    @property
    def is_slow(self) -> bool:
        return self.speed < SLOW

    def __str__(self) -> str:
        slow = ": slow, so that no budget is judged" if self.is_slow else ""
        return f"{self.cores} cores, {self.speed:.2f} of the speed that budgets are for{slow}"

    @classmethod
    def measured(cls, seconds: float = 0.5) -> Machine:
        """Hashes on two cores for a while. What others do on the machine counts."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        block, until, hashed = bytes(1 << 16), time.monotonic() + seconds, []

        def work() -> None:
            n = 0
            while time.monotonic() < until:
                hashlib.sha256(block).digest()
                n += 1
            hashed.append(n)

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return cls(cores, round(sum(hashed) / seconds / (2 * BLOCKS), 2))


@dataclass
class Running:
    stage: Stage
    outcome: Outcome
    thread: threading.Thread
    lines: list[str] = field(default_factory=list)


class Runner:
    """Stages under way, and those that have ended."""

    def __init__(self, stages: Iterable[Stage], root: Path) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.lines: dict[str, list[str]] = {}
        self.seconds = 0.0
        self._stages = list(stages)
        self._root = root
        self._begun = time.monotonic()
        self._running: dict[str, Running] = {}
        self._ended = threading.Condition()
        self._done: list[str] = []
        self._processes: set[subprocess.Popen] = set()

    def run(self) -> None:
        waiting = list(self._stages)
        try:
            while waiting or self._running:
                waiting = self._begin(waiting)
                self._wait()
        except KeyboardInterrupt:
            for running in self._running.values():
                self._show(running)
            raise
        self.seconds = time.monotonic() - self._begun

    def _begin(self, waiting: list[Stage]) -> list[Stage]:
        """Begins what can begin; gives what cannot yet."""
        left, moved = [], True
        while moved:
            left, moved = [], False
            for stage in waiting:
                if self._begins(stage):
                    moved = True
                else:
                    left.append(stage)
            waiting = left
        return left

    def _begins(self, stage: Stage) -> bool:
        """Whether the stage has begun, or need not begin any more."""
        names = {other.name for other in self._stages}
        before = [name for name in (*stage.needs, *stage.after) if name in names]
        if any(name not in self.outcomes for name in before):
            return False
        if not stage.exists():
            self.outcomes[stage.name] = Outcome("absent")
            return True
        broken = [name for name in stage.needs if name in names and not self.outcomes[name].is_well]
        if broken:
            print(f"\n==> stage {stage.name}: skipped, {', '.join(broken)} failed", flush=True)
            self.outcomes[stage.name] = Outcome("skipped")
            return True
        if any(running.stage.lane == stage.lane for running in self._running.values()):
            return False
        outcome = Outcome("ok", began=time.monotonic() - self._begun)
        if stage.has_tests:
            outcome.passed = outcome.failed = 0
        running = Running(stage, outcome, threading.Thread(target=self._work, args=(stage.name,), daemon=True))
        self._running[stage.name] = running
        running.thread.start()
        return True

    def _wait(self) -> None:
        """Waits until a stage has ended, and shows it; or for a while, and says what is under way."""
        with self._ended:
            if self._running and not self._done:
                self._ended.wait(PROGRESS)
            done, self._done = self._done, []
        for name in done:
            running = self._running.pop(name)
            self.outcomes[name] = running.outcome
            self.lines[name] = running.lines
            self._show(running)
        if self._running and not done:
            print(self._progress(), flush=True)

    def _progress(self) -> str:
        now = time.monotonic() - self._begun
        said = []
        for name, running in self._running.items():
            last = next((line for line in reversed(running.lines) if line.strip()), "").strip()
            said.append(f"{name} for {now - running.outcome.began:.0f} s ({ANSI.sub('', last)[:60]})")
        return f"... {now:.0f} s: {'; '.join(said)}"

    def _show(self, running: Running) -> None:
        outcome = running.outcome
        print(f"\n==> stage {running.stage.name}: {outcome.status} in {outcome.seconds:.1f} s", flush=True)
        print("".join(running.lines), end="", flush=True)

    def _work(self, name: str) -> None:
        running = self._running[name]
        try:
            for command in running.stage.commands:
                self._command(running, command)
        except Exception as error:
            running.lines.append(f"error: {type(error).__name__}: {error}\n")
            running.outcome.status = "FAILED"
        running.outcome.seconds = time.monotonic() - self._begun - running.outcome.began
        with self._ended:
            self._done.append(name)
            self._ended.notify()

    def _command(self, running: Running, command: tuple[str, ...]) -> None:
        stage, outcome, lines = running.stage, running.outcome, running.lines
        lines.append(f"$ {' '.join(command)}\n")
        color = {"CARGO_TERM_COLOR": "always", "PY_COLORS": "1"} if sys.stdout.isatty() else {}
        # What keeps the cores busy stands back behind LocalStack, whose tests know time-outs.
        polite = ("nice", "-n", "10") if stage.lane == "cores" else ()
        passed = 0
        with subprocess.Popen(
            (*polite, *command),
            cwd=self._root,
            env={**os.environ, **color},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout:
                lines.append(line)
                if stage.has_tests and CLOSING.search(line := ANSI.sub("", line)):
                    passed += sum(map(int, PASSED.findall(line)))
                    outcome.failed += sum(map(int, FAILED.findall(line)))
        if process.returncode:
            lines.append(f"error: exit code {process.returncode}\n")
            outcome.status = "FAILED"
        if stage.has_tests:
            outcome.passed += passed
            if not passed and outcome.status == "ok":
                lines.append(f"error: {' '.join(command)} ran no test\n")
                outcome.status = "NO TESTS"

    def seconds_by_pattern(self) -> dict[str, dict[str, float]]:
        """What the commands have accounted for."""
        told: dict[str, dict[str, float]] = {}
        for lines in self.lines.values():
            for line in lines:
                if match := SECONDS.match(ANSI.sub("", line).strip()):
                    parts = told.setdefault(match["slug"], {})
                    parts[match["part"]] = round(parts.get(match["part"], 0.0) + float(match["seconds"]), 1)
        return {
            slug: {**parts, "seconds": round(sum(parts.values()), 1)} for slug, parts in sorted(told.items())
        }


def over_budget(told: dict[str, dict[str, float]]) -> list[str]:
    """A line for each pattern that takes too long."""
    return [
        f"{slug} takes {parts['seconds']:.0f} s of the run; a pattern's budget is {BUDGET:.0f} s, "
        f"and {BUDGET * OVER:.0f} s fail"
        for slug, parts in told.items()
        if parts["seconds"] > BUDGET * OVER
    ]


def write(
    path: Path, name: str, well: bool, runner: Runner, told: dict[str, dict[str, float]], machine: Machine
) -> None:
    stages = [
        {
            "name": stage.name,
            "status": outcome.status,
            "began": round(outcome.began, 1),
            "seconds": round(outcome.seconds, 1),
            "passed": outcome.passed,
            "failed": outcome.failed,
        }
        for stage in runner._stages
        if (outcome := runner.outcomes[stage.name])
    ]
    content: dict[str, Any] = {
        "run": name,
        "status": "ok" if well else "FAILED",
        "seconds": round(runner.seconds, 1),
        "stages": stages,
        "patterns": told,
        "machine": {"cores": machine.cores, "speed": machine.speed, "slow": machine.is_slow},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def table(runner: Runner, told: dict[str, dict[str, float]]) -> str:
    rows = [f"\n{'stage':<12} {'status':<9} {'began':>7} {'seconds':>8} {'passed':>7} {'failed':>7}"]
    for stage in runner._stages:
        outcome = runner.outcomes[stage.name]
        counts = ["" if n is None else str(n) for n in (outcome.passed, outcome.failed)]
        rows.append(
            f"{stage.name:<12} {outcome.status:<9} {outcome.began:>7.1f} {outcome.seconds:>8.1f}"
            f" {counts[0]:>7} {counts[1]:>7}"
        )
    rows.append(f"{'in all':<12} {'':<9} {'':>7} {runner.seconds:>8.1f}")
    parts = sorted({part for seconds in told.values() for part in seconds} - {"seconds"})
    if told:
        rows.append(f"\n{'pattern':<20}" + "".join(f" {part:>8}" for part in (*parts, "seconds")))
    for slug, seconds in told.items():
        numbers = "".join(f" {seconds.get(part, 0.0):>8.1f}" for part in (*parts, "seconds"))
        rows.append(f"{slug:<20}{numbers}{'  over budget' if seconds['seconds'] > BUDGET else ''}")
    return "\n".join((*rows, ""))


if __name__ == "__main__":
    sys.exit(main())
