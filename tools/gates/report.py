"""What a gate found, and how it is told."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GATES = ROOT / ".local" / "gates"
# How often it is said what is under way.
PROGRESS = 10.0


class Refused(Exception):
    """A gate cannot judge: what was wrong, what was expected, what to do."""


@dataclass(frozen=True)
class Finding:
    rule: str
    # The file, with the line where that is known.
    where: str
    resource: str
    what: str
    todo: str
    # Of a template: with which parameters.
    variant: str = ""

    def __str__(self) -> str:
        variant = f" ({self.variant})" if self.variant else ""
        return (
            f"  {self.rule}  {self.where}  {self.resource}{variant}\n"
            f"      {self.what}\n"
            f"      what to do: {self.todo}"
        )


@dataclass
class Outcome:
    """What a gate has looked at, and what it has found."""

    # How many checks were made: a gate that made none has not judged.
    checks: int
    of_what: str
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Gate:
    name: str
    what: str
    run: Callable[[], Outcome]


def judge(gate: Gate) -> tuple[bool, str]:
    """Whether a gate lets pass, and what it says."""
    began = time.monotonic()
    try:
        outcome = gate.run()
        if not outcome.checks:
            raise Refused(f"nothing was checked of {outcome.of_what}; at least one check was expected")
    except Refused as refused:
        return False, f"==> {gate.name}: cannot judge\n  error: {refused}"
    took = f"{time.monotonic() - began:.1f} s"
    notes = "".join(f"\n  {note}" for note in outcome.notes)
    if not outcome.findings:
        return True, f"==> {gate.name}: ok in {took}: {outcome.checks} checks of {outcome.of_what}{notes}"
    found = sorted(set(outcome.findings), key=lambda finding: (finding.rule, finding.where, finding.variant))
    lines = "\n".join(map(str, found))
    head = f"{len(found)} findings of {outcome.checks} checks of {outcome.of_what}"
    return False, f"==> {gate.name}: {head}, in {took}{notes}\n{lines}"


def all_of(gates: list[Gate]) -> int:
    """Runs gates side by side, says what each finds as it ends, and gives the exit code."""
    began = time.monotonic()
    results: dict[str, bool] = {}
    ended = threading.Condition()

    def work(gate: Gate) -> None:
        try:
            well, text = judge(gate)
        except Exception as error:  # a gate that breaks has not judged
            well, text = False, f"==> {gate.name}: broke\n  error: {type(error).__name__}: {error}"
        with ended:
            results[gate.name] = well
            print(text, flush=True)
            ended.notify()

    for gate in gates:
        print(f"--> {gate.name}: {gate.what}", flush=True)
        threading.Thread(target=work, args=(gate,), daemon=True).start()
    with ended:
        while len(results) < len(gates):
            if not ended.wait(PROGRESS):
                left = [gate.name for gate in gates if gate.name not in results]
                print(f"... {time.monotonic() - began:.0f} s: {', '.join(left)}", flush=True)
    passed = sum(results.values())
    print(f"gates: {passed} passed, {len(gates) - passed} failed in {time.monotonic() - began:.1f}s", flush=True)
    return 0 if passed == len(gates) else 1


def run(command: list, what: str, **options) -> subprocess.CompletedProcess:
    """A tool's output, whatever its exit code is: what it means the gate knows."""
    try:
        return subprocess.run([str(part) for part in command], text=True, capture_output=True, check=False, **options)
    except FileNotFoundError:
        raise Refused(f"{what} is not installed; `localstack/tenfold install-gates` installs it") from None


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def usage(text: str) -> int:
    print(text, file=sys.stderr)
    return 2
