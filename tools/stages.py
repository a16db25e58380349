#!/usr/bin/env python3
"""Runs the project's checks stage by stage: `tools/stages.py test` or `check`.

Every stage's own output is shown as it comes. A stage that fails, or whose tests turn out to be
none, fails the run; the table at the end tells what each took. A stage whose tests do not exist yet
is left out, and said to be.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TENFOLD = "localstack/tenfold"
CONFORMANCE = "tenfold-conformance"

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# The closing lines of cargo ("test result: ok. 5 passed; 0 failed; ...") and pytest ("5 passed in 0.4s").
CLOSING = re.compile(r"^test result: |\d (passed|failed|skipped|errors?).* in \d[\d.]*s")
PASSED = re.compile(r"(\d+) passed")
FAILED = re.compile(r"(\d+) (?:failed|errors?)")

# What would make less of the exploration, from the shell of who runs the tests.
WHOLE = [word for name in ("P", "ONLY", "REPLAY", "RUNS", "LIMIT") for word in ("-u", name)]


@dataclass(frozen=True)
class Stage:
    name: str
    commands: tuple[tuple[str, ...], ...]
    has_tests: bool = False
    needs: tuple[str, ...] = ()
    exists: Callable[[], bool] = lambda: True
    # Also after a failure of what it needs: tidying up.
    always: bool = False


@dataclass
class Outcome:
    status: str
    seconds: float = 0.0
    passed: int | None = None
    failed: int | None = None


def folder(path: str) -> Callable[[], bool]:
    return lambda: any((ROOT / path).rglob("test_*.py"))


def has_templates() -> bool:
    return any((ROOT / "infra" / "sam").glob("*.yaml"))


def has_conformance() -> bool:
    manifests = (ROOT / "tests").rglob("Cargo.toml")
    return any(f'name = "{CONFORMANCE}"' in manifest.read_text() for manifest in manifests)


def tenfold(*arguments: str) -> tuple[str, ...]:
    return (TENFOLD, *arguments)


def unit_tests() -> tuple[str, ...]:
    # The conformance suite needs LocalStack: it has a stage of its own.
    exclude = ("--exclude", CONFORMANCE) if has_conformance() else ()
    return ("cargo", "test", "--workspace", "--no-fail-fast", *exclude)


def lint() -> tuple[str, ...]:
    # The conformance suite too, which a feature keeps out of a plain `cargo test`.
    features = ("--features", f"{CONFORMANCE}/localstack") if has_conformance() else ()
    return ("cargo", "clippy", "--workspace", "--all-targets", *features, "--", "-D", "warnings")


STAGES = {
    stage.name: stage
    for stage in (
        Stage("install", (tenfold("install"),)),
        Stage("format", (("cargo", "fmt", "--check"),)),
        Stage(
            "lint",
            (lint(),),
        ),
        Stage("unit", (unit_tests(),), has_tests=True),
        # Every crash at every AWS call; ends in one line of JSON, and fails by its exit code.
        Stage("sim", (("env", *WHOLE, "make", "sim", "SECONDS=1"),)),
        Stage(
            "platform",
            (
                (".local/venv/bin/python", "-m", "pytest", "localstack/plugin"),
                tenfold("run", "pytest", "localstack/tests"),
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
        Stage("up", (tenfold("up"),), needs=("install",), exists=has_templates),
        Stage(
            "conformance",
            (
                tenfold(
                    *("run", "cargo", "test", "--package", CONFORMANCE, "--features", "localstack"),
                    # How many sequences were compared.
                    *("--", "--show-output"),
                ),
            ),
            has_tests=True,
            needs=("up",),
            exists=has_conformance,
        ),
        Stage(
            "e2e",
            (tenfold("run", "pytest", "tests/e2e", "-n", "4"),),
            has_tests=True,
            needs=("up",),
            exists=folder("tests/e2e"),
        ),
        Stage("down", (tenfold("stop"),), needs=("up",), exists=has_templates, always=True),
    )
}

RUNS = {
    "test": tuple(STAGES),
    "check": ("install", "format", "lint", "unit", "platform", "contract"),
}


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in RUNS:
        print(f"usage: tools/stages.py {'|'.join(RUNS)}", file=sys.stderr)
        return 2
    outcomes: dict[str, Outcome] = {}
    for name in RUNS[sys.argv[1]]:
        outcomes[name] = outcome_of(STAGES[name], outcomes)
    print(table(outcomes), flush=True)
    return 1 if any(o.status in ("FAILED", "NO TESTS", "skipped") for o in outcomes.values()) else 0


def outcome_of(stage: Stage, before: dict[str, Outcome]) -> Outcome:
    if not stage.exists():
        return Outcome("absent")
    broken = [name for name in stage.needs if before[name].status not in ("ok", "absent")]
    if broken and not stage.always:
        print(f"\n==> stage {stage.name}: skipped, {', '.join(broken)} failed", flush=True)
        return Outcome("skipped")
    print(f"\n==> stage {stage.name}", flush=True)
    started = time.monotonic()
    outcome = Outcome("ok", passed=0, failed=0) if stage.has_tests else Outcome("ok")
    for command in stage.commands:
        passed = 0
        for line in output_of(command, outcome):
            if stage.has_tests and CLOSING.search(line := ANSI.sub("", line)):
                passed += sum(map(int, PASSED.findall(line)))
                outcome.failed += sum(map(int, FAILED.findall(line)))
        if stage.has_tests:
            outcome.passed += passed
            if not passed and outcome.status == "ok":
                print(f"error: {' '.join(command)} ran no test", flush=True)
                outcome.status = "NO TESTS"
    outcome.seconds = time.monotonic() - started
    return outcome


def output_of(command: tuple[str, ...], outcome: Outcome) -> Iterator[str]:
    """Shows the command's output line by line, and yields each."""
    print(f"$ {' '.join(command)}", flush=True)
    color = {"CARGO_TERM_COLOR": "always", "PY_COLORS": "1"} if sys.stdout.isatty() else {}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **color},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            yield line
    if process.returncode:
        outcome.status = "FAILED"


def table(outcomes: dict[str, Outcome]) -> str:
    rows = [f"\n{'stage':<12} {'status':<9} {'seconds':>8} {'passed':>7} {'failed':>7}"]
    for name, outcome in outcomes.items():
        counts = ["" if n is None else str(n) for n in (outcome.passed, outcome.failed)]
        seconds = f"{outcome.seconds:.1f}"
        rows.append(
            f"{name:<12} {outcome.status:<9} {seconds:>8} {counts[0]:>7} {counts[1]:>7}"
        )
    seconds = sum(outcome.seconds for outcome in outcomes.values())
    rows.append(f"{'':<12} {'':<9} {seconds:>8.1f}\n")
    totals = [sum(getattr(o, key) or 0 for o in outcomes.values()) for key in ("passed", "failed")]
    rows.append(f"{totals[0]} passed, {totals[1]} failed")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
